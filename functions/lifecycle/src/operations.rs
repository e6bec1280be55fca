//! `GET /api/instance/{userId}/operations` and `…/operations/{operationId}`:
//! what was done to an instance, and what became of it.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use common::clock::iso8601;
use common::http::{ApiError, ErrorBody, InstancePath, Session};
use common::model::{
    Control, Failure, FailureKind, Instance, InstanceId, Operation, OperationId, OperationState,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest that a request waits for an outcome, in seconds: API Gateway
/// gives up at 30.
const MAX_WAIT: u64 = 25;

/// An operation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationView {
    operation_id: String,
    instance_id: String,
    /// What was to be done.
    control: Control,
    status: OperationStatus,
    /// The user who wanted it, or `self-healing`.
    requested_by: String,
    #[schema(format = DateTime)]
    started_at: String,
    /// When its outcome was known.
    #[schema(required, format = DateTime)]
    finished_at: Option<String>,
    /// The Railway service it was done to.
    #[schema(required)]
    service_id: Option<String>,
    /// The Railway deployment that it made or touched.
    #[schema(required)]
    deployment_id: Option<String>,
    /// The image that it pinned.
    #[schema(required)]
    image: Option<String>,
    /// What went wrong.
    #[schema(required)]
    error: Option<String>,
    /// At which step it went wrong.
    #[schema(required)]
    failure: Option<FailureKind>,
}

/// How far an operation got.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum OperationStatus {
    /// Its request is being worked on.
    Running,
    /// Railway took it; the agent is not there yet.
    Accepted,
    /// The deployment has settled and the agent agrees.
    Succeeded,
    /// It came to nothing.
    Failed,
}

/// Operations, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationList {
    operations: Vec<OperationView>,
    /// The `cursor` of the next page, or null where there is none.
    #[schema(required)]
    next_cursor: Option<String>,
}

impl From<Operation> for OperationView {
    fn from(operation: Operation) -> Self {
        let (status, failure) = match operation.state {
            OperationState::Running => (OperationStatus::Running, None),
            OperationState::Accepted => (OperationStatus::Accepted, None),
            OperationState::Succeeded => (OperationStatus::Succeeded, None),
            OperationState::Failed(failure) => (OperationStatus::Failed, Some(failure)),
        };
        let (failure, error) = failure
            .map(|Failure { kind, reason }| (kind, reason))
            .unzip();
        Self {
            operation_id: operation.id.to_string(),
            instance_id: operation.instance.to_string(),
            control: operation.control,
            status,
            requested_by: operation.requested_by.to_string(),
            started_at: iso8601(operation.started_at),
            finished_at: operation.finished_at.map(iso8601),
            service_id: operation.service_id,
            deployment_id: operation.deployment_id,
            image: operation.image.map(|image| image.to_string()),
            error,
            failure,
        }
    }
}

/// The page that is wanted.
#[derive(Deserialize)]
pub(crate) struct Page {
    limit: Option<String>,
    cursor: Option<String>,
}

/// List operations
///
/// What was done to an instance, newest first.
#[utoipa::path(
    get,
    path = "/api/instance/{userId}/operations",
    operation_id = "listOperations",
    tag = "lifecycle",
    security(("session" = []), ("userToken" = [])),
    params(
        ("userId" = String, Path, description = "The instance's id"),
        ("limit" = Option<i32>, Query, description = "How many at the most: 1 to 100, 20 by default"),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before"),
    ),
    responses(
        (status = 200, description = "The operations", body = OperationList),
        (status = 400, description = "A parameter is bad", body = ErrorBody),
        (status = 401, description = "No valid session", body = ErrorBody),
        (status = 403, description = "No such instance, or not the caller's", body = ErrorBody),
        (status = 500, description = "The store failed", body = ErrorBody),
        (status = 503, description = "The keys of the login that signed the token cannot be fetched", body = ErrorBody),
    )
)]
pub(crate) async fn list(
    State(state): State<crate::State>,
    session: Session,
    InstancePath(id): InstancePath,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<OperationList>, ApiError> {
    let Query(page) = page.map_err(bad_query)?;
    let limit = match page.limit {
        None => 20,
        Some(limit) => limit
            .parse()
            .ok()
            .filter(|limit| (1..=100).contains(limit))
            .ok_or_else(|| ApiError::BadRequest("limit must be 1 to 100".to_owned()))?,
    };
    let cursor = match page.cursor {
        None => None,
        Some(cursor) => Some(operation_id("cursor", &cursor)?),
    };
    let instance = owned(&state, &session, &id).await?;
    let operations = &state.controls.operations;
    let page = operations
        .list(&instance.id, limit, cursor.as_ref())
        .await?;
    Ok(Json(OperationList {
        operations: page.operations.into_iter().map(Into::into).collect(),
        next_cursor: page.next.map(|id| id.to_string()),
    }))
}

/// For how long to wait.
#[derive(Deserialize)]
pub(crate) struct Waiting {
    wait: Option<String>,
}

/// Get an operation
///
/// Answers as soon as the operation's outcome is known, and after `wait` in any
/// case. It has succeeded when its deployment has settled and the agent's
/// readiness agrees.
#[utoipa::path(
    get,
    path = "/api/instance/{userId}/operations/{operationId}",
    operation_id = "showOperation",
    tag = "lifecycle",
    security(("session" = []), ("userToken" = [])),
    params(
        ("userId" = String, Path, description = "The instance's id"),
        ("operationId" = String, Path, description = "The operation's id"),
        ("wait" = Option<String>, Query, description = "How long to wait for the outcome, in seconds: `25s` at the most, 0 by default"),
    ),
    responses(
        (status = 200, description = "The operation; see `status`", body = OperationView),
        (status = 400, description = "A parameter is bad", body = ErrorBody),
        (status = 401, description = "No valid session", body = ErrorBody),
        (status = 403, description = "No such instance, or not the caller's", body = ErrorBody),
        (status = 404, description = "No such operation", body = ErrorBody),
        (status = 500, description = "The store failed", body = ErrorBody),
        (status = 503, description = "Railway cannot tell how the deployment is, or a login's keys cannot be fetched", body = ErrorBody),
    )
)]
pub(crate) async fn show(
    State(state): State<crate::State>,
    session: Session,
    InstancePath(id): InstancePath,
    Path((_, operation)): Path<(String, String)>,
    waiting: Result<Query<Waiting>, QueryRejection>,
) -> Result<Json<OperationView>, ApiError> {
    let operation = operation_id("operationId", &operation)?;
    let Query(waiting) = waiting.map_err(bad_query)?;
    let wait = waiting
        .wait
        .as_deref()
        .map_or(Ok(Duration::ZERO), parse_wait)?;
    let instance = owned(&state, &session, &id).await?;
    let operation = state
        .controls
        .operations
        .get(&instance.id, &operation)
        .await?
        .ok_or(ApiError::NoOperation)?;
    let settled = state.controls.settle(operation, &instance, wait).await?;
    Ok(Json(settled.into()))
}

async fn owned(
    state: &crate::State,
    session: &Session,
    id: &InstanceId,
) -> Result<Instance, ApiError> {
    let instance = state.controls.instances.get(id).await?;
    instance
        .filter(|instance| instance.owner == session.user)
        .ok_or(ApiError::Forbidden)
}

fn operation_id(name: &str, text: &str) -> Result<OperationId, ApiError> {
    text.parse()
        .map_err(|error| ApiError::BadRequest(format!("{name} {error}")))
}

/// `25s`, or the number alone.
fn parse_wait(text: &str) -> Result<Duration, ApiError> {
    let seconds = text.strip_suffix('s').unwrap_or(text).parse().ok();
    seconds
        .filter(|seconds| *seconds <= MAX_WAIT)
        .map(Duration::from_secs)
        .ok_or_else(|| ApiError::BadRequest(format!("wait must be 0s to {MAX_WAIT}s")))
}

fn bad_query(rejection: QueryRejection) -> ApiError {
    ApiError::BadRequest(rejection.body_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_a_number_of_seconds_up_to_25() {
        for (text, seconds) in [("0", 0), ("0s", 0), ("7s", 7), ("25", 25), ("25s", 25)] {
            assert_eq!(
                parse_wait(text).ok(),
                Some(Duration::from_secs(seconds)),
                "{text}"
            );
        }
        for text in [
            "",
            "s",
            "26s",
            "-1s",
            "1m",
            "2.5s",
            "forever",
            "99999999999999999999s",
        ] {
            let error = parse_wait(text).unwrap_err().to_string();
            assert_eq!(error, "wait must be 0s to 25s", "{text}");
        }
    }
}
