//! Ids of the platform's users.

use std::fmt;
use std::str::FromStr;

/// Identifies an owner: whatever the platform's login calls its users (a UUID,
/// an e-mail address, `auth0|123`).
///
/// 1 to 128 bytes without white space or control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserId(String);

impl UserId {
    /// The longest id, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Who has ordered what the plane does to agents by itself. A login whose user
    /// has this very id loses nothing by it: it opens no door.
    pub fn self_healing() -> Self {
        Self("self-healing".to_owned())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 128 bytes without white space or control characters")]
pub struct InvalidUserId;

impl FromStr for UserId {
    type Err = InvalidUserId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |c: char| c.is_whitespace() || c.is_control();
        if (1..=Self::MAX_LEN).contains(&text.len()) && !text.contains(refused) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidUserId)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_common_logins_are_accepted() {
        for text in [
            "user_1",
            "a@b.example",
            "auth0|62f",
            "3f2b8c1e-0000-4000-8000-000000000000",
        ] {
            assert_eq!(
                text.parse::<UserId>().as_ref().map(UserId::as_str),
                Ok(text)
            );
        }
    }

    #[test]
    fn empty_long_and_blank_ids_are_refused() {
        for text in ["", " ", "a b", "a\u{0}", "a\u{a0}b", &"x".repeat(129)] {
            assert_eq!(text.parse::<UserId>(), Err(InvalidUserId), "{text:?}");
        }
    }
}
