//! The public keys of a login (RFC 7517), fetched and kept for a while.

use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::Client;
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::claims::object;
use crate::client::{self, ClientError, ReadError, is_confidential};

/// How long keys are used without a question. A key that the login withdraws
/// is believed for so long.
const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// How long they are used while the login cannot be asked.
const USABLE: SignedDuration = SignedDuration::from_hours(1);
/// How long a question keeps others from being asked: strangers may name as
/// many unknown keys as they like.
const PAUSE: SignedDuration = SignedDuration::from_secs(60);
/// The same while there are no keys at all.
const PAUSE_WITHOUT_KEYS: SignedDuration = SignedDuration::from_secs(5);

/// For a connection to the login to stand, and for the whole answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(3);

/// Where a login publishes its keys. Who could change them on their way could
/// be anybody, so it is https, or a server on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwksUrl(Url);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an https URL, or an http URL on the loopback")]
pub struct InvalidJwksUrl;

impl FromStr for JwksUrl {
    type Err = InvalidJwksUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| InvalidJwksUrl)?;
        is_confidential(&url)
            .then_some(Self(url))
            .ok_or(InvalidJwksUrl)
    }
}

/// There are no keys to tell a good token from a bad one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the login's keys cannot be fetched")]
pub struct KeysUnavailable;

impl KeysUnavailable {
    /// When it is worth another try: the login is not asked before.
    pub const RETRY_AFTER: Duration = PAUSE_WITHOUT_KEYS.unsigned_abs();
}

/// The keys of one login.
pub(super) struct Jwks {
    url: Url,
    http: Client,
    kept: Mutex<Kept>,
    /// Held by the one who asks.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct Kept {
    keys: Option<(Arc<Keys>, Timestamp)>,
    asked_at: Option<Timestamp>,
}

/// Why a question was in vain, for the log.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("no answer: {0}")]
    Request(reqwest::Error),
    #[error("HTTP {0}")]
    Status(StatusCode),
    #[error("the answer {0}")]
    Body(#[from] ReadError),
    #[error("the answer is no set of keys")]
    NoSet,
}

impl Jwks {
    pub(super) fn new(url: JwksUrl) -> Result<Self, ClientError> {
        let http = client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .timeout(LIMIT)
            .build()?;
        Ok(Self {
            url: url.0,
            http,
            kept: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        })
    }

    /// The key that a token names, if the login has it.
    pub(super) async fn find(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<DecodingKey>, KeysUnavailable> {
        let kept = self.kept();
        let found = |kept: &Kept, age| Some(kept.keys_of(now, age)?.find(algorithm, id)?.clone());
        if let Some(key) = found(&kept, FRESH) {
            return Ok(Some(key));
        }
        let _asking = match (self.asking.try_lock(), found(&kept, USABLE)) {
            (Ok(asking), _) => asking,
            // Somebody asks already; old keys are good enough meanwhile.
            (Err(_), Some(key)) => return Ok(Some(key)),
            (Err(_), None) => self.asking.lock().await,
        };
        // Somebody may have asked just now.
        if self.kept().may_ask(now) {
            self.ask(now).await;
        }
        let kept = self.kept();
        let keys = kept.keys_of(now, USABLE).ok_or(KeysUnavailable)?;
        Ok(keys.find(algorithm, id).cloned())
    }

    fn kept(&self) -> Kept {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clone()
    }

    fn keep(&self, change: impl FnOnce(&mut Kept)) {
        change(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner));
    }

    async fn ask(&self, now: Timestamp) {
        self.keep(|kept| kept.asked_at = Some(now));
        match self.fetch().await {
            Ok(keys) => {
                if keys.0.is_empty() {
                    tracing::warn!("the login has no key that tokens may be signed with");
                }
                self.keep(|kept| kept.keys = Some((Arc::new(keys), now)));
            }
            Err(error) => tracing::warn!(%error, "the login's keys cannot be fetched"),
        }
    }

    async fn fetch(&self) -> Result<Keys, FetchError> {
        let request = self.http.get(self.url.clone());
        let response = request
            .send()
            .await
            // The URL may hold a secret.
            .map_err(|error| FetchError::Request(error.without_url()))?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        Keys::parse(&client::read_bounded(response).await?).ok_or(FetchError::NoSet)
    }
}

impl Kept {
    /// The keys, unless they are older than this.
    fn keys_of(&self, now: Timestamp, age: SignedDuration) -> Option<&Keys> {
        let (keys, fetched_at) = self.keys.as_ref()?;
        // A clock that was turned back makes them no younger.
        (now.duration_since(*fetched_at).abs() < age).then_some(keys)
    }

    fn may_ask(&self, now: Timestamp) -> bool {
        let pause = match self.keys_of(now, USABLE) {
            Some(_) => PAUSE,
            None => PAUSE_WITHOUT_KEYS,
        };
        self.asked_at
            .is_none_or(|at| now.duration_since(at).abs() >= pause)
    }
}

/// The keys of a set that can verify tokens.
struct Keys(Vec<Key>);

struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Keys {
    /// One by one: a key of a kind that is not known here is no reason to
    /// refuse the others.
    fn parse(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = object(body)?;
        let keys = set.keys.into_iter();
        Some(Self(keys.filter_map(Key::parse).collect()))
    }

    /// The one key that it can be. A token that names none is good where there
    /// is only one of its algorithm.
    fn find(&self, algorithm: Algorithm, id: Option<&str>) -> Option<&DecodingKey> {
        let mut found = self.0.iter().filter(|key| {
            let is_named = id.is_none_or(|id| key.id.as_deref() == Some(id));
            key.algorithm == algorithm && is_named
        });
        match (found.next(), found.next()) {
            (Some(key), None) => Some(&key.key),
            _ => None,
        }
    }
}

impl Key {
    /// A public key that the login signs with. What kind it is decides about
    /// its algorithm, not what a token says.
    fn parse(jwk: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(jwk).ok()?;
        let (algorithm, name) = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                (Algorithm::ES256, KeyAlgorithm::ES256)
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
            }
            _ => return None,
        };
        let common = &jwk.common;
        let usage = common.public_key_use.as_ref();
        let operations = common.key_operations.as_ref();
        let signs = usage.is_none_or(|usage| *usage == PublicKeyUse::Signature)
            && operations.is_none_or(|all| all.contains(&KeyOperations::Verify))
            && common.key_algorithm.is_none_or(|given| given == name);
        Some(Self {
            id: common.key_id.clone(),
            algorithm,
            key: signs.then(|| DecodingKey::from_jwk(&jwk).ok()).flatten()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const POINT: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn keys(keys: &Value) -> Keys {
        Keys::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn keys_for_other_things_are_left_out_and_the_others_stay() {
        let found = keys(&json!([
            {"kty": "OKP", "crv": "Ed25519", "x": POINT, "kid": "plain"},
            {"kty": "OKP", "crv": "Ed25519", "x": POINT, "kid": "use", "use": "sig", "alg": "EdDSA", "key_ops": ["verify"]},
            {"kty": "EC", "crv": "P-256", "x": POINT, "y": POINT, "kid": "ec"},
            {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "rsa", "alg": "RS256"},
            {"kty": "OKP", "crv": "Ed25519", "x": POINT, "use": "enc"},
            {"kty": "OKP", "crv": "Ed25519", "x": POINT, "key_ops": ["sign"]},
            {"kty": "OKP", "crv": "Ed25519", "x": POINT, "alg": "ES256"},
            {"kty": "OKP", "crv": "X25519", "x": POINT},
            {"kty": "OKP", "crv": "Ed25519", "x": "not base64 at all!"},
            {"kty": "EC", "crv": "P-384", "x": POINT, "y": POINT},
            {"kty": "RSA", "n": "AQAB", "e": "AQAB", "alg": "PS256"},
            {"kty": "oct", "k": POINT, "alg": "HS256"},
            {"kty": "oct", "k": POINT},
            {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AQAB"},
            {},
            null,
            "key",
        ]));
        let ids: Vec<_> = found.0.iter().filter_map(|key| key.id.as_deref()).collect();
        assert_eq!(ids, ["plain", "use", "ec", "rsa"]);
        assert_eq!(found.0.len(), 4);
    }

    #[test]
    fn a_token_means_exactly_one_key() {
        let found = keys(&json!([
            {"kty": "OKP", "crv": "Ed25519", "x": POINT, "kid": "one"},
            {"kty": "OKP", "crv": "Ed25519", "x": POINT, "kid": "two"},
            {"kty": "EC", "crv": "P-256", "x": POINT, "y": POINT, "kid": "two"},
            {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "twice"},
            {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "twice"},
        ]));
        for (algorithm, id, is_found) in [
            (Algorithm::EdDSA, Some("one"), true),
            (Algorithm::EdDSA, Some("two"), true),
            (Algorithm::ES256, Some("two"), true),
            (Algorithm::ES256, Some("one"), false),
            (Algorithm::ES256, None, true),
            (Algorithm::EdDSA, None, false),
            (Algorithm::EdDSA, Some(""), false),
            (Algorithm::RS256, Some("twice"), false),
            (Algorithm::HS256, None, false),
        ] {
            assert_eq!(found.find(algorithm, id).is_some(), is_found, "{id:?}");
        }
    }

    #[test]
    fn what_is_no_set_is_none() {
        for body in [
            "",
            "[]",
            "[[]]",
            "{}",
            r#"{"keys":{}}"#,
            "<html>",
            r#"{"keys":null}"#,
        ] {
            assert!(Keys::parse(body.as_bytes()).is_none(), "{body}");
        }
        assert!(keys(&json!([])).0.is_empty());
    }

    #[test]
    fn questions_have_pauses_and_keys_an_end() {
        let at = |seconds: i64| Timestamp::from_second(1_700_000_000 + seconds).unwrap();
        let mut kept = Kept::default();
        assert!(kept.may_ask(at(0)));
        kept.asked_at = Some(at(0));
        assert!(!kept.may_ask(at(4)));
        assert!(kept.may_ask(at(5)));
        kept.keys = Some((Arc::new(Keys(Vec::new())), at(0)));
        assert!(!kept.may_ask(at(59)));
        assert!(kept.may_ask(at(60)));
        assert!(kept.keys_of(at(599), FRESH).is_some());
        assert!(kept.keys_of(at(600), FRESH).is_none());
        assert!(kept.keys_of(at(3599), USABLE).is_some());
        assert!(kept.keys_of(at(3600), USABLE).is_none());
        assert!(kept.keys_of(at(-3600), USABLE).is_none());
    }

    #[test]
    fn keys_come_encrypted_or_from_this_machine() {
        for good in ["https://login.example/keys", "http://127.0.0.1:1/keys"] {
            assert!(good.parse::<JwksUrl>().is_ok(), "{good}");
        }
        for bad in ["", "keys", "http://login.example/keys", "file:///keys"] {
            assert_eq!(bad.parse::<JwksUrl>(), Err(InvalidJwksUrl), "{bad}");
        }
    }
}
