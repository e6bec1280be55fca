//! `GET /api/instance/{userId}/operations`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use common::http::{ApiError, ErrorBody, InstancePath, Session};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{OperationView, bad_query, operation_id, owned};

/// Operations, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationList {
    operations: Vec<OperationView>,
    /// The `cursor` of the next page, or null where there is none.
    #[schema(required)]
    next_cursor: Option<String>,
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
pub(crate) async fn handler(
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
