//! What cookies and tokens say once they are believed.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::model::UserId;

/// How far the clocks of a login and of this machine may differ, in seconds.
const LEEWAY: f64 = 60.0;

/// The claims that make a session (RFC 7519). Others are left alone.
#[derive(Deserialize)]
pub(super) struct Claims {
    /// The user. Cookies of a login in progress are sealed with the same key
    /// and have none.
    sub: String,
    /// Who says so. Cookies do not tell.
    #[serde(default)]
    iss: Option<String>,
    /// For whom: a text, or several.
    #[serde(default)]
    aud: Value,
    /// Without an end it is no session.
    exp: NumericDate,
    #[serde(default)]
    nbf: Option<NumericDate>,
    #[serde(default)]
    iat: Option<NumericDate>,
}

/// Seconds since 1970, which may have a fraction.
#[derive(Clone, Copy, Deserialize)]
struct NumericDate(f64);

/// Who issued the claims, if they say it as those of a session do.
pub(super) fn issuer(json: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Issued {
        iss: String,
    }
    object::<Issued>(json).map(|issued| issued.iss)
}

/// Reads a JSON object. Serde alone would take an array of a struct's fields
/// too.
pub(super) fn object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    let is_object = json.trim_ascii_start().starts_with(b"{");
    is_object
        .then(|| serde_json::from_slice(json).ok())
        .flatten()
}

impl Claims {
    /// The issuer, if there is one.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.iss.as_deref()
    }

    /// Whether they are meant for this audience.
    pub(super) fn is_for(&self, audience: &str) -> bool {
        match &self.aud {
            Value::String(one) => one == audience,
            Value::Array(all) => all.iter().any(|one| one == audience),
            _ => false,
        }
    }

    /// Who it is, if the session has begun and has not ended.
    pub(super) fn user(&self, now: Timestamp) -> Option<UserId> {
        let now = now.as_millisecond() as f64 / 1000.0;
        let has_begun = |at: Option<NumericDate>| at.is_none_or(|at| at.0 <= now + LEEWAY);
        let valid = now < self.exp.0 + LEEWAY && has_begun(self.nbf) && has_begun(self.iat);
        valid.then(|| self.sub.parse().ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn user(claims: &str) -> Option<String> {
        let claims: Claims = object(claims.as_bytes())?;
        let now = Timestamp::from_second(NOW).unwrap();
        claims.user(now).map(|user| user.to_string())
    }

    #[test]
    fn a_session_is_valid_from_its_beginning_to_its_end_give_or_take_a_minute() {
        for (exp, nbf, iat, valid) in [
            (NOW + 1, NOW, NOW, true),
            (NOW - 59, NOW, NOW, true),
            (NOW - 60, NOW, NOW, false),
            (NOW + 1, NOW + 60, NOW + 60, true),
            (NOW + 1, NOW + 61, NOW, false),
            (NOW + 1, NOW, NOW + 61, false),
            (i64::MAX, i64::MIN, i64::MIN, true),
            (i64::MIN, i64::MIN, i64::MIN, false),
        ] {
            let claims = format!(r#"{{"sub":"u","exp":{exp},"nbf":{nbf},"iat":{iat}}}"#);
            assert_eq!(user(&claims).is_some(), valid, "{claims}");
        }
    }

    #[test]
    fn only_an_end_and_a_user_are_needed() {
        for claims in [
            r#"{"sub":"u","exp":1700000000.5}"#,
            r#"{"sub":"u","exp":1.7e9,"nbf":null,"iat":null,"name":{"any":["thing"]}}"#,
        ] {
            assert_eq!(user(claims).as_deref(), Some("u"), "{claims}");
        }
    }

    #[test]
    fn claims_of_other_kinds_are_nobodys() {
        for claims in [
            r#"{"exp":1800000000}"#,
            r#"{"sub":"u"}"#,
            r#"{"sub":null,"exp":1800000000}"#,
            r#"{"sub":"","exp":1800000000}"#,
            r#"{"sub":"a b","exp":1800000000}"#,
            r#"{"sub":7,"exp":1800000000}"#,
            r#"{"sub":["u"],"exp":1800000000}"#,
            r#"{"sub":"u","exp":"1800000000"}"#,
            r#"{"sub":"u","exp":null}"#,
            r#"{"sub":"u","exp":1e999}"#,
            r#"{"sub":"u","exp":1800000000,"nbf":"no"}"#,
            r#"{"sub":"u","exp":1800000000,"iat":{}}"#,
            r#"{"sub":"u","sub":"v","exp":1800000000}"#,
            r#"{"sub":"u","exp":1,"exp":1800000000}"#,
            r#"["u",1800000000]"#,
            "",
        ] {
            assert_eq!(user(claims), None, "{claims}");
        }
    }
}
