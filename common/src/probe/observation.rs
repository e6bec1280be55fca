//! One response of an agent, reduced to what can be trusted in it.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::facts::{Facts, word};
use super::refusal::Refusal;
use super::startup::Startup;

/// A path that the probe asks, with the limits of the contract's "Get agent
/// health".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/healthz`: is the process alive.
    Healthz,
    /// `/readyz`: can it serve.
    Readyz,
    /// `/api/status` of the platform's wrapper: the authoritative one.
    ApiStatus,
    /// `/startupz` of newer releases: how far the process itself is. It is none
    /// of the contract's checks.
    Startupz,
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
            Self::Startupz => "/startupz",
        }
    }

    /// How long the whole answer may take.
    pub fn limit(self) -> Duration {
        match self {
            Self::Healthz | Self::ApiStatus | Self::Startupz => Self::LONGEST_LIMIT,
            Self::Readyz => Duration::from_secs(4),
        }
    }
}

/// The result of requesting one path.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The HTTP status, if the agent got as far as sending one.
    pub status: Option<u16>,
    /// What the answer said, or why it is none.
    pub outcome: Result<Facts, Problem>,
}

/// The results of one probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Observations {
    /// Of `/healthz`.
    pub healthz: Observation,
    /// Of `/readyz`.
    pub readyz: Observation,
    /// Of `/api/status`.
    pub api_status: Observation,
    /// Of `/startupz`, where it was asked and the release has it.
    pub startup: Option<Startup>,
    /// Of the gateway's WebSocket, where it was asked.
    pub gateway: Option<SignOfLife>,
}

/// Whether a gateway speaks first on its WebSocket, as a live one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignOfLife {
    /// It does.
    Given,
    /// The WebSocket opens, and nothing comes.
    Missing,
    /// Nobody comes so far without a login.
    Hidden,
}

impl Observations {
    /// One function's result for each of the three, with `/startupz` not asked.
    pub fn all(observation: impl Fn(Endpoint) -> Observation) -> Self {
        Self {
            healthz: observation(Endpoint::Healthz),
            readyz: observation(Endpoint::Readyz),
            api_status: observation(Endpoint::ApiStatus),
            startup: None,
            gateway: None,
        }
    }

    /// Whether a wrapper's word is all that is known of its gateway: it says that
    /// it reaches it, and keeps all else behind a login.
    pub(super) fn hide_the_gateway(&self) -> bool {
        let login = Problem::Http(401);
        let reached = self
            .healthz
            .facts()
            .and_then(|facts| facts.gateway_reachable);
        reached == Some(true)
            && self.startup.is_none()
            && self.readyz.problem() == Some(&login)
            && self.api_status.problem() == Some(&login)
    }

    /// Whether `/startupz` can tell more: something answers well, and either not
    /// all does or no version is told. A gateway that refuses what comes through
    /// its proxy would refuse that too.
    pub(super) fn leave_startup_open(&self) -> bool {
        let Self {
            healthz,
            readyz,
            api_status,
            ..
        } = self;
        let refused = |it: &Observation| matches!(it.problem(), Some(Problem::ProxyAttribution(_)));
        let tells_version =
            |it: &Observation| it.facts().is_some_and(|facts| facts.version.is_some());
        let answers = healthz.ok() || readyz.ok() || api_status.ok();
        let is_told =
            healthz.ok() && readyz.ok() && (tells_version(healthz) || tells_version(api_status));
        answers && !is_told && !refused(readyz) && !refused(api_status)
    }
}

/// Why a response does not count as success. Its text is the check's `reason`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No status came back.
    #[error("request failed: {0}")]
    RequestFailed(String),
    /// The agent answered, but not with success.
    #[error("HTTP {0}")]
    Http(u16),
    /// `/readyz` named what is not ready.
    #[error("HTTP {0}: {names} not ready", names = .1.join(", "))]
    NotReady(u16, Vec<String>),
    /// The gateway finishes its work, and ends then.
    #[error("HTTP {0}: the gateway is draining")]
    Draining(u16),
    /// The gateway cannot tell for whom a proxy asks, and so serves nobody who
    /// comes this way, the right token or not.
    #[error(
        "HTTP {0}: proxy_attribution_required: the gateway runs, and refuses what comes through \
         this proxy; name the proxy's addresses in its gateway.trustedProxies"
    )]
    ProxyAttribution(u16),
    /// A wrapper sends to its page for the set-up.
    #[error("HTTP {0}: a redirect to /setup")]
    SetupRedirect(u16),
    /// Success with a page: OpenClaw's control page answers 200 to any path.
    #[error("HTTP {0}, but the answer is a page")]
    Page(u16),
    /// Success with something else than JSON, where nothing else is of use.
    #[error("HTTP {0}, but the answer is {1} and not JSON")]
    NotJson(u16, String),
    /// Success with JSON that is broken or is no object, where that is needed.
    #[error("HTTP {0}, but the answer is not a JSON object")]
    BrokenJson(u16),
    /// Success, and a body that says the opposite.
    #[error("HTTP {0}, but the answer says {1}: false")]
    Denied(u16, Denial),
    /// The body did not arrive whole.
    #[error("HTTP {0}, but the answer {1}")]
    BodyFailed(u16, String),
}

impl Problem {
    /// Whether the path answered with success all the same.
    pub(super) fn is_success(&self) -> bool {
        matches!(
            self,
            Self::Page(_)
                | Self::NotJson(..)
                | Self::BrokenJson(_)
                | Self::Denied(..)
                | Self::BodyFailed(200..=299, _)
        )
    }
}

/// The field by which a body denies that all is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A wrapper waits to be configured.
    WrapperConfigured,
    /// A wrapper does not reach its gateway.
    GatewayReachable,
    /// Of the gateway itself.
    Ok,
    /// Of the gateway itself.
    Ready,
    /// Of others' health checks.
    Healthy,
}

impl Denial {
    /// In the order in which they count.
    const ALL: [Self; 5] = [
        Self::WrapperConfigured,
        Self::GatewayReachable,
        Self::Ok,
        Self::Ready,
        Self::Healthy,
    ];

    /// From the root of the body.
    fn path(self) -> &'static [&'static str] {
        match self {
            Self::WrapperConfigured => &["wrapper", "configured"],
            Self::GatewayReachable => &["gateway", "reachable"],
            Self::Ok => &["ok"],
            Self::Ready => &["ready"],
            Self::Healthy => &["healthy"],
        }
    }

    /// The first one that a body has.
    fn of(body: &Value) -> Option<Self> {
        let said = |denial: &Self| {
            let mut path = denial.path().iter();
            path.try_fold(body, |at, name| at.get(name)) == Some(&Value::Bool(false))
        };
        Self::ALL.into_iter().find(said)
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path().join("."))
    }
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

    /// A redirect. Redirects are not followed.
    pub fn redirected(status: u16, location: &str) -> Self {
        let path = location.split(['?', '#']).next().unwrap_or_default();
        let problem = match path.trim_end_matches('/').ends_with("/setup") {
            true => Problem::SetupRedirect(status),
            false => Problem::Http(status),
        };
        Self {
            status: Some(status),
            outcome: Err(problem),
        }
    }

    /// Judges an answer by its status, its content type and its body.
    pub fn answered(
        endpoint: Endpoint,
        status: u16,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Self {
        let outcome = match (status, endpoint) {
            (200..=299, Endpoint::ApiStatus) => read_status(status, content_type, body),
            (200..=299, _) => read_health(status, content_type, body),
            _ => Err(refusal(endpoint, status, body)),
        };
        Self {
            status: Some(status),
            outcome,
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

    /// Why the answer is no good one.
    pub(super) fn problem(&self) -> Option<&Problem> {
        self.outcome.as_ref().err()
    }
}

/// Reads the answer of `/api/status`, which is of use as a JSON object alone.
fn read_status(status: u16, content_type: Option<&str>, body: &[u8]) -> Result<Facts, Problem> {
    if let Some(media_type) = content_type.map(media_type)
        && !is_json(&media_type)
    {
        return Err(Problem::NotJson(status, media_type));
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(body) if body.is_object() => Ok(Facts::of(&body)),
        _ => Err(Problem::BrokenJson(status)),
    }
}

/// Reads the answer of a health check. Success is good, as the contract says,
/// with JSON, a text or nothing: unless it is a page, or says the opposite.
fn read_health(status: u16, content_type: Option<&str>, body: &[u8]) -> Result<Facts, Problem> {
    if is_page(content_type, body) {
        return Err(Problem::Page(status));
    }
    let body = serde_json::from_slice::<Value>(body).unwrap_or_default();
    match Denial::of(&body) {
        Some(denial) => Err(Problem::Denied(status, denial)),
        None => Ok(Facts::of(&body)),
    }
}

/// What is behind a status that is no success.
fn refusal(endpoint: Endpoint, status: u16, body: &[u8]) -> Problem {
    let body = serde_json::from_slice::<Value>(body).unwrap_or_default();
    if status == 403 && Refusal::of(&body) == Some(Refusal::ProxyAttribution) {
        return Problem::ProxyAttribution(status);
    }
    match failing(&body) {
        Some(names) if endpoint == Endpoint::Readyz => {
            if names.iter().any(|name| name == "gateway-draining") {
                Problem::Draining(status)
            } else {
                Problem::NotReady(status, names)
            }
        }
        _ => Problem::Http(status),
    }
}

/// A page calls itself one, or begins like one.
fn is_page(content_type: Option<&str>, body: &[u8]) -> bool {
    let by_type = content_type.map(media_type).is_some_and(|media_type| {
        matches!(media_type.as_str(), "text/html" | "application/xhtml+xml")
    });
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    by_type || text.trim_ascii_start().starts_with(b"<")
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
fn failing(body: &Value) -> Option<Vec<String>> {
    let names: Vec<String> = body
        .get("failing")?
        .as_array()?
        .iter()
        .filter_map(|name| word(name.as_str()?).map(str::to_owned))
        .take(8)
        .collect();
    (!names.is_empty()).then_some(names)
}

#[cfg(test)]
#[path = "observation_tests.rs"]
mod tests;
