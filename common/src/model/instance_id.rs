//! Ids of instances.

use std::fmt;
use std::str::FromStr;

/// Identifies an agent instance. The API's `userId` path parameter is one of
/// these, not a user (a quirk of the contract).
///
/// 1 to 64 ASCII letters, digits, hyphens and underscores. Anything else is
/// refused and never cleaned into another id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId(String);

impl InstanceId {
    /// The longest id, in characters.
    pub const MAX_LEN: usize = 64;

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 letters, digits, hyphens or underscores")]
pub struct InvalidInstanceId;

impl FromStr for InstanceId {
    type Err = InvalidInstanceId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if (1..=Self::MAX_LEN).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidInstanceId)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_allowed_characters_are_kept_as_they_are() {
        for text in ["a", "abc123", "Agent_7-x", &"x".repeat(64)] {
            assert_eq!(
                text.parse::<InstanceId>().as_ref().map(InstanceId::as_str),
                Ok(text)
            );
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "a b",
            "a/b",
            "../a",
            "a.b",
            "ä",
            "a\n",
            "a%2f",
            &"x".repeat(65),
        ] {
            assert_eq!(
                text.parse::<InstanceId>(),
                Err(InvalidInstanceId),
                "{text:?}"
            );
        }
    }
}
