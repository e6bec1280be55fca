//! `GET /api/instance/{userId}/stats`: the contract's "Get instance stats".

use axum::Json;
use axum::extract::State;
use common::clock::iso8601;
use common::http::{OwnedInstance, UnauthorizedThenForbidden};
use common::model::{Image, Instance};
use common::probe::{Check, ProbeReport, Status, VersionSource};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::resources::{self, LastExit, Resources};

/// The figures of an instance.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceStats {
    /// The instance's id, as in the path.
    #[schema(example = "abc123")]
    user_id: String,
    /// The probe's status, with `healthy` reported as `running`.
    status: Status,
    /// `healthy` when the agent is running or healthy, else its status.
    health: Status,
    /// CPU usage, where 100 % is one virtual CPU; `0%` if it is unknown.
    #[schema(example = "0.15%")]
    cpu: String,
    /// Memory usage; `0MB` if it is unknown.
    #[schema(example = "128MB")]
    memory: String,
    /// The agent's uptime; `active` if it runs but does not report one,
    /// `unknown` if it does not run.
    #[schema(example = "2d 5h")]
    uptime: String,
    /// Messages handled; agents do not expose it.
    #[schema(required)]
    messages: Option<u64>,
    /// Errors counted; agents do not expose it.
    #[schema(required)]
    errors: Option<u64>,
    /// The version that the agent reports, else the one from its last check-in,
    /// else the platform's default; see `openclawVersionSource`.
    #[schema(example = "2026.4.11")]
    openclaw_version: String,
    openclaw_version_source: VersionSource,
    /// Why the status is not plainly running or healthy.
    #[schema(required)]
    status_reason: Option<String>,
    probe_checks: [Check; 3],
    /// When a sweep last recorded what it saw of the agent.
    #[schema(required, format = DateTime)]
    observed_at: Option<String>,
    /// How often the agent's container was replaced in the last seven days.
    #[schema(required)]
    restart_count: Option<usize>,
    /// How the last container ended, of those created in the last seven days.
    #[schema(required)]
    last_exit: Option<LastExit>,
    telemetry: Telemetry,
}

/// Which figures are real, and which are placeholders.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Telemetry {
    /// Whether `cpu` and `memory` are.
    resource_metrics_available: bool,
    /// Whether `restartCount` and `lastExit` are.
    lifecycle_metrics_available: bool,
    /// Whether `messages` and `errors` are.
    message_metrics_available: bool,
}

/// Get instance stats
///
/// Probes the agent's three health paths and asks Railway concurrently, for at
/// most two seconds. Figures that are not available hold the contract's
/// placeholders, and `telemetry` says which.
#[utoipa::path(
    get,
    path = "/api/instance/{userId}/stats",
    operation_id = "showInstanceStats",
    tag = "instance",
    security(("session" = []), ("userToken" = [])),
    params(("userId" = String, Path, description = "The instance's id")),
    responses(
        (status = 200, description = "The figures of the instance", body = InstanceStats),
        UnauthorizedThenForbidden,
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    OwnedInstance { instance, .. }: OwnedInstance<UnauthorizedThenForbidden>,
) -> Json<InstanceStats> {
    let url = instance.url();
    let (report, resources) = tokio::join!(
        state.prober.probe(&url),
        resources::of(&state.overview, &instance),
    );
    let now = state.clock.now();
    Json(view(
        &instance,
        report,
        resources,
        &state.default_image,
        now,
    ))
}

fn view(
    instance: &Instance,
    report: ProbeReport,
    resources: Resources,
    default_image: &Image,
    now: Timestamp,
) -> InstanceStats {
    let Resources { usage, lifecycle } = resources;
    let runs = matches!(report.status, Status::Running | Status::Healthy);
    let (version, source) = report.version_of(instance, &default_image.version(), now);
    InstanceStats {
        user_id: instance.id.to_string(),
        status: if runs { Status::Running } else { report.status },
        health: if runs { Status::Healthy } else { report.status },
        cpu: usage.map_or_else(|| "0%".to_owned(), |it| it.cpu_percent().to_string()),
        memory: usage.map_or_else(|| "0MB".to_owned(), |it| it.memory.whole_megabytes()),
        uptime: match report.uptime {
            Some(uptime) => uptime.to_string(),
            None if runs => "active".to_owned(),
            None => "unknown".to_owned(),
        },
        messages: None,
        errors: None,
        openclaw_version: version.to_string(),
        openclaw_version_source: source,
        status_reason: report.reason,
        probe_checks: report.checks,
        observed_at: instance.observed_at.map(iso8601),
        restart_count: lifecycle.map(|it| it.restarts),
        last_exit: lifecycle.and_then(|it| it.last_exit).map(LastExit::from),
        telemetry: Telemetry {
            resource_metrics_available: usage.is_some(),
            lifecycle_metrics_available: lifecycle.is_some(),
            message_metrics_available: false,
        },
    }
}
