//! The wrapper's `/api/status` carries the agent's gateway token. Whoever presents
//! exactly that token gets all of the answer; everybody else gets the few fields of it
//! that are known to be harmless.

use axum::body::Body;
use axum::response::Response;
use common::client::BODY_LIMIT;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use crate::buffered;
use crate::error::ProxyError;
use crate::limits::Deadline;

/// The token's field, in lower case and without punctuation.
const TOKEN_FIELD: &str = "gatewaytoken";

/// Whether a value is of the kind that its field has.
type IsHarmless = fn(&Value) -> bool;

/// The fields that strangers get, and what may be in them.
const HARMLESS: [(&str, IsHarmless); 12] = [
    ("configured", Value::is_boolean),
    ("ffmpeg", is_switch_or_version),
    ("lastActivity", is_time),
    ("lastSeen", is_time),
    ("online", Value::is_boolean),
    ("running", Value::is_boolean),
    ("startedAt", is_time),
    ("state", is_word),
    ("timestamp", is_time),
    ("ts", is_time),
    ("uptime", Value::is_number),
    ("version", is_version),
];

/// The headers that strangers get: the others describe the original body, or could
/// hold anything.
const HEADERS: [HeaderName; 8] = [
    header::ALLOW,
    header::CACHE_CONTROL,
    header::CONTENT_SECURITY_POLICY,
    header::DATE,
    header::RETRY_AFTER,
    header::VARY,
    header::WWW_AUTHENTICATE,
    header::X_CONTENT_TYPE_OPTIONS,
];

/// Asks for a response that can be read: uncompressed and complete. A byte range
/// could hold the token without its name.
pub(crate) fn request_readable(headers: &mut HeaderMap) {
    headers.remove(header::RANGE);
    headers.remove(header::IF_RANGE);
    let identity = HeaderValue::from_static("identity");
    headers.insert(header::ACCEPT_ENCODING, identity);
}

/// What a caller gets of an answer that may be the wrapper's status: all of it, if
/// they presented the token that is in it. Otherwise its harmless fields if it is a
/// JSON object, and no body if it is anything else and no success.
///
/// # Errors
/// When a success cannot be read.
pub(crate) async fn guard(
    answer: Response,
    presented: Option<&str>,
    deadline: Deadline,
) -> Result<Response, ProxyError> {
    let mut encodings = answer.headers().get_all(header::CONTENT_ENCODING).iter();
    let is_encoded = encodings.any(|encoding| encoding != "identity");
    let is_part = answer.status() == StatusCode::PARTIAL_CONTENT;
    let (mut head, body) = answer.into_parts();
    let body = buffered::collect(body, BODY_LIMIT, deadline).await?;
    let readable = match is_encoded || is_part {
        true => None,
        false => serde_json::from_slice(&body).ok(),
    };
    let body = match readable {
        Some(Value::Object(status)) => {
            let status = match presented.is_some_and(|it| is_its_token(&status, it)) {
                true => status,
                false => {
                    keep_harmless_headers(&mut head.headers);
                    harmless(&status)
                }
            };
            head.headers.remove(header::CONTENT_LENGTH);
            let json = HeaderValue::from_static("application/json");
            head.headers.insert(header::CONTENT_TYPE, json);
            Body::from(Value::Object(status).to_string())
        }
        _ if body.is_empty() || !head.status.is_success() => {
            keep_harmless_headers(&mut head.headers);
            Body::empty()
        }
        _ => return Err(ProxyError::AnswerUnreadable),
    };
    Ok(Response::from_parts(head, body))
}

fn harmless(status: &Map<String, Value>) -> Map<String, Value> {
    let kept = HARMLESS.iter().filter_map(|(name, is_harmless)| {
        let value = status.get(*name).filter(|it| is_harmless(it))?;
        Some(((*name).to_owned(), value.clone()))
    });
    kept.collect()
}

fn keep_harmless_headers(headers: &mut HeaderMap) {
    // Where else to ask: without a query, which could hold the token.
    let location = headers.get(header::LOCATION).and_then(|location| {
        let path = location.as_bytes().split(|it| b"?#".contains(it)).next()?;
        HeaderValue::from_bytes(path).ok()
    });
    let others: Vec<HeaderName> = headers
        .keys()
        .filter(|name| !HEADERS.contains(name))
        .cloned()
        .collect();
    for name in others {
        headers.remove(name);
    }
    headers.extend(location.map(|it| (header::LOCATION, it)));
}

/// Whether a caller presents the token of this status, and there is no other one.
fn is_its_token(status: &Map<String, Value>, presented: &str) -> bool {
    let mut tokens = status.iter().filter(|(name, _)| is_token(name));
    let is_it = |(_, value): (&String, &Value)| match value {
        Value::String(token) => {
            !token.is_empty() && token.as_bytes().ct_eq(presented.as_bytes()).into()
        }
        _ => false,
    };
    tokens.next().is_some_and(is_it) && tokens.all(is_it)
}

fn is_token(name: &str) -> bool {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters
        .map(|letter| letter.to_ascii_lowercase())
        .eq(TOKEN_FIELD.chars())
}

/// A word such as `running` or `shutting-down`.
fn is_word(value: &Value) -> bool {
    let of_a_word = |byte: u8| byte.is_ascii_lowercase() || b"-_".contains(&byte);
    let is_word = |text: &str| (1..=20).contains(&text.len()) && text.bytes().all(of_a_word);
    value.as_str().is_some_and(is_word)
}

/// A number with points, such as `2026.4.11` or `v7.1-beta.2`, and not a secret: those
/// have no point behind few digits.
fn is_version(value: &Value) -> bool {
    let is_version = |text: &str| {
        let of_a_version = |byte: u8| byte.is_ascii_alphanumeric() || b".-+".contains(&byte);
        let mut parts = text.strip_prefix('v').unwrap_or(text).split('.');
        let begins = parts.next().is_some_and(|first| {
            (1..=4).contains(&first.len()) && first.bytes().all(|it| it.is_ascii_digit())
        });
        begins && parts.next().is_some() && text.len() <= 32 && text.bytes().all(of_a_version)
    };
    value.as_str().is_some_and(is_version)
}

fn is_switch_or_version(value: &Value) -> bool {
    value.is_boolean() || is_version(value)
}

/// Milliseconds or seconds, or a time as RFC 3339 has it.
fn is_time(value: &Value) -> bool {
    let is_timestamp = |text: &str| text.parse::<Timestamp>().is_ok();
    value.is_number() || value.as_str().is_some_and(is_timestamp)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const SECRET: &str = "3f9a-the-secret-of-this-agent";

    async fn guarded(
        status: u16,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
        presented: Option<&str>,
    ) -> Result<(u16, String, Vec<String>), String> {
        let mut answer = Response::new(body.into());
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            answer.headers_mut().append(name, value.parse().unwrap());
        }
        let deadline = Deadline::after(Duration::from_secs(60));
        let answer = guard(answer, presented, deadline).await;
        let (head, body) = answer.map_err(|error| error.to_string())?.into_parts();
        let body = buffered::collect(body, BODY_LIMIT, deadline).await.unwrap();
        let headers = crate::headers::testing::listed(&head.headers);
        let body = String::from_utf8(body.to_vec()).unwrap();
        Ok((head.status.as_u16(), body, headers))
    }

    async fn shown(body: &str, presented: Option<&str>) -> Value {
        let (status, body, _) = guarded(200, &[], body.to_owned(), presented).await.unwrap();
        assert_eq!(status, 200);
        serde_json::from_str(&body).unwrap()
    }

    #[tokio::test]
    async fn a_stranger_gets_the_state_and_nothing_that_is_not_on_the_list() {
        let status = json!({
            "state": "running", "running": true, "configured": true, "uptime": 12.5,
            "version": "2026.4.11", "ffmpeg": false, "ts": 1_775_894_500_000_u64,
            "startedAt": "2026-04-11T08:00:00Z", "online": true,
            "terminalSessions": 2, "aiProvider": "anthropic",
            "gatewayToken": SECRET, "GATEWAY_TOKEN": SECRET, "token": SECRET, "auth": [SECRET],
            "nested": {"state": SECRET}, "env": [{"name": "OPENCLAW_GATEWAY_TOKEN", "value": SECRET}],
        });
        let expected = json!({
            "state": "running", "running": true, "configured": true, "uptime": 12.5,
            "version": "2026.4.11", "ffmpeg": false, "ts": 1_775_894_500_000_u64,
            "startedAt": "2026-04-11T08:00:00Z", "online": true,
        });
        assert_eq!(shown(&status.to_string(), None).await, expected);
        assert_eq!(shown(&status.to_string(), Some("wrong")).await, expected);
    }

    #[tokio::test]
    async fn a_known_field_of_another_kind_is_left_out() {
        for body in [
            format!("{{\"state\": \"{SECRET}\"}}"),
            format!("{{\"state\": {{\"gatewayToken\": \"{SECRET}\"}}}}"),
            format!("{{\"version\": \"{SECRET}\"}}"),
            "{\"version\": \"3f9ad21c77aa40e7b1c8\"}".to_owned(),
            "{\"version\": \"eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.c2ln\"}".to_owned(),
            format!("{{\"version\": \"{{\\\"gatewayToken\\\":\\\"{SECRET}\\\"}}\"}}"),
            format!(
                "{{\"ts\": \"{SECRET}\", \"uptime\": \"{SECRET}\", \"running\": \"{SECRET}\"}}"
            ),
            format!("{{\"uptime\": [\"{SECRET}\"], \"ffmpeg\": [\"{SECRET}\"]}}"),
            format!("{{\"name\": \"gatewayToken\", \"value\": \"{SECRET}\"}}"),
            format!("{{\"gatewayToken\": \"other\", \"gatewayToken\": \"{SECRET}\"}}"),
            format!("{{\"gateway\\u0054oken\": \"{SECRET}\"}}"),
        ] {
            assert_eq!(shown(&body, None).await, json!({}), "{body}");
        }
    }

    #[tokio::test]
    async fn a_caller_who_presents_exactly_the_token_gets_the_whole() {
        let status = json!({"state": "running", "gatewayToken": "secret", "nested": {"a": 1}});
        assert_eq!(shown(&status.to_string(), Some("secret")).await, status);
        for presented in ["", "secre", "secrets", "SECRET"] {
            let shown = shown(&status.to_string(), Some(presented)).await;
            assert_eq!(shown, json!({"state": "running"}), "{presented}");
        }
        for (token, presented) in [("\"\"", ""), ("null", "null"), ("[\"a\"]", "a")] {
            let status = format!("{{\"gatewayToken\": {token}}}");
            assert_eq!(shown(&status, Some(presented)).await, json!({}));
        }
        // Doubled: the one that counts is not the one presented.
        let doubled = "{\"gatewayToken\": \"mine\", \"gatewayToken\": \"other\"}";
        assert_eq!(shown(doubled, Some("mine")).await, json!({}));
        let two = "{\"gatewayToken\": \"mine\", \"gateway_token\": \"other\"}";
        assert_eq!(shown(two, Some("mine")).await, json!({}));
    }

    #[tokio::test]
    async fn a_success_that_cannot_be_read_is_refused() {
        let gzip = b"\x1f\x8b\x08\x00secret".to_vec();
        let wide: Vec<u8> = "{\"gatewayToken\":\"s\"}"
            .bytes()
            .flat_map(|it| [it, 0])
            .collect();
        for (status, headers, body) in [
            (200, &[][..], gzip),
            (200, &[], wide),
            (200, &[], b"\xef\xbb\xbf{}".to_vec()),
            (200, &[], b"gatewayToken=secret".to_vec()),
            (200, &[], b"[{\"gatewayToken\": \"secret\"}]".to_vec()),
            (200, &[], b"\"{\\\"gatewayToken\\\": 1}\"".to_vec()),
            (200, &[("content-encoding", "gzip")], b"{}".to_vec()),
            (
                200,
                &[("content-encoding", "identity"), ("content-encoding", "br")],
                b"{}".to_vec(),
            ),
            (206, &[], b"{\"state\": \"running\"}".to_vec()),
        ] {
            let refused = guarded(status, headers, body, Some("secret")).await;
            assert_eq!(refused, Err("The agent's answer cannot be read".to_owned()));
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_no_success_keeps_its_status_and_loses_its_text() {
        let answer = guarded(
            404,
            &[("content-type", "text/plain"), ("x-token", "s")],
            "Not Found",
            None,
        );
        assert_eq!(answer.await, Ok((404, String::new(), Vec::new())));
        let headers = [
            ("location", "/setup?token=secret#secret"),
            ("etag", "\"secret\""),
        ];
        let moved = guarded(302, &headers, "secret", None).await;
        assert_eq!(
            moved,
            Ok((302, String::new(), vec!["location: /setup".to_owned()]))
        );
        let not_modified = guarded(304, &[("date", "x")], Body::empty(), None).await;
        assert_eq!(
            not_modified,
            Ok((304, String::new(), vec!["date: x".to_owned()]))
        );
    }

    fn json_with_the_secret() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::from(SECRET)),
            Just(Value::from(format!("{{\"gatewayToken\":\"{SECRET}\"}}"))),
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
        ];
        let name = prop_oneof![
            Just("gatewayToken".to_owned()),
            prop::sample::select(HARMLESS.map(|(name, _)| name.to_owned()).to_vec()),
            "[a-zA-Z_]{0,12}",
        ];
        let inner = leaf.prop_recursive(4, 24, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(name.clone(), inner, 0..5)
                    .prop_map(|it| Value::Object(it.into_iter().collect())),
            ]
        });
        prop::collection::btree_map(
            prop_oneof![
                Just("gatewayToken".to_owned()),
                Just("state".to_owned()),
                "[a-z]{0,9}"
            ],
            inner,
            0..5,
        )
        .prop_map(|it| Value::Object(it.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn wherever_the_token_is_in_a_status_a_stranger_does_not_get_it(
            status in json_with_the_secret()
        ) {
            let Value::Object(status) = status else { unreachable!() };
            let shown = Value::Object(harmless(&status)).to_string();
            prop_assert!(!shown.contains(SECRET), "{}", shown);
        }
    }
}
