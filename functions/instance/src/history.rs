//! `GET /api/instance/{userId}/history`: the history of an agent. The contract
//! does not have it; its errors are those of `stats`.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use common::clock::iso8601;
use common::http::{
    ApiError, ErrorBody, OwnedInstance, Parameters, StrictQuery, UnauthorizedThenForbidden,
};
use common::store::{Bucket, HISTORY_KEPT, Record, Watched};
use common::watch::{
    AgentState, Availability, Condition, ConditionChange, Gap, Symptom, TimeRange,
    Transition as WatchedTransition,
};
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The default for `hours`.
const DEFAULT_HOURS: i64 = 24;

/// The maximum number of transitions in an answer: the newest ones.
const TRANSITIONS: usize = 500;

/// The history of an instance.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceHistory {
    /// The instance's id, as in the path.
    #[schema(example = "abc123")]
    user_id: String,
    /// The beginning of the period.
    #[schema(format = DateTime)]
    from: String,
    /// The end of the period: now.
    #[schema(format = DateTime)]
    until: String,
    /// The agent's condition; null if no sweep has seen it yet.
    #[schema(required)]
    condition: Option<Condition>,
    /// When the condition began.
    #[schema(required, format = DateTime)]
    since: Option<String>,
    /// What does not work although the agent is up: seen by three sweeps in a row,
    /// and not yet seen to work by two. Sorted.
    #[schema(example = json!(["telegram"]))]
    degraded: Vec<String>,
    /// When a sweep last recorded what it saw of the agent.
    #[schema(required, format = DateTime)]
    observed_at: Option<String>,
    /// The time up, as a share of the time up, starting or down; null if there
    /// was none.
    #[schema(required, example = 99.931)]
    uptime_percent: Option<f64>,
    /// The time in each condition. It adds up to the whole period.
    seconds: Availability,
    /// The changes of its condition and of `degraded`, newest first, at most 500.
    transitions: Vec<Transition>,
    /// The number of older changes that are omitted.
    transitions_omitted: usize,
    /// The hours in which the agent was probed, newest first.
    buckets: Vec<HourlyFigures>,
}

/// A change of an agent's condition, or of what does not work while it stays up.
#[derive(Serialize, ToSchema)]
#[schema(as = ConditionChange)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Transition {
    /// When the condition began.
    #[schema(format = DateTime)]
    at: String,
    /// When enough sweeps had observed it to confirm it.
    #[schema(format = DateTime)]
    detected_at: String,
    /// The previous condition; null if it was not observed.
    #[schema(required)]
    from: Option<Condition>,
    to: Condition,
    /// The kind of failure, if it failed.
    #[schema(required)]
    symptom: Option<Symptom>,
    /// Why.
    #[schema(required)]
    reason: Option<String>,
    /// What did not work from then on, although the agent was up; sorted.
    degraded: Vec<String>,
}

/// The probes of one hour. Those of the last minutes may be missing: they are
/// written with the agent's next refresh.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HourlyFigures {
    /// The beginning of the hour.
    #[schema(format = DateTime)]
    hour: String,
    /// The number of probes.
    probes: u64,
    /// The number of failed probes.
    failures: u64,
    /// The median latency of successful probes in milliseconds, at most a fifth
    /// too high; null if there were none.
    #[schema(required)]
    p50_ms: Option<u32>,
    /// The 95th percentile.
    #[schema(required)]
    p95_ms: Option<u32>,
    /// The 99th percentile.
    #[schema(required)]
    p99_ms: Option<u32>,
}

/// How far back to look.
#[derive(Deserialize)]
struct Asked {
    hours: Option<String>,
}

impl Parameters for Asked {
    const NAMES: &[&str] = &["hours"];
}

/// How many hours the request asks for.
#[derive(Debug)]
pub(crate) struct Hours(i64);

impl<S: Send + Sync> FromRequestParts<S> for Hours {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let asked = StrictQuery::<Asked>::from_request_parts(parts, state).await;
        let StrictQuery(asked) = asked?;
        asked
            .hours
            .as_deref()
            .map_or(Ok(DEFAULT_HOURS), parse_hours)
            .map(Self)
    }
}

/// Get instance history
///
/// The agent's availability over the last hours, each change of its condition
/// with the reason and of what is degraded, and hourly latency and error counts.
/// History is kept for 90 days.
#[utoipa::path(
    get,
    path = "/api/instance/{userId}/history",
    operation_id = "showInstanceHistory",
    tag = "instance",
    security(("session" = []), ("userToken" = [])),
    params(
        ("userId" = String, Path, description = "The instance's id"),
        ("hours" = Option<u32>, Query, description = "How many hours to go back, 1 to 2160; the default is 24", minimum = 1, maximum = 2160),
    ),
    responses(
        (status = 200, description = "The history of the instance", body = InstanceHistory),
        UnauthorizedThenForbidden,
        (status = 400, description = "The id is malformed, or `hours` is not a number from 1 to 2160", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    asked: OwnedInstance<UnauthorizedThenForbidden, Hours, Watched>,
) -> Result<Json<InstanceHistory>, ApiError> {
    let watched = asked.instance;
    let Hours(hours) = asked.query;
    let now = state.clock.now();
    let range = TimeRange {
        from: now - SignedDuration::from_hours(hours),
        until: now,
    };
    let record = state
        .history
        .since(&watched.instance.id, range.from)
        .await?;
    Ok(Json(view(&watched, record, range)))
}

fn parse_hours(text: &str) -> Result<i64, ApiError> {
    let most = HISTORY_KEPT.as_hours();
    let hours = text.parse().ok().filter(|hours| (1..=most).contains(hours));
    hours.ok_or_else(|| {
        ApiError::BadRequest(format!("hours must be a whole number from 1 to {most}"))
    })
}

fn view(watched: &Watched, record: Record, range: TimeRange) -> InstanceHistory {
    let state = watched.state.as_ref();
    let changes = changes(state, &record.transitions);
    let gaps = gaps(state, record.gaps, range.until);
    let seconds = Availability::of(range, &changes, &gaps);
    let omitted = record.transitions.len().saturating_sub(TRANSITIONS);
    let transitions = record.transitions.into_iter().skip(omitted).rev();
    InstanceHistory {
        user_id: watched.instance.id.to_string(),
        from: iso8601(range.from),
        until: iso8601(range.until),
        condition: state.map(|state| state.condition),
        since: state.map(|state| iso8601(state.since)),
        degraded: watched.instance.degraded.clone(),
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

/// The conditions of the range, in order: what the first transition says of the
/// time before it, the transitions, and without any what the state says.
fn changes(state: Option<&AgentState>, transitions: &[WatchedTransition]) -> Vec<ConditionChange> {
    let before = transitions.first().and_then(|first| {
        Some(ConditionChange {
            at: first.from_since?,
            to: first.from,
        })
    });
    let found = transitions.iter().map(|transition| ConditionChange {
        at: transition.since,
        to: Some(transition.to),
    });
    let steady = state
        .filter(|_| transitions.is_empty())
        .map(|state| ConditionChange {
            at: state.since,
            to: Some(state.condition),
        });
    before.into_iter().chain(found).chain(steady).collect()
}

/// The gaps in observation, including one that still lasts.
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
            degraded: transition.degraded,
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
