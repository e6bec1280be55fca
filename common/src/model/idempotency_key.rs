//! Idempotency keys of callers.

use sha2::{Digest, Sha256};

use super::UserId;

/// The digest of an `Idempotency-Key` header and the user who sent it: two
/// users never share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// The header's value is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 255 printable ASCII characters")]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// The key that `user` sent.
    ///
    /// # Errors
    /// When the text is empty, too long, or not printable ASCII.
    pub fn new(user: &UserId, text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        if !(1..=255).contains(&text.len()) || !text.bytes().all(printable) {
            return Err(InvalidIdempotencyKey);
        }
        // A user id has no control characters, so the two cannot run together.
        let digest = Sha256::new()
            .chain_update(user.as_str())
            .chain_update([0])
            .chain_update(text)
            .finalize();
        Ok(Self(
            digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        ))
    }

    /// The digest, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_two_users_differ() {
        let user = |name: &str| name.parse::<UserId>().unwrap();
        let key = |name: &str, text: &str| IdempotencyKey::new(&user(name), text).unwrap();
        assert_eq!(key("a", "x"), key("a", "x"));
        assert_ne!(key("a", "x"), key("b", "x"));
        assert_ne!(key("a", "bx"), key("ab", "x"));
    }

    #[test]
    fn empty_long_and_unprintable_keys_are_refused() {
        let user: UserId = "a".parse().unwrap();
        for text in ["", "a\tb", "ä", &"x".repeat(256)] {
            assert_eq!(
                IdempotencyKey::new(&user, text),
                Err(InvalidIdempotencyKey),
                "{text:?}"
            );
        }
    }
}
