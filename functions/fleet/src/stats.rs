//! `GET /api/openclaw/instances/{id}/stats`: the contract's "Get instance
//! container stats".

use axum::Json;
use axum::extract::State;
use common::clock::iso8601;
use common::control::ControlError;
use common::http::{ApiError, Bearer, ErrorBody, InstancePath, NoQuery, OperatorErrors};
use common::model::{Bytes, InstanceId, Percent, Uptime, Usage};
use common::railway::{ContainerState, FleetService, ResolveError};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Resource usage of a container. Null means that Railway does not measure it,
/// or has not done so yet.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContainerStats {
    /// The instance's id, as in the path.
    #[schema(example = "agent_123")]
    agent_id: String,
    /// CPU usage, where 100 % is one virtual CPU.
    #[schema(required, example = "0.15%")]
    cpu: Option<String>,
    /// Memory usage and limit; `--` for an unknown limit.
    #[schema(required, example = "128MiB / 2GiB")]
    memory: Option<String>,
    /// How much of the limit is in use.
    #[schema(required, example = "6.25%")]
    memory_percent: Option<String>,
    /// What came in and went out over the network since the container's start,
    /// for a day at the most, by whole hours.
    #[schema(required, example = "1.2kB / 3.4kB")]
    network: Option<String>,
    /// Bytes read from and written to volumes: zero without a volume; Railway
    /// does not measure it otherwise.
    #[serde(rename = "blockIO")]
    #[schema(required, example = "0B / 0B")]
    block_io: Option<String>,
    /// Number of processes: `0` when the container is stopped; Railway does not
    /// count them otherwise.
    #[schema(required)]
    pids: Option<String>,
    status: ContainerState,
    /// How long the container has been up, in milliseconds; 0 if it is not.
    #[schema(example = 86_400_000)]
    uptime: u64,
    /// The same, human-readable.
    #[schema(example = "1d 0h")]
    uptime_formatted: String,
    /// When it was measured, or the time of the answer if it was not.
    #[schema(format = DateTime)]
    timestamp: String,
}

/// Get instance container stats
///
/// The resource usage of an instance's container, as Railway measures it: a
/// sample of the last few minutes, cached for at most ten seconds.
#[utoipa::path(
    get,
    path = "/api/openclaw/instances/{id}/stats",
    operation_id = "showContainerStats",
    tag = "fleet",
    security(("internalKey" = [])),
    params(("id" = String, Path, description = "The instance's id")),
    responses(
        (status = 200, description = "The container's resource usage", body = ContainerStats),
        OperatorErrors,
        (status = 400, description = "The id is malformed", body = ErrorBody),
        (status = 404, description = "No such instance, or it has no service on Railway", body = ErrorBody),
        (status = 500, description = "Railway or the store failed", body = ErrorBody),
        (status = 503, description = "Railway is not configured", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    _: Bearer,
    InstancePath(id): InstancePath,
    _: NoQuery,
) -> Result<Json<ContainerStats>, ApiError> {
    let instance = state.instances.get(&id).await?;
    let instance = instance.ok_or(ApiError::UnknownInstance)?;
    let (fleet, metrics) = tokio::join!(state.overview.fleet(), state.overview.metrics());
    let (fleet, metrics) = (fleet.map_err(not_measured)?, metrics.map_err(not_measured)?);
    let service = fleet.service_of(&instance).ok_or(ApiError::NoContainer)?;
    let usage = service
        .current()
        .and_then(|container| metrics.of(&service.id, container.since()));
    Ok(Json(view(&id, service, usage, state.clock.now())))
}

/// The contract's 500, and the 503 that names a variable which is not set.
fn not_measured(error: ResolveError) -> ApiError {
    match error {
        ResolveError::Railway(error) => ApiError::NotMeasured(error),
        error => ControlError::NotLocated(error).into(),
    }
}

fn view(
    id: &InstanceId,
    service: &FleetService,
    usage: Option<Usage>,
    now: Timestamp,
) -> ContainerStats {
    let status = ContainerState::of(Some(service));
    // A sample from before it went down says nothing about it now.
    let is_down = status.is_down();
    let usage = usage.filter(|_| !is_down);
    let up = service
        .current()
        .filter(|_| status == ContainerState::Running)
        .and_then(|container| container.age(now))
        .unwrap_or_default();
    let used = usage.as_ref();
    let known =
        |text: Option<String>, down: &str| text.or_else(|| is_down.then(|| down.to_owned()));
    ContainerStats {
        agent_id: id.to_string(),
        cpu: known(used.map(|it| it.cpu_percent().to_string()), "0.00%"),
        memory: known(used.map(memory), "0B / 0B"),
        memory_percent: known(
            used.and_then(Usage::memory_percent)
                .map(|it: Percent| it.to_string()),
            "0.00%",
        ),
        network: known(
            used.map(|it| format!("{} / {}", it.received.decimal(), it.sent.decimal())),
            "0B / 0B",
        ),
        block_io: known(
            used.filter(|it| !it.has_volume)
                .map(|_| "0B / 0B".to_owned()),
            "0B / 0B",
        ),
        pids: known(None, "0"),
        status,
        uptime: u64::try_from(up.as_millis()).unwrap_or(u64::MAX),
        uptime_formatted: Uptime::of(up).to_string(),
        timestamp: iso8601(used.map_or(now, |it| it.measured_at)),
    }
}

fn memory(usage: &Usage) -> String {
    let limit = usage
        .memory_limit
        .map_or_else(|| "--".to_owned(), Bytes::binary);
    format!("{} / {limit}", usage.memory.binary())
}
