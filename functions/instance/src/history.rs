//! `GET /api/instance/{userId}/history`: what sweeps saw of an agent. New, so
//! that its errors are those of `stats`.

use axum::Json;
use axum::extract::{FromRequestParts, Query, State};
use common::clock::iso8601;
use common::http::{ApiError, ErrorBody, OwnedInstance, UnauthorizedThenForbidden};
use common::store::{Bucket, HISTORY_KEPT, Record, Watched};
use common::watch::{
    AgentState, Availability, Change, Condition, Gap, Symptom, Transition as WatchedTransition,
    Window,
};
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many hours are told where none are asked for.
const DEFAULT_HOURS: i64 = 24;

/// How many transitions are told: the newest ones.
const TRANSITIONS: usize = 500;

/// What sweeps saw of an instance.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceHistory {
    /// The instance's id, as in the path.
    #[schema(example = "abc123")]
    user_id: String,
    /// The beginning of the time that is told of.
    #[schema(format = DateTime)]
    from: String,
    /// Its end: now.
    #[schema(format = DateTime)]
    until: String,
    /// How the agent is; null where no sweep has seen it.
    #[schema(required)]
    condition: Option<Condition>,
    /// Since when it is so.
    #[schema(required, format = DateTime)]
    since: Option<String>,
    /// When a sweep last recorded what it saw of the agent.
    #[schema(required, format = DateTime)]
    observed_at: Option<String>,
    /// The share of the time in which the agent was up, of all time in which it
    /// was up, starting or down; null where there was no such time.
    #[schema(required, example = 99.931)]
    uptime_percent: Option<f64>,
    /// For how long the agent was how. Together it is the whole time.
    seconds: Availability,
    /// The changes of its condition, the newest first, 500 at most.
    transitions: Vec<Transition>,
    /// How many older changes are left out.
    transitions_omitted: usize,
    /// The hours in which the agent was asked, the newest first.
    buckets: Vec<HourlyFigures>,
}

/// A change of an agent's condition.
#[derive(Serialize, ToSchema)]
#[schema(as = ConditionChange)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Transition {
    /// Since when the agent was so.
    #[schema(format = DateTime)]
    at: String,
    /// When enough sweeps had seen it.
    #[schema(format = DateTime)]
    detected_at: String,
    /// How it was before; null where nobody had looked.
    #[schema(required)]
    from: Option<Condition>,
    to: Condition,
    /// How it failed, if it did.
    #[schema(required)]
    symptom: Option<Symptom>,
    /// Why.
    #[schema(required)]
    reason: Option<String>,
}

/// What came of asking an agent for an hour. Probes of the last minutes may be
/// missing: they are written once a heartbeat.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HourlyFigures {
    /// The hour's beginning.
    #[schema(format = DateTime)]
    hour: String,
    /// How often the agent was asked.
    probes: u64,
    /// How often it did not answer well.
    failures: u64,
    /// How many milliseconds it took to answer well at the median, a fifth too
    /// high at most; null where it never did.
    #[schema(required)]
    p50_ms: Option<u32>,
    /// The same for 95 of 100.
    #[schema(required)]
    p95_ms: Option<u32>,
    /// The same for 99 of 100.
    #[schema(required)]
    p99_ms: Option<u32>,
}

/// How far back to look.
#[derive(Deserialize)]
struct Asked {
    hours: Option<String>,
}

/// How many hours the request asks for.
#[derive(Debug)]
pub(crate) struct Hours(i64);

impl<S: Send + Sync> FromRequestParts<S> for Hours {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let asked = Query::<Asked>::from_request_parts(parts, state).await;
        let Query(asked) =
            asked.map_err(|rejection| ApiError::BadRequest(rejection.body_text()))?;
        asked
            .hours
            .as_deref()
            .map_or(Ok(DEFAULT_HOURS), parse_hours)
            .map(Self)
    }
}

/// Get instance history
///
/// What the sweeps of the last hours saw of the agent: how much of the time it
/// was up, each change of its condition with the reason, and figures by the
/// hour. Kept for 90 days.
#[utoipa::path(
    get,
    path = "/api/instance/{userId}/history",
    operation_id = "showInstanceHistory",
    tag = "instance",
    security(("session" = []), ("userToken" = [])),
    params(
        ("userId" = String, Path, description = "The instance's id"),
        ("hours" = Option<u32>, Query, description = "How many hours back, 1 to 2160; 24 when left out", minimum = 1, maximum = 2160),
    ),
    responses(
        (status = 200, description = "The history of the instance", body = InstanceHistory),
        UnauthorizedThenForbidden,
        (status = 400, description = "The id has other characters than an id has, or hours is no such number", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    asked: OwnedInstance<UnauthorizedThenForbidden, Hours, Watched>,
) -> Result<Json<InstanceHistory>, ApiError> {
    let watched = asked.instance;
    let Hours(hours) = asked.query;
    let now = state.clock.now();
    let window = Window {
        from: now - SignedDuration::from_hours(hours),
        until: now,
    };
    let record = state
        .history
        .since(&watched.instance.id, window.from)
        .await?;
    Ok(Json(view(&watched, record, window)))
}

fn parse_hours(text: &str) -> Result<i64, ApiError> {
    let most = HISTORY_KEPT.as_hours();
    let hours = text.parse().ok().filter(|hours| (1..=most).contains(hours));
    hours.ok_or_else(|| {
        ApiError::BadRequest(format!("hours must be a whole number from 1 to {most}"))
    })
}

fn view(watched: &Watched, record: Record, window: Window) -> InstanceHistory {
    let state = watched.state.as_ref();
    let changes = changes(state, &record.transitions);
    let gaps = gaps(state, record.gaps, window.until);
    let seconds = Availability::of(window, &changes, &gaps);
    let omitted = record.transitions.len().saturating_sub(TRANSITIONS);
    let transitions = record.transitions.into_iter().skip(omitted).rev();
    InstanceHistory {
        user_id: watched.instance.id.to_string(),
        from: iso8601(window.from),
        until: iso8601(window.until),
        condition: state.map(|state| state.condition),
        since: state.map(|state| iso8601(state.since)),
        observed_at: state.map(|state| iso8601(state.seen_at)),
        uptime_percent: seconds.uptime_percent(),
        seconds,
        transitions: transitions.map(Transition::from).collect(),
        transitions_omitted: omitted,
        buckets: record
            .buckets
            .iter()
            .rev()
            .map(HourlyFigures::from)
            .collect(),
    }
}

/// The conditions of the window, in order: what the first transition says of the
/// time before it, the transitions, and without any what the state says.
fn changes(state: Option<&AgentState>, transitions: &[WatchedTransition]) -> Vec<Change> {
    let before = transitions.first().and_then(|first| {
        Some(Change {
            at: first.from_since?,
            to: first.from,
        })
    });
    let found = transitions.iter().map(|transition| Change {
        at: transition.since,
        to: Some(transition.to),
    });
    let steady = state
        .filter(|_| transitions.is_empty())
        .map(|state| Change {
            at: state.since,
            to: Some(state.condition),
        });
    before.into_iter().chain(found).chain(steady).collect()
}

/// The times in which nobody looked, with the one that lasts.
fn gaps(state: Option<&AgentState>, known: Vec<Gap>, now: Timestamp) -> Vec<Gap> {
    let lasting = state
        .filter(|state| state.expected_by < now)
        .map(|state| Gap {
            from: state.seen_at,
            until: now,
        });
    known.into_iter().chain(lasting).collect()
}

impl From<WatchedTransition> for Transition {
    fn from(transition: WatchedTransition) -> Self {
        let trouble = transition.trouble;
        Self {
            at: iso8601(transition.since),
            detected_at: iso8601(transition.scheduled_at),
            from: transition.from,
            to: transition.to,
            symptom: trouble.as_ref().map(|trouble| trouble.symptom),
            reason: trouble.map(|trouble| trouble.reason),
        }
    }
}

impl From<&Bucket> for HourlyFigures {
    fn from(bucket: &Bucket) -> Self {
        Self {
            hour: iso8601(bucket.hour),
            probes: bucket.probes,
            failures: bucket.failures,
            p50_ms: bucket.latency.percentile(50),
            p95_ms: bucket.latency.percentile(95),
            p99_ms: bucket.latency.percentile(99),
        }
    }
}
