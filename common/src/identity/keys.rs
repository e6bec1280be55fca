//! The public keys in a set (RFC 7517).

use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::claims::object;

/// The keys of a set.
pub(super) struct Keys {
    /// Those that can verify tokens.
    pub(super) usable: Vec<Key>,
    /// What those are called that are of no kind that is known here.
    pub(super) not_understood: Vec<String>,
}

pub(super) struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Keys {
    /// One by one: a key of a kind that is not known here is no reason to
    /// refuse the others.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = object(body)?;
        let mut keys = Self {
            usable: Vec::new(),
            not_understood: Vec::new(),
        };
        for jwk in set.keys {
            let name = name_of(&jwk);
            match Key::parse(jwk) {
                Some(Some(key)) => keys.usable.push(key),
                Some(None) => {}
                None => keys.not_understood.push(name),
            }
        }
        Some(keys)
    }

    /// The one key that it can be. A token that names none is good where there
    /// is only one of its algorithm.
    pub(super) fn find(&self, algorithm: Algorithm, id: Option<&str>) -> Option<&DecodingKey> {
        let mut found = self.usable.iter().filter(|key| {
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
    /// its algorithm, not what a token says. `None` if it is of no kind that is
    /// known here, and no key in it if it is for something else.
    fn parse(mut jwk: Value) -> Option<Option<Self>> {
        // RFC 9864's name of what RFC 8037 calls EdDSA, by which the library knows
        // it.
        if let Some(algorithm) = jwk.get_mut("alg").filter(|name| *name == "Ed25519") {
            *algorithm = Value::from("EdDSA");
        }
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
            && operations.is_none_or(|all| all.contains(&KeyOperations::Verify));
        if !signs {
            return Some(None);
        }
        if common.key_algorithm.is_some_and(|given| given != name) {
            return None;
        }
        Some(Some(Self {
            id: common.key_id.clone(),
            algorithm,
            key: DecodingKey::from_jwk(&jwk).ok()?,
        }))
    }
}

/// What a key is called in the log: its id, kind and algorithm, as far as it has
/// them.
fn name_of(jwk: &Value) -> String {
    let part = |name: &str| {
        let text = jwk.get(name).and_then(Value::as_str)?;
        let text: String = text
            .chars()
            .filter(|it| !it.is_control())
            .take(64)
            .collect();
        Some(format!("{name} {text}"))
    };
    let parts: Vec<_> = ["kid", "kty", "crv", "alg"]
        .into_iter()
        .filter_map(part)
        .collect();
    match parts.is_empty() {
        true => "without a name".to_owned(),
        false => parts.join(", "),
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
            {"kty": "OKP", "crv": "Ed25519", "x": POINT, "kid": "new", "alg": "Ed25519"},
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
            {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AQAB", "kid": "post-quantum"},
            {},
            null,
            "key",
        ]));
        let ids: Vec<_> = found
            .usable
            .iter()
            .filter_map(|key| key.id.as_deref())
            .collect();
        assert_eq!(ids, ["plain", "use", "new", "ec", "rsa"]);
        assert_eq!(found.usable.len(), 5);
        // Keys for other things are none of those that somebody may miss.
        let named: Vec<_> = found.not_understood.iter().map(String::as_str).collect();
        assert_eq!(
            named,
            [
                "kty OKP, crv Ed25519, alg ES256",
                "kty OKP, crv X25519",
                "kty OKP, crv Ed25519",
                "kty EC, crv P-384",
                "kty RSA, alg PS256",
                "kty oct, alg HS256",
                "kty oct",
                "kid post-quantum, kty AKP, alg ML-DSA-44",
                "without a name",
                "without a name",
                "without a name",
            ]
        );
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
        assert!(keys(&json!([])).usable.is_empty());
    }
}
