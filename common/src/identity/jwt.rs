//! Users' bearer tokens: JWTs (RFC 7519) signed by a login.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, crypto};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::claims::{self, Claims, object};
use super::jwks::{Jwks, JwksUrl, KeysUnavailable};
use super::provider;
use crate::client::ClientError;
use crate::config::{JWT_AUDIENCE, JWT_ISSUER, JWT_JWKS_URL, Reader};
use crate::model::UserId;

/// The longest token that is looked at, in bytes.
const MAX_LEN: usize = 8 * 1024;

/// What a token may be signed with, by all its names: RFC 9864 calls Ed25519 by
/// its own, and RFC 8037 EdDSA. Never `none`, and nothing symmetric: the keys are
/// public.
const ALGORITHMS: [(&str, Algorithm); 4] = [
    ("RS256", Algorithm::RS256),
    ("ES256", Algorithm::ES256),
    ("EdDSA", Algorithm::EdDSA),
    ("Ed25519", Algorithm::EdDSA),
];

/// What a token may call itself. A login signs other things with the same
/// keys: notices of a logout, for one.
const TYPES: [&str; 2] = ["jwt", "at+jwt"];

/// Whose tokens are accepted: the configuration of a [`JwtVerifier`].
#[derive(Clone, Debug)]
pub struct JwtSettings {
    /// Where the keys are.
    pub keys: JwksUrl,
    /// Who has to have issued them.
    pub issuer: String,
    /// Whom they have to be meant for.
    pub audience: String,
}

impl JwtSettings {
    /// Reads the three variables: all or none. The outer `None` means that a
    /// problem was noted.
    pub fn read(reader: &mut Reader<'_>) -> Option<Option<Self>> {
        let (keys, issuer, audience) = (
            reader.optional(JWT_JWKS_URL),
            reader.optional(JWT_ISSUER),
            reader.optional(JWT_AUDIENCE),
        );
        match (keys?, issuer?, audience?) {
            (None, None, None) => Some(None),
            (Some(keys), Some(issuer), Some(audience)) => Some(Some(Self {
                keys,
                issuer,
                audience,
            })),
            _ => {
                // Each that is not set is a problem of its own.
                for name in [JWT_JWKS_URL, JWT_ISSUER, JWT_AUDIENCE] {
                    let _noted: Option<String> = reader.required(name);
                }
                None
            }
        }
    }
}

/// Who issues the platform's tokens, for those that only keep them from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer(String);

impl FromStr for Issuer {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl Issuer {
    /// Whether a token claims to be this issuer's. Nothing is verified: withholding
    /// a forged or expired one does no harm.
    pub fn is_of(&self, token: &str) -> bool {
        let mut parts = token.split('.');
        let (Some(_), Some(claims), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        let claims = URL_SAFE_NO_PAD.decode(claims).ok();
        claims.is_some_and(|claims| claims::issuer(&claims).as_deref() == Some(self.0.as_str()))
    }
}

/// Verifies the users' tokens of one login. Clones share its keys.
#[derive(Clone)]
pub struct JwtVerifier(Arc<Inner>);

struct Inner {
    keys: Jwks,
    issuer: String,
    audience: String,
}

impl JwtVerifier {
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(settings: JwtSettings) -> Result<Self, ClientError> {
        provider::install();
        Ok(Self(Arc::new(Inner {
            keys: Jwks::new(settings.keys)?,
            issuer: settings.issuer,
            audience: settings.audience,
        })))
    }

    /// The user whose token it is, if it is valid now.
    ///
    /// # Errors
    /// When the keys to verify it cannot be fetched.
    pub async fn user(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<UserId>, KeysUnavailable> {
        let Some(token) = Token::of(token) else {
            return Ok(None);
        };
        let (algorithm, id) = (token.algorithm, token.key.as_deref());
        let Some(key) = self.0.keys.find(algorithm, id, now).await? else {
            return Ok(None);
        };
        // Not by `decode`, which knows Ed25519 by its old name only.
        let verified = crypto::verify(token.signature, token.signed.as_bytes(), &key, algorithm);
        let Ok(true) = verified else {
            return Ok(None);
        };
        let claims = URL_SAFE_NO_PAD.decode(token.claims).ok();
        let claims: Option<Claims> = claims.and_then(|claims| object(&claims));
        let theirs = claims.filter(|claims| {
            claims.issuer() == Some(&self.0.issuer) && claims.is_for(&self.0.audience)
        });
        Ok(theirs.and_then(|claims| claims.user(now)))
    }
}

impl fmt::Debug for JwtVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtVerifier(…)")
    }
}

/// What may be a token. Nothing of it is verified.
struct Token<'t> {
    algorithm: Algorithm,
    /// The id of the key that it names.
    key: Option<String>,
    claims: &'t str,
    signature: &'t str,
    /// What the signature is of.
    signed: &'t str,
}

/// What a header says. A member that occurs twice is an error.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
    enc: Option<IgnoredAny>,
    zip: Option<IgnoredAny>,
}

impl<'t> Token<'t> {
    /// Reads a token whose header asks for nothing that is not done here. Keys
    /// and addresses of keys in it are never used.
    fn of(token: &'t str) -> Option<Self> {
        if token.len() > MAX_LEN {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = object(&URL_SAFE_NO_PAD.decode(header).ok()?)?;
        let is_type = |typ: &String| {
            let typ = typ.to_ascii_lowercase();
            TYPES.contains(&typ.strip_prefix("application/").unwrap_or(&typ))
        };
        let (_, algorithm) = ALGORITHMS.iter().find(|(name, _)| *name == header.alg)?;
        let taken = header.typ.as_ref().is_none_or(is_type)
            && header.crit.is_none()
            && header.enc.is_none()
            && header.zip.is_none();
        taken.then_some(Self {
            algorithm: *algorithm,
            key: header.kid,
            claims,
            signature,
            signed,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(variables: &[(&'static str, &str)]) -> Result<Option<JwtSettings>, String> {
        let variables = variables
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let environment: BTreeMap<&str, String> = variables.collect();
        let mut reader = Reader::new(&environment);
        match JwtSettings::read(&mut reader) {
            Some(settings) => Ok(settings),
            None => Err(reader.into_error().to_string()),
        }
    }

    #[test]
    fn all_three_variables_are_set_or_none() {
        let all = [
            (JWT_JWKS_URL, "https://login.example/keys"),
            (JWT_ISSUER, "https://login.example"),
            (JWT_AUDIENCE, "maintenance"),
        ];
        assert!(read(&[]).unwrap().is_none());
        assert!(read(&all).unwrap().is_some());
        assert_eq!(
            read(&all[..1]).unwrap_err(),
            "bad configuration: JWT_ISSUER is not set; JWT_AUDIENCE is not set"
        );
        assert_eq!(
            read(&all[1..]).unwrap_err(),
            "bad configuration: JWT_JWKS_URL is not set"
        );
        assert_eq!(
            read(&[(JWT_JWKS_URL, "http://login.example")]).unwrap_err(),
            "bad configuration: JWT_JWKS_URL must be an https URL, or an http URL on the loopback"
        );
    }

    #[test]
    fn an_issuers_tokens_are_known_by_what_they_say() {
        let issuer: Issuer = "https://login.example".parse().unwrap();
        for (claims, is_theirs) in [
            (r#"{"iss":"https://login.example"}"#, true),
            (
                r#"{"sub":"u","iss":"https:\/\/login.example","exp":1}"#,
                true,
            ),
            (r#"{"iss":"https://login.example/"}"#, false),
            (r#"{"iss":"https://other.example"}"#, false),
            (r#"{"iss":["https://login.example"]}"#, false),
            (r#"{"aud":"https://login.example"}"#, false),
            (r#"["https://login.example"]"#, false),
            ("", false),
        ] {
            let claims = URL_SAFE_NO_PAD.encode(claims);
            assert_eq!(issuer.is_of(&format!("e30.{claims}.AA")), is_theirs);
            assert!(!issuer.is_of(&claims));
            assert!(!issuer.is_of(&format!("e30.{claims}.AA.AA.AA")));
        }
        assert!(!issuer.is_of("of.an.agent"));
    }

    #[test]
    fn only_headers_that_ask_for_what_is_done_here_are_taken() {
        for (header, taken) in [
            (r#"{"alg":"RS256"}"#, true),
            (r#"{"alg":"ES256","typ":"JWT","kid":"k"}"#, true),
            (r#"{"alg":"EdDSA","typ":"application/at+jwt"}"#, true),
            (r#"{"alg":"EdDSA","jku":"https://evil.example/"}"#, true),
            (r#"{"alg":"Ed25519","kid":null}"#, true),
            (r#"{"alg":"Ed448"}"#, false),
            (r#"{"alg":"ed25519"}"#, false),
            (r#"{"alg":"none"}"#, false),
            (r#"{"alg":"None"}"#, false),
            (r#"{"alg":"HS256"}"#, false),
            (r#"{"alg":"ES384"}"#, false),
            (r#"{"alg":"PS256"}"#, false),
            (r#"{"alg":"RS256","alg":"none"}"#, false),
            (r#"{"alg":"RS256","crit":["exp"]}"#, false),
            (r#"{"alg":"RS256","typ":"logout+jwt"}"#, false),
            (r#"{"alg":"RS256","enc":"A256GCM"}"#, false),
            (r#"{"alg":"RS256","zip":"DEF"}"#, false),
            (r#"{"alg":["RS256"]}"#, false),
            (r#"{"typ":"JWT"}"#, false),
            (r#"["RS256"]"#, false),
            ("", false),
        ] {
            let token = format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(header));
            assert_eq!(Token::of(&token).is_some(), taken, "{header}");
        }
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#);
        let long = format!("{header}.{}.AA", "A".repeat(8192));
        assert!(Token::of(&long).is_none());
    }
}
