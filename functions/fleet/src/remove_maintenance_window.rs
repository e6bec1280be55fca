//! `DELETE /api/openclaw/maintenance-windows/{id}`: somebody is done earlier.

use axum::Json;
use axum::extract::State;
use common::http::{ApiError, Bearer, ErrorBody, OperatorErrors, WindowPath};
use serde::Serialize;
use utoipa::ToSchema;

/// What became of a window.
#[derive(Serialize, ToSchema)]
pub(crate) struct RemovedWindow {
    #[schema(example = "move-to-europe")]
    id: String,
    /// Whether there was one.
    removed: bool,
}

/// Remove a maintenance window
///
/// Idempotent. People are told of what is still down within two minutes.
#[utoipa::path(
    delete,
    path = "/api/openclaw/maintenance-windows/{id}",
    operation_id = "removeMaintenanceWindow",
    tag = "fleet",
    security(("internalKey" = [])),
    params(("id" = String, Path, description = "The window's id")),
    responses(
        (status = 200, description = "There is no window of this id now", body = RemovedWindow),
        OperatorErrors,
        (status = 400, description = "The id is malformed", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    _: Bearer,
    WindowPath(id): WindowPath,
) -> Result<Json<RemovedWindow>, ApiError> {
    let removed = state.maintenance_windows.remove(&id).await?;
    Ok(Json(RemovedWindow {
        id: id.to_string(),
        removed,
    }))
}
