//! The secret that an agent's clients present.

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq;

/// An agent's gateway token: 64 lower-case hexadecimal characters.
///
/// It shows only its first characters; [`GatewayToken::reveal`] is for the
/// agent's own variables and for its owner. How long a comparison takes tells
/// nothing of either token.
#[derive(Clone, Eq)]
pub struct GatewayToken(String);

impl PartialEq for GatewayToken {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl GatewayToken {
    /// A token of these random bytes.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// A token that is certainly another one.
    pub fn altered(&self) -> Self {
        let other = |digit| if digit == '0' { '1' } else { '0' };
        Self(self.0.chars().map(other).collect())
    }

    /// The token itself, to be handed over and never to be logged.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for GatewayToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fingerprint: String = self.0.chars().take(4).collect();
        write!(f, "GatewayToken({fingerprint}…)")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 64 hexadecimal characters")]
pub struct InvalidGatewayToken;

impl FromStr for GatewayToken {
    type Err = InvalidGatewayToken;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(InvalidGatewayToken)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_64_hexadecimal_characters_and_shows_four() {
        let token = GatewayToken::from_random([0xa1; 32]);
        assert_eq!(token.reveal(), "a1".repeat(32));
        assert_eq!(format!("{token:?}"), "GatewayToken(a1a1…)");
        assert_eq!(token.reveal().parse(), Ok(token.clone()));
        assert_ne!(token, GatewayToken::from_random([0xa2; 32]));
        for token in [[0x00; 32], [0x11; 32], [0x01; 32]].map(GatewayToken::from_random) {
            assert_ne!(token.altered(), token);
            assert_eq!(token.altered().reveal().parse(), Ok(token.altered()));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "a1", &"g1".repeat(32), &"a1".repeat(33)] {
            assert_eq!(
                text.parse::<GatewayToken>(),
                Err(InvalidGatewayToken),
                "{text:?}"
            );
        }
    }
}
