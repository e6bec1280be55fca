//! `GET /api/openclaw/maintenance`: the contract's "Get agent health".

use axum::Json;
use axum::extract::State;
use common::http::{ApiError, ErrorBody, NoQuery, Session, own_agent};
use common::model::{Image, Instance};
use common::probe::{Check, ProbeReport, Status, VersionSource};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// The health of the caller's agent, or the fact that there is none.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Health {
    Agent(Box<AgentHealth>),
    NoAgent(NoAgent),
}

/// An agent's health.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgentHealth {
    #[schema(example = "abc123")]
    instance_id: String,
    /// The URL that was probed.
    railway_url: String,
    /// Whether `/healthz` responds successfully.
    healthy: bool,
    /// Whether `/readyz` responds successfully.
    ready: bool,
    /// The version that the agent reports, else the one from its last check-in,
    /// else the platform's default; see `versionSource`.
    #[schema(example = "2026.4.11")]
    version: String,
    version_source: VersionSource,
    /// The agent's uptime, or null if it does not report one.
    #[schema(required, example = "2d 5h")]
    uptime: Option<String>,
    status: Status,
    /// Why the status is not plainly running or healthy.
    #[schema(required)]
    status_reason: Option<String>,
    checks: [Check; 3],
}

/// The answer to a user without an agent.
#[derive(Serialize, ToSchema)]
pub(crate) struct NoAgent {
    status: NoAgentStatus,
    /// Always false.
    healthy: bool,
    /// Always false.
    ready: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum NoAgentStatus {
    NoAgent,
}

/// Get agent health
///
/// Probes the three health paths of the caller's agent concurrently. A user
/// without an agent gets 200 with `no_agent`.
#[utoipa::path(
    get,
    path = "/api/openclaw/maintenance",
    operation_id = "showHealth",
    tag = "maintenance",
    security(("session" = []), ("userToken" = [])),
    responses(
        (status = 200, description = "The agent's health; see `status`", body = Health),
        (status = 400, description = "There is a query, and this endpoint has none", body = ErrorBody),
        (status = 401, description = "No valid session", body = ErrorBody),
        (status = 500, description = "The store failed", body = ErrorBody),
        (status = 503, description = "The keys of the login that signed the token cannot be fetched", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    session: Session,
    _: NoQuery,
) -> Result<Json<Health>, ApiError> {
    let instance = match own_agent(&state.controls.instances, &session.user).await {
        Ok(instance) => instance,
        Err(ApiError::NoAgent) => {
            return Ok(Json(Health::NoAgent(NoAgent {
                status: NoAgentStatus::NoAgent,
                healthy: false,
                ready: false,
            })));
        }
        Err(error) => return Err(error),
    };
    let report = state.controls.prober.probe(&instance.url()).await;
    let now = state.controls.clock.now();
    let health = view(&instance, report, state.controls.image.image(), now);
    Ok(Json(Health::Agent(Box::new(health))))
}

fn view(
    instance: &Instance,
    report: ProbeReport,
    default_image: &Image,
    now: Timestamp,
) -> AgentHealth {
    let (version, version_source) = report.version_of(instance, &default_image.version(), now);
    AgentHealth {
        instance_id: instance.id.to_string(),
        railway_url: instance.url().to_string(),
        healthy: report.healthy,
        ready: report.ready,
        version: version.to_string(),
        version_source,
        uptime: report.uptime.map(|uptime| uptime.to_string()),
        status: report.status,
        status_reason: report.reason,
        checks: report.checks,
    }
}
