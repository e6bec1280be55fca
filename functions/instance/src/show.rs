//! `GET /api/instance/{userId}`: the contract's "Get instance runtime state".

use axum::Json;
use axum::extract::State;
use common::clock::iso8601;
use common::http::{ForbiddenThenNotFound, OwnedInstance};
use common::model::{Image, Instance};
use common::probe::{Check, ProbeReport, Status, VersionSource};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// The state of an instance.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceState {
    /// The instance's id, as in the path.
    #[schema(example = "abc123")]
    user_id: String,
    status: Status,
    /// Why the status is not plainly running or healthy.
    #[schema(required)]
    status_reason: Option<String>,
    /// What does not work although the agent is up: names of channels, or of ways to
    /// it; sorted.
    #[schema(example = json!(["telegram"]))]
    degraded: Vec<String>,
    probe_checks: [Check; 3],
    /// When the agent was first registered, else created.
    #[schema(required, format = DateTime)]
    started_at: Option<String>,
    /// The host name of the agent's URL.
    subdomain: String,
    url: String,
    /// The owner's plan; `free` where none is recorded.
    #[schema(example = "solo")]
    plan: String,
    /// The version that the agent reports, else the one from its last check-in,
    /// else the platform's default; see `openclawVersionSource`.
    #[schema(example = "2026.4.11")]
    openclaw_version: String,
    openclaw_version_source: VersionSource,
    ffmpeg_available: bool,
    #[schema(required)]
    ffmpeg_version: Option<String>,
    #[schema(required, format = DateTime)]
    provisioned_at: Option<String>,
    /// When the agent last checked in.
    #[schema(required, format = DateTime)]
    last_seen_at: Option<String>,
    /// When a sweep last recorded what it saw of the agent.
    #[schema(required, format = DateTime)]
    observed_at: Option<String>,
    #[schema(required, example = "active")]
    gateway_process_status: Option<String>,
    /// The release that the agent reported when it last checked in with one.
    #[schema(required, example = "2026.4.11")]
    reported_version: Option<String>,
    #[schema(required, example = "active")]
    subscription_status: Option<String>,
}

/// Get instance runtime state
///
/// Probes the agent's three health paths concurrently, and returns the result
/// together with the platform's record. The contract has 403 here, not 401, for
/// unauthenticated callers.
#[utoipa::path(
    get,
    path = "/api/instance/{userId}",
    operation_id = "showInstance",
    tag = "instance",
    security(("session" = []), ("userToken" = [])),
    params(("userId" = String, Path, description = "The instance's id")),
    responses(
        (status = 200, description = "The state of the instance", body = InstanceState),
        ForbiddenThenNotFound,
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    OwnedInstance { instance, .. }: OwnedInstance<ForbiddenThenNotFound>,
) -> Json<InstanceState> {
    let report = state.prober.probe(&instance.url()).await;
    let now = state.clock.now();
    Json(view(instance, report, &state.default_image, now))
}

fn view(
    instance: Instance,
    report: ProbeReport,
    default_image: &Image,
    now: Timestamp,
) -> InstanceState {
    let url = instance.url();
    let (version, source) = report.version_of(&instance, &default_image.version(), now);
    InstanceState {
        user_id: instance.id.to_string(),
        status: report.status,
        degraded: report.degraded_names(),
        status_reason: report.reason,
        probe_checks: report.checks,
        started_at: instance.started_at().map(iso8601),
        subdomain: url.hostname().to_owned(),
        url: url.to_string(),
        plan: instance.plan().to_owned(),
        openclaw_version: version.to_string(),
        openclaw_version_source: source,
        ffmpeg_available: report.ffmpeg_available,
        ffmpeg_version: report.ffmpeg_version,
        provisioned_at: instance.provisioned_at().map(iso8601),
        last_seen_at: instance.last_seen_at.map(iso8601),
        observed_at: instance.observed_at.map(iso8601),
        gateway_process_status: instance.gateway_process_status,
        reported_version: instance.reported_version.map(|version| version.to_string()),
        subscription_status: instance.subscription_status,
    }
}
