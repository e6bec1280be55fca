//! Authenticates the platform's own services, by their bearer key.

use std::fmt;
use std::str::FromStr;

use ::http::{HeaderMap, header, request::Parts};
use axum::extract::{FromRef, FromRequestParts};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::ApiError;

/// The key that the platform's services share, `INTERNAL_API_KEY`.
#[derive(Clone)]
pub struct InternalKey {
    key: String,
    digest: [u8; 32],
}

impl InternalKey {
    /// The key itself, to be sent and never to be logged.
    pub fn reveal(&self) -> &str {
        &self.key
    }

    /// Compares in constant time. Digests have one length, so not even the
    /// key's length can be measured.
    pub fn is(&self, presented: &str) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        presented.ct_eq(&self.digest).into()
    }
}

impl fmt::Debug for InternalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InternalKey(…)")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be at least 16 printable ASCII characters without spaces")]
pub struct InvalidKey;

impl FromStr for InternalKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self {
                key: text.to_owned(),
                digest: Sha256::digest(text.as_bytes()).into(),
            })
        } else {
            Err(InvalidKey)
        }
    }
}

/// A caller that presented the key as `Authorization: Bearer`. Any other is
/// refused with 401.
#[derive(Clone, Copy, Debug)]
pub struct Bearer;

impl<S> FromRequestParts<S> for Bearer
where
    S: Send + Sync,
    InternalKey: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        match presented(&parts.headers) {
            Some(key) if InternalKey::from_ref(state).is(key) => Ok(Self),
            _ => Err(ApiError::Unauthorized),
        }
    }
}

/// The token of `Authorization: Bearer`.
pub fn presented(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, presented) = header.split_once(' ')?;
    // The scheme is case-insensitive (RFC 9110).
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    is_bearer.then(|| presented.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_only_itself_and_shows_nothing() {
        let key: InternalKey = "0123456789abcdef".parse().unwrap();
        assert!(key.is("0123456789abcdef"));
        for other in [
            "",
            "0123456789abcde",
            "0123456789abcdeF",
            "0123456789abcdef0",
        ] {
            assert!(!key.is(other), "{other:?}");
        }
        assert_eq!(format!("{key:?}"), "InternalKey(…)");
    }

    #[test]
    fn short_and_unprintable_keys_are_refused() {
        for text in ["", "short", "0123456789 abcdef", "0123456789abcdé\n"] {
            assert!(text.parse::<InternalKey>().is_err(), "{text:?}");
        }
    }
}
