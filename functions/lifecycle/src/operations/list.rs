//! `GET /api/instance/{userId}/operations`.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use common::http::{
    ApiError, ErrorBody, OwnedInstance, Parameters, StrictQuery, UnauthorizedThenForbidden,
};
use common::model::OperationId;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{OperationView, operation_id};

/// Operations, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationList {
    operations: Vec<OperationView>,
    /// The `cursor` of the next page, or null where there is none.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// The query, unparsed.
#[derive(Deserialize)]
struct Asked {
    limit: Option<String>,
    cursor: Option<String>,
}

impl Parameters for Asked {
    const NAMES: &[&str] = &["limit", "cursor"];
}

#[derive(Debug)]
pub(crate) struct Page {
    limit: i32,
    cursor: Option<OperationId>,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let asked = StrictQuery::<Asked>::from_request_parts(parts, state).await;
        let StrictQuery(asked) = asked?;
        let limit = match asked.limit {
            None => 20,
            Some(limit) => limit
                .parse()
                .ok()
                .filter(|limit| (1..=100).contains(limit))
                .ok_or_else(|| ApiError::BadRequest("limit must be 1 to 100".to_owned()))?,
        };
        let cursor = match asked.cursor {
            None => None,
            Some(cursor) => Some(operation_id("cursor", &cursor)?),
        };
        Ok(Self { limit, cursor })
    }
}

/// List operations
///
/// The operations on an instance, newest first.
#[utoipa::path(
    get,
    path = "/api/instance/{userId}/operations",
    operation_id = "listOperations",
    tag = "lifecycle",
    security(("session" = []), ("userToken" = [])),
    params(
        ("userId" = String, Path, description = "The instance's id"),
        ("limit" = Option<i32>, Query, description = "The page size: 1 to 100, 20 by default"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The operations", body = OperationList),
        UnauthorizedThenForbidden,
        (status = 400, description = "A parameter is invalid", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    asked: OwnedInstance<UnauthorizedThenForbidden, Page>,
) -> Result<Json<OperationList>, ApiError> {
    let Page { limit, cursor } = asked.query;
    let operations = &state.controls.operations;
    let page = operations
        .list(&asked.instance.id, limit, cursor.as_ref())
        .await?;
    Ok(Json(OperationList {
        operations: page.operations.into_iter().map(Into::into).collect(),
        next_cursor: page.next.map(|id| id.to_string()),
    }))
}
