//! `GET /api/openclaw/proxy/{agentId}`: an agent's root without its slash.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use common::http::ErrorBody;

use crate::error::ProxyError;

/// Go to an agent's root
///
/// Redirects to the same address with a slash, so that what the agent's page names
/// relatively is found. A WebSocket is opened here as it is behind the slash:
/// browsers follow no redirect for one.
#[utoipa::path(
    get,
    path = "/api/openclaw/proxy/{agentId}",
    operation_id = "redirectToAgent",
    tag = "proxy",
    security(()),
    params(("agentId" = String, Path, description = "The agent's id", pattern = "^[A-Za-z0-9_-]{1,64}$")),
    responses(
        (status = 308, description = "The agent's root is in `Location`, with the query", headers(("Location" = String))),
        (status = 400, description = "The agent's id is malformed", body = ErrorBody),
        (status = 401, description = "A WebSocket without a bearer token or ticket", body = ErrorBody),
        (status = 403, description = "A WebSocket with a wrong bearer token, or with a ticket that is unknown, used or expired", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<Arc<crate::State>>,
    request: Request,
) -> Result<Response, ProxyError> {
    crate::forward::forward(&state, request).await
}
