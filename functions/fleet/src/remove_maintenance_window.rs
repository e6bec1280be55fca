//! `DELETE /api/openclaw/maintenance-windows/{id}`: ends a maintenance window.

use axum::Json;
use axum::extract::State;
use common::http::{ApiError, Bearer, ErrorBody, NoQuery, OperatorErrors, WindowPath};
use serde::Serialize;
use utoipa::ToSchema;

/// The result of removing a window.
#[derive(Serialize, ToSchema)]
pub(crate) struct RemovedWindow {
    #[schema(example = "move-to-europe")]
    id: String,
    /// Whether the window existed.
    removed: bool,
}

/// Remove a maintenance window
///
/// Idempotent. Alerts of agents that are still down are sent within two
/// minutes.
#[utoipa::path(
    delete,
    path = "/api/openclaw/maintenance-windows/{id}",
    operation_id = "removeMaintenanceWindow",
    tag = "fleet",
    security(("internalKey" = [])),
    params(("id" = String, Path, description = "The window's id")),
    responses(
        (status = 200, description = "The window does not exist any more", body = RemovedWindow),
        OperatorErrors,
        (status = 400, description = "The id is malformed", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    _: Bearer,
    WindowPath(id): WindowPath,
    _: NoQuery,
) -> Result<Json<RemovedWindow>, ApiError> {
    let removed = state.maintenance_windows.remove(&id).await?;
    Ok(Json(RemovedWindow {
        id: id.to_string(),
        removed,
    }))
}
