//! The wrapper's `/api/status` carries the agent's gateway token. It is removed
//! from the response unless the caller presents exactly that token.

use axum::body::Body;
use axum::response::Response;
use common::client::BODY_LIMIT;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use crate::buffered;
use crate::error::ProxyError;

/// The field's name in lower case and without punctuation.
const TOKEN_FIELD: &str = "gatewaytoken";

/// Asks for a response that can be read: uncompressed and complete. A byte range
/// could hold the token without its name.
pub(crate) fn request_readable(headers: &mut HeaderMap) {
    headers.remove(header::RANGE);
    headers.remove(header::IF_RANGE);
    let identity = HeaderValue::from_static("identity");
    headers.insert(header::ACCEPT_ENCODING, identity);
}

/// The response without any token that the caller has not presented.
///
/// # Errors
/// When the response cannot be searched for the token.
pub(crate) async fn redact(
    answer: Response,
    presented: Option<&str>,
    deadline: Instant,
) -> Result<Response, ProxyError> {
    let encoding = answer.headers().get(header::CONTENT_ENCODING);
    let encoded = encoding.is_some_and(|encoding| encoding != "identity");
    if encoded || answer.status() == StatusCode::PARTIAL_CONTENT {
        return Err(ProxyError::AnswerUnreadable);
    }
    let (mut head, body) = answer.into_parts();
    let body = buffered::collect(body, BODY_LIMIT, deadline).await?;
    let body = match serde_json::from_slice::<Value>(&body) {
        Ok(mut status) => {
            if remove_tokens(&mut status, presented) {
                // These describe the original body.
                for name in [
                    "etag",
                    "digest",
                    "content-digest",
                    "content-md5",
                    "repr-digest",
                ] {
                    head.headers.remove(name);
                }
                head.headers.remove(header::CONTENT_LENGTH);
                Body::from(status.to_string())
            } else {
                Body::from(body)
            }
        }
        Err(_) if mentions_token(&body) => return Err(ProxyError::AnswerUnreadable),
        Err(_) => Body::from(body),
    };
    Ok(Response::from_parts(head, body))
}

/// Removes every field with the token's name, at any depth. Whether there was one.
fn remove_tokens(value: &mut Value, presented: Option<&str>) -> bool {
    match value {
        Value::Object(fields) => {
            let before = fields.len();
            fields.retain(|name, value| !is_token(name) || is_presented(value, presented));
            let mut removed = fields.len() < before;
            for value in fields.values_mut() {
                removed |= remove_tokens(value, presented);
            }
            removed
        }
        Value::Array(values) => {
            let mut removed = false;
            for value in values {
                removed |= remove_tokens(value, presented);
            }
            removed
        }
        _ => false,
    }
}

fn is_presented(value: &Value, presented: Option<&str>) -> bool {
    match (value, presented) {
        (Value::String(token), Some(presented)) => {
            !token.is_empty() && token.as_bytes().ct_eq(presented.as_bytes()).into()
        }
        _ => false,
    }
}

fn is_token(name: &str) -> bool {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters
        .map(|letter| letter.to_ascii_lowercase())
        .eq(TOKEN_FIELD.chars())
}

/// Whether a body that is not JSON contains the field's name, in any case, with
/// any punctuation, in any wide encoding.
fn mentions_token(body: &[u8]) -> bool {
    let letters: Vec<u8> = body
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(u8::to_ascii_lowercase)
        .collect();
    letters
        .windows(TOKEN_FIELD.len())
        .any(|found| found == TOKEN_FIELD.as_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn without(mut value: Value, presented: Option<&str>) -> Value {
        remove_tokens(&mut value, presented);
        value
    }

    #[test]
    fn the_token_is_removed_wherever_it_is_and_however_it_is_spelled() {
        let secret = json!({
            "state": "running", "gatewayToken": "secret", "GATEWAY_TOKEN": "secret",
            "nested": [{"gateway-token": {"a": "secret"}, "other": "kept"}],
        });
        let expected = json!({"state": "running", "nested": [{"other": "kept"}]});
        assert_eq!(without(secret.clone(), None), expected);
        assert_eq!(without(secret, Some("wrong")), expected);
    }

    #[test]
    fn a_caller_who_presents_the_token_gets_it() {
        let secret = json!({"gatewayToken": "secret"});
        assert_eq!(without(secret.clone(), Some("secret")), secret);
        for presented in ["", "secre", "secrets", "SECRET"] {
            assert_eq!(
                without(secret.clone(), Some(presented)),
                json!({}),
                "{presented}"
            );
        }
        assert_eq!(without(json!({"gatewayToken": ""}), Some("")), json!({}));
        assert_eq!(
            without(json!({"gatewayToken": null}), Some("null")),
            json!({})
        );
    }

    #[test]
    fn a_name_in_what_is_not_json_is_found() {
        let wide: Vec<u8> = "gatewayToken".bytes().flat_map(|byte| [byte, 0]).collect();
        for body in [
            &b"x gatewayToken=1"[..],
            b"{gateway_token: 'x'}",
            b"GATEWAY TOKEN",
            &wide,
        ] {
            assert!(mentions_token(body));
        }
        assert!(!mentions_token(b"<!doctype html><title>OpenClaw</title>"));
    }
}
