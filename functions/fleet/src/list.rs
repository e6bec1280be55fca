//! `GET /api/openclaw/instances`: the contract's "List OpenClaw instances".

use axum::Json;
use axum::extract::State;
use common::clock::iso8601;
use common::control::ControlError;
use common::http::{ApiError, Bearer, ErrorBody, OperatorErrors, Parameters, StrictQuery};
use common::model::{Image, Instance};
use common::railway::{ContainerState, FleetService, ResolveError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::cursor::Cursor;

/// Stands for an unknown image or version.
const UNKNOWN: &str = "unknown";

/// The most instances that a page may have.
const MAX_LIMIT: usize = 1000;

/// The registered instances, sorted by id.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceList {
    instances: Vec<ListedInstance>,
    /// The number of instances that match the filters, on all pages.
    #[schema(example = 1)]
    count: usize,
    /// The `cursor` of the next page, or null where there is none.
    #[schema(required)]
    next_cursor: Option<String>,
    /// The number of damaged records, which are missing here.
    #[schema(example = 0)]
    damaged_records: usize,
}

/// An instance and its container.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedInstance {
    #[schema(example = "agent_123")]
    agent_id: String,
    /// The name of the service on Railway, or the one that it would have.
    #[schema(example = "agentbot-agent-agent_123")]
    name: String,
    /// What the container runs; `unknown` where there is none.
    #[schema(example = "ghcr.io/openclaw/openclaw:2026.4.11")]
    image: String,
    /// What the container does, in the words of `docker ps`.
    #[schema(example = "Up 2 days")]
    status: String,
    /// The same as one word.
    state: ContainerState,
    /// What does not work although the agent is up, as recorded by the last sweeps;
    /// sorted.
    #[schema(example = json!(["telegram"]))]
    degraded: Vec<String>,
    /// When the container was created; null if there is none.
    #[schema(required, format = DateTime)]
    created_at: Option<String>,
    /// The release that the image's tag names, or `unknown`.
    #[schema(example = "2026.4.11")]
    version: String,
    /// The owner's plan; `free` where none is recorded.
    #[schema(example = "solo")]
    plan: String,
    /// The platform's own notes.
    #[schema(required)]
    metadata: Option<Map<String, Value>>,
}

/// Which instances are wanted.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    status: Option<String>,
    plan: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

impl Parameters for Wanted {
    const NAMES: &[&str] = &["status", "plan", "limit", "cursor"];
}

/// List OpenClaw instances
///
/// All registered instances with their containers on Railway, sorted by id,
/// including those whose container is stopped or gone. Services that run no
/// agent are not listed. Railway's data is at most ten seconds old.
#[utoipa::path(
    get,
    path = "/api/openclaw/instances",
    operation_id = "listInstances",
    tag = "fleet",
    security(("internalKey" = [])),
    params(
        ("status" = Option<ContainerState>, Query, description = "Only instances with this `state`"),
        ("plan" = Option<String>, Query, description = "Only instances with this plan"),
        ("limit" = Option<i32>, Query, description = "The page size: 1 to 1000; all instances by default"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The instances", body = InstanceList),
        OperatorErrors,
        (status = 400, description = "A parameter is invalid", body = ErrorBody),
        (status = 500, description = "Railway or the store failed", body = ErrorBody),
        (status = 503, description = "Railway is not configured", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    _: Bearer,
    StrictQuery(wanted): StrictQuery<Wanted>,
) -> Result<Json<InstanceList>, ApiError> {
    let wanted = Filter::of(wanted)?;
    let (all, fleet) = tokio::join!(state.instances.all(), state.overview.fleet());
    let (all, fleet) = (all?, fleet.map_err(not_listed)?);
    let found: Vec<_> = all
        .instances
        .into_iter()
        .filter(|instance| {
            wanted
                .plan
                .as_deref()
                .is_none_or(|it| it == instance.plan())
        })
        .map(|instance| {
            let service = fleet.service_of(&instance);
            (ContainerState::of(service), service, instance)
        })
        .filter(|(found, ..)| wanted.status.is_none_or(|status| status == *found))
        .collect();

    let count = found.len();
    let mut rest = found
        .into_iter()
        .skip_while(|(.., instance)| {
            let after = wanted.after.as_ref();
            after.is_some_and(|Cursor(after)| instance.id <= *after)
        })
        .peekable();
    let now = state.clock.now();
    let mut instances = Vec::new();
    let mut last = None;
    for (found, service, instance) in rest.by_ref().take(wanted.limit) {
        last = Some(instance.id.clone());
        instances.push(view(instance, found, service, now));
    }
    let more = rest.peek().is_some();
    Ok(Json(InstanceList {
        instances,
        count,
        next_cursor: last.filter(|_| more).map(|id| Cursor(id).encode()),
        damaged_records: all.damaged,
    }))
}

/// The contract's 500, and the 503 that names a variable which is not set.
fn not_listed(error: ResolveError) -> ApiError {
    match error {
        ResolveError::Railway(error) => ApiError::NotListed(error),
        error => ControlError::NotLocated(error).into(),
    }
}

fn view(
    instance: Instance,
    state: ContainerState,
    service: Option<&FleetService>,
    now: Timestamp,
) -> ListedInstance {
    let deployment = service.and_then(FleetService::current);
    let image = deployment.and_then(|it| it.image.as_ref());
    let version = image.and_then(Image::tagged_version);
    let age = deployment.and_then(|it| it.age(now));
    ListedInstance {
        name: service.map_or_else(
            || format!("agentbot-agent-{}", instance.id),
            |service| service.name.clone(),
        ),
        image: image.map_or_else(|| UNKNOWN.to_owned(), Image::to_string),
        status: state.in_dockers_words(age),
        state,
        created_at: deployment.map(|it| iso8601(it.created_at)),
        version: version.map_or_else(|| UNKNOWN.to_owned(), |it| it.to_string()),
        plan: instance.plan().to_owned(),
        agent_id: instance.id.to_string(),
        degraded: instance.degraded,
        metadata: instance.metadata,
    }
}

/// The validated query.
struct Filter {
    status: Option<ContainerState>,
    plan: Option<String>,
    limit: usize,
    after: Option<Cursor>,
}

impl Filter {
    /// Names everything that is wrong at once.
    fn of(wanted: Wanted) -> Result<Self, ApiError> {
        let mut problems = Vec::new();
        let status = wanted.status.and_then(|text| {
            let status = text.parse();
            status
                .map_err(|error| problems.push(format!("status {error}")))
                .ok()
        });
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if let Some(plan) = &wanted.plan
            && !((1..=64).contains(&plan.len()) && plan.bytes().all(allowed))
        {
            let rule = "plan must be 1 to 64 letters, digits, hyphens or underscores";
            problems.push(rule.to_owned());
        }
        let limit = wanted.limit.map_or(Some(usize::MAX), |text| {
            let limit = text.parse().ok();
            limit.filter(|limit| (1..=MAX_LIMIT).contains(limit))
        });
        if limit.is_none() {
            problems.push(format!("limit must be 1 to {MAX_LIMIT}"));
        }
        let after = wanted.cursor.and_then(|text| {
            let rule = "cursor must be the nextCursor of another page";
            text.parse()
                .map_err(|_| problems.push(rule.to_owned()))
                .ok()
        });
        match limit {
            Some(limit) if problems.is_empty() => Ok(Self {
                status,
                plan: wanted.plan,
                limit,
                after,
            }),
            _ => Err(ApiError::BadRequest(problems.join("; "))),
        }
    }
}
