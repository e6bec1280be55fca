//! `GET /api/instance/{userId}/operations/{operationId}`.

use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use common::http::{
    ApiError, ErrorBody, OwnedInstance, Parameters, StrictQuery, UnauthorizedThenForbidden,
};
use common::model::OperationId;
use http::request::Parts;
use serde::Deserialize;

use super::{OperationView, operation_id};

/// The longest that a request waits for an outcome, in seconds: API Gateway
/// gives up at 30.
const MAX_WAIT: u64 = 25;

/// For how long to wait.
#[derive(Deserialize)]
struct Waiting {
    wait: Option<String>,
}

impl Parameters for Waiting {
    const NAMES: &[&str] = &["wait"];
}

/// Which operation is asked for, and for how long to wait for its outcome.
#[derive(Debug)]
pub(crate) struct Asked {
    operation: OperationId,
    wait: Duration,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((_, operation)) =
            path.map_err(|rejection| ApiError::BadRequest(rejection.body_text()))?;
        let operation = operation_id("operationId", &operation)?;
        let waiting = StrictQuery::<Waiting>::from_request_parts(parts, state).await;
        let StrictQuery(waiting) = waiting?;
        let wait = waiting
            .wait
            .as_deref()
            .map_or(Ok(Duration::ZERO), parse_wait)?;
        Ok(Self { operation, wait })
    }
}

/// Get an operation
///
/// Returns as soon as the outcome of the operation is known, and after `wait`
/// at the latest. An operation has succeeded when its deployment has settled
/// and the agent is ready.
#[utoipa::path(
    get,
    path = "/api/instance/{userId}/operations/{operationId}",
    operation_id = "showOperation",
    tag = "lifecycle",
    security(("session" = []), ("userToken" = [])),
    params(
        ("userId" = String, Path, description = "The instance's id"),
        ("operationId" = String, Path, description = "The operation's id"),
        ("wait" = Option<String>, Query, description = "How long to wait for the outcome, in seconds: at most `25s`, 0 by default"),
    ),
    responses(
        (status = 200, description = "The operation; see `status`", body = OperationView),
        UnauthorizedThenForbidden,
        (status = 400, description = "A parameter is invalid", body = ErrorBody),
        (status = 404, description = "No such operation", body = ErrorBody),
        (status = 503, description = "The state of the deployment cannot be read from Railway, or a login's keys cannot be fetched", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    asked: OwnedInstance<UnauthorizedThenForbidden, Asked>,
) -> Result<Json<OperationView>, ApiError> {
    let OwnedInstance {
        instance,
        query: Asked { operation, wait },
        ..
    } = asked;
    let operation = state
        .controls
        .operations
        .get(&instance.id, &operation)
        .await?
        .ok_or(ApiError::NoOperation)?;
    let settled = state.controls.settle(operation, &instance, wait).await?;
    Ok(Json(settled.into()))
}

/// `25s`, or the number alone.
fn parse_wait(text: &str) -> Result<Duration, ApiError> {
    let seconds = text.strip_suffix('s').unwrap_or(text).parse().ok();
    seconds
        .filter(|seconds| *seconds <= MAX_WAIT)
        .map(Duration::from_secs)
        .ok_or_else(|| ApiError::BadRequest(format!("wait must be 0s to {MAX_WAIT}s")))
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
