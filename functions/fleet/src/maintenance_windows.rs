//! `GET /api/openclaw/maintenance-windows`: the periods without alerts.

use axum::Json;
use axum::extract::State;
use common::http::{ApiError, Bearer, ErrorBody, NoQuery, OperatorErrors};
use serde::Serialize;
use utoipa::ToSchema;

use crate::maintenance_window_view::WindowView;

/// The maintenance windows.
#[derive(Serialize, ToSchema)]
pub(crate) struct WindowList {
    /// Sorted by id. Windows are deleted a week after their end.
    windows: Vec<WindowView>,
}

/// List maintenance windows
#[utoipa::path(
    get,
    path = "/api/openclaw/maintenance-windows",
    operation_id = "listMaintenanceWindows",
    tag = "fleet",
    security(("internalKey" = [])),
    responses(
        (status = 200, description = "The windows", body = WindowList),
        OperatorErrors,
        (status = 400, description = "There is a query, and this endpoint has none", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    _: Bearer,
    _: NoQuery,
) -> Result<Json<WindowList>, ApiError> {
    let windows = state.maintenance_windows.all().await?;
    let windows = windows.into_iter().map(WindowView::from).collect();
    Ok(Json(WindowList { windows }))
}
