//! The secrets of NextAuth and Auth.js, and the keys that both derive from
//! them.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{digest, hkdf};

use super::jwe::ContentKey;

/// One or more secrets: while one is rotated, cookies of both are taken. They
/// show nothing of themselves.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets(Vec<String>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be secrets of at least 32 bytes each, separated by commas")]
pub struct InvalidSecrets;

impl Secrets {
    /// The shortest secret, in bytes: as long as the keys made of it.
    const MIN_LEN: usize = 32;

    /// Each of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// These and others, each once.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        for other in others.0 {
            if !self.0.contains(&other) {
                self.0.push(other);
            }
        }
        self
    }
}

impl FromStr for Secrets {
    type Err = InvalidSecrets;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let secrets = text.split(',').map(|secret| {
            let secret = secret.trim();
            (secret.len() >= Self::MIN_LEN).then(|| secret.to_owned())
        });
        secrets
            .collect::<Option<_>>()
            .map(Self)
            .ok_or(InvalidSecrets)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// The key of NextAuth v4, the same for each of its cookies.
pub(super) fn next_auth_key(secret: &str) -> Option<ContentKey> {
    let key = derive::<32>(secret, "", "NextAuth.js Generated Encryption Key")?;
    ContentKey::gcm(&key)
}

/// The key of Auth.js v5 for one cookie, and the name that it gives to it.
pub(super) fn auth_js_key(secret: &str, cookie: &str) -> Option<(ContentKey, String)> {
    let info = format!("Auth.js Generated Encryption Key ({cookie})");
    let key = derive::<64>(secret, cookie, &info)?;
    Some((ContentKey::cbc_hmac(&key)?, thumbprint(&key)))
}

/// HKDF with SHA-256 (RFC 5869).
fn derive<const LEN: usize>(secret: &str, salt: &str, info: &str) -> Option<[u8; LEN]> {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt.as_bytes()).extract(secret.as_bytes());
    let mut key = [0; LEN];
    extracted
        .expand(&[info.as_bytes()], Length(LEN))
        .and_then(|expanded| expanded.fill(&mut key))
        .ok()?;
    Some(key)
}

/// The thumbprint of a symmetric key (RFC 7638), with the hash that Auth.js
/// takes for keys of 64 bytes.
fn thumbprint(key: &[u8; 64]) -> String {
    let key = URL_SAFE_NO_PAD.encode(key);
    let jwk = format!(r#"{{"k":"{key}","kty":"oct"}}"#);
    let digest = digest::digest(&digest::SHA512, jwk.as_bytes());
    URL_SAFE_NO_PAD.encode(digest.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_a_list_and_show_nothing() {
        let (one, two) = ("1".repeat(32), "2".repeat(44));
        let secrets: Secrets = format!("{one}, {two}").parse().unwrap();
        assert_eq!(secrets.iter().collect::<Vec<_>>(), [&one, &two]);
        assert_eq!(format!("{secrets:?}"), "Secrets(…)");
        let both = secrets.clone().and(two.parse().unwrap());
        assert_eq!(both, secrets);
        let more = secrets.and("3".repeat(32).parse().unwrap());
        assert_eq!(more.iter().count(), 3);
    }

    #[test]
    fn short_and_empty_secrets_are_refused() {
        let good = "1".repeat(32);
        for text in [
            String::new(),
            "1".repeat(31),
            format!("{good},"),
            format!(",{good}"),
            format!("{good},short"),
            format!("{},", " ".repeat(40)),
        ] {
            assert_eq!(text.parse::<Secrets>(), Err(InvalidSecrets), "{text:?}");
        }
    }
}
