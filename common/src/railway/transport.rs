//! One request to Railway, and the meaning of its response.

use std::time::Duration;

use ::http::StatusCode;
use ::http::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName};
use jiff::Timestamp;
use reqwest::{Client, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::error::RailwayError;
use super::settings::{ApiKey, ApiUrl, Limits, TokenType};
use crate::client::{self, ClientError, ReadError};
use crate::clock::SharedClock;

/// The longest answer that is read: what ten thousand services use takes about
/// 30 MB to tell.
const BODY_LIMIT: usize = 40 * 1024 * 1024;

/// The most that is kept of Railway's own words, in characters.
const MESSAGE_LIMIT: usize = 300;

/// Posts documents.
#[derive(Clone)]
pub(super) struct Transport {
    http: Client,
    url: Url,
    attempt: Duration,
    clock: SharedClock,
}

/// The credentials of a request.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    pub(super) key: ApiKey,
    pub(super) token_type: TokenType,
}

/// What was asked for, and Railway's own time when it answered.
pub(super) struct Answer<T> {
    pub(super) data: T,
    pub(super) date: Timestamp,
}

/// What GraphQL wraps around every answer. Of an error only the message
/// counts: the rest differs between Railway's layers.
#[derive(Deserialize)]
struct Envelope {
    data: Option<Box<RawValue>>,
    #[serde(default)]
    errors: Option<Vec<Problem>>,
}

#[derive(Deserialize)]
struct Problem {
    message: String,
}

impl Transport {
    pub(super) fn new(
        url: &ApiUrl,
        limits: &Limits,
        clock: SharedClock,
    ) -> Result<Self, ClientError> {
        let http = client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(limits.connect)
            // A connection that slept through the freeze between two
            // invocations is dead, and would lose the answer to a write.
            .pool_idle_timeout(Duration::from_secs(10))
            .build()?;
        Ok(Self {
            http,
            url: url.endpoint(),
            attempt: limits.attempt,
            clock,
        })
    }

    /// Sends a document, as JSON, once, and waits for the answer no longer than
    /// until `deadline`. No type of a document is known here: the code would be
    /// in each function once for every document.
    pub(super) async fn send(
        &self,
        credentials: &Credentials,
        document: Vec<u8>,
        deadline: Instant,
    ) -> Result<Answer<Box<RawValue>>, RailwayError> {
        let (name, value) = credentials.header();
        let request = self
            .http
            .post(self.url.clone())
            .header(name, value)
            .header(CONTENT_TYPE, "application/json")
            .body(document);
        let limit = deadline.min(Instant::now() + self.attempt);
        let late = || RailwayError::NoAnswer("timed out".to_owned());
        let response = timeout_at(limit, request.send())
            .await
            .map_err(|_| late())?
            .map_err(|error| not_sent_or_lost(&error))?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = match timeout_at(limit, client::read_up_to(response, BODY_LIMIT)).await {
            Ok(Ok(body)) => body,
            // Its status may be telling enough.
            _ if !status.is_success() => Vec::new(),
            Ok(Err(error @ (ReadError::TooLarge(_) | ReadError::BrokeOff(_)))) => {
                return Err(RailwayError::NoAnswer(format!("its answer {error}")));
            }
            Err(_) => return Err(late()),
        };
        let now = self.clock.now();
        let data = understand(credentials.token_type, status, &headers, &body, now)
            .map_err(|error| error.without([credentials.key.expose()]))?;
        let date = headers.get(DATE).and_then(client::http_date).unwrap_or(now);
        Ok(Answer { data, date })
    }
}

impl Answer<Box<RawValue>> {
    /// The answer as the type of its document.
    pub(super) fn typed<T: DeserializeOwned>(self) -> Result<Answer<T>, RailwayError> {
        let date = self.date;
        match serde_json::from_str(self.data.get()) {
            Ok(data) => Ok(Answer { data, date }),
            Err(_) => Err(no_graphql()),
        }
    }
}

impl Credentials {
    fn header(&self) -> (HeaderName, String) {
        let key = self.key.expose();
        match self.token_type {
            TokenType::Account => (::http::header::AUTHORIZATION, format!("Bearer {key}")),
            TokenType::Project => (
                HeaderName::from_static("project-access-token"),
                key.to_owned(),
            ),
        }
    }
}

/// The library's own texts name the whole address, and change between releases.
fn not_sent_or_lost(error: &reqwest::Error) -> RailwayError {
    if error.is_connect() {
        RailwayError::Unreachable("no connection".to_owned())
    } else if error.is_builder() {
        RailwayError::Unreachable("the request could not be made".to_owned())
    } else {
        RailwayError::NoAnswer("the connection broke".to_owned())
    }
}

/// Decides what an answer means. HTTP's status says little: authorisation and
/// execution fail under 200, and malformed requests under 400.
fn understand(
    token_type: TokenType,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Box<RawValue>, RailwayError> {
    let text = String::from_utf8_lossy(body);
    match status {
        StatusCode::TOO_MANY_REQUESTS => {
            return Err(RailwayError::RateLimited {
                retry_after: client::retry_after(headers, now),
            });
        }
        // The edge words its own refusals so; they are not about the key.
        StatusCode::FORBIDDEN if text.contains("error code: 1015") => {
            return Err(RailwayError::RateLimited {
                retry_after: client::retry_after(headers, now),
            });
        }
        StatusCode::FORBIDDEN if text.contains("error code:") => {
            return Err(RailwayError::Refused(format!("HTTP 403: {}", short(&text))));
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return Err(RailwayError::NotAuthorized(token_type));
        }
        status if status.is_server_error() => {
            return Err(RailwayError::NoAnswer(format!("HTTP {}", status.as_u16())));
        }
        _ => {}
    }
    match serde_json::from_slice::<Envelope>(body) {
        Ok(Envelope {
            errors: Some(errors),
            ..
        }) if !errors.is_empty() => Err(refused(token_type, &errors)),
        Ok(Envelope {
            data: Some(data), ..
        }) if status.is_success() => Ok(data),
        _ if status.is_success() => Err(no_graphql()),
        _ => Err(RailwayError::Refused(format!("HTTP {}", status.as_u16()))),
    }
}

fn no_graphql() -> RailwayError {
    RailwayError::NoAnswer("it is not GraphQL".to_owned())
}

fn refused(token_type: TokenType, errors: &[Problem]) -> RailwayError {
    let denied = |problem: &Problem| {
        let message = problem.message.to_ascii_lowercase();
        message.contains("not authorized") || message.contains("unauthorized")
    };
    if errors.iter().any(denied) {
        return RailwayError::NotAuthorized(token_type);
    }
    let messages: Vec<_> = errors.iter().map(|it| it.message.as_str()).collect();
    RailwayError::Refused(short(&messages.join("; ")))
}

/// A foreign text, made fit for a log.
fn short(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(clean).take(MESSAGE_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-04-11T08:00:00Z".parse().unwrap()
    }

    fn answer(status: u16, body: &str) -> Result<serde_json::Value, RailwayError> {
        let status = StatusCode::from_u16(status).unwrap();
        let headers = HeaderMap::new();
        understand(TokenType::Account, status, &headers, body.as_bytes(), now())
            .map(|data| serde_json::from_str(data.get()).unwrap())
    }

    #[test]
    fn the_errors_under_every_status_are_understood() {
        let denied = || RailwayError::NotAuthorized(TokenType::Account);
        let refused = |text: &str| RailwayError::Refused(text.to_owned());
        let lost = |text: &str| RailwayError::NoAnswer(text.to_owned());
        let limited = || RailwayError::RateLimited { retry_after: None };
        let rows = [
            (
                200,
                r#"{"data":null,"errors":[{"message":"Not Authorized","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}"#,
                denied(),
            ),
            (
                200,
                r#"{"data":{"a":1},"errors":[{"message":"Problem\nprocessing"},{"message":"request","traceId":"1"}]}"#,
                refused("Problem processing; request"),
            ),
            (
                400,
                r#"{"errors":[{"message":"Cannot query field"}]}"#,
                refused("Cannot query field"),
            ),
            (400, "<html>", refused("HTTP 400")),
            (302, "", refused("HTTP 302")),
            (401, "", denied()),
            (403, r#"{"message":"no"}"#, denied()),
            (
                403,
                "error code: 1010",
                refused("HTTP 403: error code: 1010"),
            ),
            (403, "error code: 1015", limited()),
            (429, "error code: 1015", limited()),
            (500, "oops", lost("HTTP 500")),
            (503, r#"{"errors":[{"message":"x"}]}"#, lost("HTTP 503")),
            (200, "<html>", lost("it is not GraphQL")),
            (200, r#"{"data":null}"#, lost("it is not GraphQL")),
        ];
        for (status, body, error) in rows {
            assert_eq!(answer(status, body), Err(error), "{status} {body}");
        }
        assert_eq!(
            answer(200, r#"{"data":{"a":1},"errors":[]}"#),
            Ok(serde_json::json!({"a": 1}))
        );
    }

    #[test]
    fn long_messages_are_cut() {
        let body = format!(r#"{{"errors":[{{"message":"{}"}}]}}"#, "ä".repeat(1000));
        assert_eq!(
            answer(200, &body),
            Err(RailwayError::Refused("ä".repeat(MESSAGE_LIMIT)))
        );
    }
}
