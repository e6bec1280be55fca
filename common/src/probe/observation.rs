//! One answer of an agent, reduced to what we trust in it.

use std::time::Duration;

use serde_json::Value;

use super::facts::{Facts, word};

/// A path that the probe asks, with the limits of the spec's "Get agent
/// health".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/healthz`: is the process alive.
    Healthz,
    /// `/readyz`: can it serve.
    Readyz,
    /// `/api/status` of the platform's wrapper: the authoritative one.
    ApiStatus,
}

impl Endpoint {
    /// The longest of their limits.
    pub const LONGEST_LIMIT: Duration = Duration::from_secs(5);

    /// The path on the agent.
    pub fn path(self) -> &'static str {
        match self {
            Self::Healthz => "/healthz",
            Self::Readyz => "/readyz",
            Self::ApiStatus => "/api/status",
        }
    }

    /// How long the whole answer may take.
    pub fn limit(self) -> Duration {
        match self {
            Self::Healthz | Self::ApiStatus => Self::LONGEST_LIMIT,
            Self::Readyz => Duration::from_secs(4),
        }
    }
}

/// What came of asking one path.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The HTTP status, if the agent got as far as sending one.
    pub status: Option<u16>,
    /// What the answer said, or why it is none.
    pub outcome: Result<Facts, Problem>,
}

/// The three answers of one probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Observations {
    /// Of `/healthz`.
    pub healthz: Observation,
    /// Of `/readyz`.
    pub readyz: Observation,
    /// Of `/api/status`.
    pub api_status: Observation,
}

impl Observations {
    /// What came of three requests that nothing tells apart.
    pub fn all(observation: impl Fn(Endpoint) -> Observation) -> Self {
        Self {
            healthz: observation(Endpoint::Healthz),
            readyz: observation(Endpoint::Readyz),
            api_status: observation(Endpoint::ApiStatus),
        }
    }
}

/// Why an answer is no good. Its text is the check's `reason`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No status came back.
    #[error("request failed: {0}")]
    RequestFailed(String),
    /// The agent answered, but not with success.
    #[error("HTTP {0}")]
    Http(u16),
    /// `/readyz` named what is not ready.
    #[error("HTTP {0}: {1} not ready")]
    NotReady(u16, String),
    /// Success with something else than JSON: OpenClaw's control page answers
    /// 200 to any path.
    #[error("HTTP {0}, but the answer is {1} and not JSON")]
    NotJson(u16, String),
    /// Success with JSON that is broken or is no object.
    #[error("HTTP {0}, but the answer is not a JSON object")]
    BrokenJson(u16),
    /// Success, and a body that says the opposite.
    #[error("HTTP {0}, but the answer says {1}: false")]
    Denied(u16, &'static str),
    /// The body did not arrive whole.
    #[error("HTTP {0}, but the answer {1}")]
    BodyFailed(u16, String),
}

impl Observation {
    /// The answer that never came, and why.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self {
            status: None,
            outcome: Err(Problem::RequestFailed(reason.into())),
        }
    }

    /// The answer whose body did not arrive whole: it `is larger than 64 KiB`.
    pub fn cut_off(status: u16, reason: impl Into<String>) -> Self {
        Self {
            status: Some(status),
            outcome: Err(Problem::BodyFailed(status, reason.into())),
        }
    }

    /// Judges an answer by its status, its content type and its body.
    pub fn answered(
        endpoint: Endpoint,
        status: u16,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Self {
        Self {
            status: Some(status),
            outcome: judge(endpoint, status, content_type, body),
        }
    }

    /// Whether the answer is a good one.
    pub fn ok(&self) -> bool {
        self.outcome.is_ok()
    }

    /// What the answer said, if it is a good one.
    pub fn facts(&self) -> Option<&Facts> {
        self.outcome.as_ref().ok()
    }
}

fn judge(
    endpoint: Endpoint,
    status: u16,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<Facts, Problem> {
    if !(200..300).contains(&status) {
        return Err(match not_ready(endpoint, body) {
            Some(names) => Problem::NotReady(status, names),
            None => Problem::Http(status),
        });
    }
    if let Some(media_type) = content_type.map(media_type)
        && !is_json(&media_type)
    {
        return Err(Problem::NotJson(status, media_type));
    }
    let body = match serde_json::from_slice::<Value>(body) {
        Ok(body) if body.is_object() => body,
        _ => return Err(Problem::BrokenJson(status)),
    };
    let verdict = match endpoint {
        Endpoint::Healthz => Some("ok"),
        Endpoint::Readyz => Some("ready"),
        Endpoint::ApiStatus => None,
    };
    match verdict {
        Some(field) if body.get(field) == Some(&Value::Bool(false)) => {
            Err(Problem::Denied(status, field))
        }
        _ => Ok(Facts::of(&body)),
    }
}

/// The media type of a `Content-Type` header, fit to be shown.
fn media_type(content_type: &str) -> String {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    word(media_type).map_or_else(|| "of an odd type".to_owned(), str::to_ascii_lowercase)
}

fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type.ends_with("+json")
}

/// The names in the `failing` list of a `/readyz` that refuses.
fn not_ready(endpoint: Endpoint, body: &[u8]) -> Option<String> {
    if endpoint != Endpoint::Readyz {
        return None;
    }
    let body: Value = serde_json::from_slice(body).ok()?;
    let failing = body.get("failing")?.as_array()?;
    let names: Vec<&str> = failing
        .iter()
        .filter_map(|name| word(name.as_str()?))
        .take(8)
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

#[cfg(test)]
mod tests {
    use crate::model::Uptime;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const JSON: Option<&str> = Some("application/json; charset=utf-8");
    const HTML: Option<&str> = Some("text/html; charset=utf-8");

    fn facts(endpoint: Endpoint, body: &Value) -> Facts {
        Observation::answered(endpoint, 200, JSON, body.to_string().as_bytes())
            .outcome
            .unwrap()
    }

    fn reason(endpoint: Endpoint, status: u16, content_type: Option<&str>, body: &str) -> String {
        Observation::answered(endpoint, status, content_type, body.as_bytes())
            .outcome
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn the_answers_of_a_real_gateway_are_good() {
        let live = json!({"ok": true, "status": "live"});
        assert_eq!(facts(Endpoint::Healthz, &live), Facts::default());

        let ready = json!({"ready": true, "failing": [], "uptimeMs": 309_347});
        let uptime = facts(Endpoint::Readyz, &ready).uptime.unwrap();
        assert_eq!(uptime.to_string(), "5m 9s");
    }

    #[test]
    fn the_wrapper_answer_yields_its_known_fields_and_nothing_else() {
        let status = json!({
            "state": "running", "running": true, "configured": true, "uptime": 190_800.5,
            "terminalSessions": 2, "gatewayToken": "0123456789abcdef", "aiProvider": "x",
            "version": "2026.4.12",
            "runtime": {"ffmpeg": {"available": true, "version": "ffmpeg version 6.1"}},
        });
        let facts = facts(Endpoint::ApiStatus, &status);
        assert_eq!(
            facts,
            Facts {
                version: "2026.4.12".parse().ok(),
                uptime: Uptime::from_reported(&json!(190_800.5)),
                ffmpeg_available: Some(true),
                ffmpeg_version: Some("ffmpeg version 6.1".to_owned()),
                state: Some("running".to_owned()),
                running: Some(true),
                configured: Some(true),
            }
        );
        assert!(!format!("{facts:?}").contains("0123456789abcdef"));
    }

    #[test]
    fn ffmpeg_is_found_at_both_places() {
        let top = json!({"ffmpeg": {"available": true, "version": "6.1"}});
        let facts = facts(Endpoint::ApiStatus, &top);
        assert_eq!(facts.ffmpeg_available, Some(true));
        assert_eq!(facts.ffmpeg_version.as_deref(), Some("6.1"));
    }

    #[test]
    fn fields_of_another_type_count_as_absent() {
        let odd = json!({
            "version": 2026, "uptime": [], "uptimeMs": "x", "ffmpeg": "yes",
            "state": {"a": 1}, "running": "yes", "configured": 0,
        });
        assert_eq!(facts(Endpoint::ApiStatus, &odd), Facts::default());
    }

    #[test]
    fn texts_that_are_not_fit_to_be_shown_count_as_absent() {
        let hostile = json!({
            "version": "<script>", "state": "<b>running</b>",
            "ffmpeg": {"version": "line\nbreak"},
        });
        assert_eq!(facts(Endpoint::ApiStatus, &hostile), Facts::default());
    }

    #[test]
    fn a_page_is_not_health_whatever_its_status() {
        assert_eq!(
            reason(Endpoint::Healthz, 200, HTML, "<!doctype html>"),
            "HTTP 200, but the answer is text/html and not JSON"
        );
        assert_eq!(
            reason(Endpoint::Healthz, 200, Some("text/html<script>"), "{}"),
            "HTTP 200, but the answer is of an odd type and not JSON"
        );
        assert_eq!(
            reason(Endpoint::Healthz, 200, None, "<!doctype html>"),
            "HTTP 200, but the answer is not a JSON object"
        );
    }

    #[test]
    fn broken_json_and_json_without_an_object_are_not_health() {
        for body in ["", "{", "[]", "null", "\"ok\"", "{\"ok\":true} x"] {
            assert_eq!(
                reason(Endpoint::Healthz, 200, JSON, body),
                "HTTP 200, but the answer is not a JSON object",
                "{body}"
            );
        }
    }

    #[test]
    fn a_body_that_denies_its_status_is_believed() {
        assert_eq!(
            reason(Endpoint::Healthz, 200, JSON, r#"{"ok":false}"#),
            "HTTP 200, but the answer says ok: false"
        );
        assert_eq!(
            reason(Endpoint::Readyz, 200, JSON, r#"{"ready":false}"#),
            "HTTP 200, but the answer says ready: false"
        );
    }

    #[test]
    fn other_statuses_are_named_and_readiness_tells_what_is_failing() {
        assert_eq!(
            reason(Endpoint::ApiStatus, 404, None, "Not Found"),
            "HTTP 404"
        );
        assert_eq!(reason(Endpoint::Healthz, 302, HTML, ""), "HTTP 302");
        let failing = r#"{"ready":false,"failing":["telegram","<b>","discord"]}"#;
        assert_eq!(
            reason(Endpoint::Readyz, 503, JSON, failing),
            "HTTP 503: telegram, discord not ready"
        );
        assert_eq!(
            reason(Endpoint::Readyz, 503, JSON, r#"{"failing":[]}"#),
            "HTTP 503"
        );
        assert_eq!(reason(Endpoint::Healthz, 503, JSON, failing), "HTTP 503");
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_judge_panic(
            status: u16,
            content_type in proptest::option::of(".{0,20}"),
            body: Vec<u8>,
        ) {
            for endpoint in [Endpoint::Healthz, Endpoint::Readyz, Endpoint::ApiStatus] {
                let _ = Observation::answered(endpoint, status, content_type.as_deref(), &body);
            }
        }
    }
}
