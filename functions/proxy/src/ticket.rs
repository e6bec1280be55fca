//! `POST /api/openclaw/proxy/{agentId}/ticket`: how a browser gets to open a
//! WebSocket, with which it can send no bearer key.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::IntoResponse;
use common::clock::iso8601;
use common::http::{ApiError, ErrorBody, UnauthorizedThenForbidden, owned};
use common::model::Instance;
use serde::Serialize;
use utoipa::ToSchema;

use crate::target::Target;

/// A ticket for one WebSocket to one agent.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IssuedTicket {
    /// Goes into the query parameter `ticket` of the WebSocket's address.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    ticket: String,
    /// It is good until then, and once.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Get a ticket for a WebSocket
///
/// Good for one WebSocket to this agent within a minute. The agent's own
/// authentication, inside the WebSocket, is not affected.
#[utoipa::path(
    post,
    path = "/api/openclaw/proxy/{agentId}/ticket",
    operation_id = "issueTicket",
    tag = "proxy",
    security(("session" = []), ("userToken" = [])),
    params(("agentId" = String, Path, description = "The agent's id")),
    responses(
        (status = 201, description = "A ticket", body = IssuedTicket),
        UnauthorizedThenForbidden,
        (status = 403, description = "No such agent, or not the caller's; or a page that may not write with the caller's cookie", body = ErrorBody),
        (status = 404, description = "No tickets are issued here", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<Arc<crate::State>>,
    request: Request,
) -> Result<impl IntoResponse, ApiError> {
    let office = state.office.as_ref().ok_or(ApiError::NotFound)?;
    let now = state.clock.now();
    let (parts, _) = request.into_parts();
    let session = office.authenticator.session(&parts, now).await?;
    let agent = Target::of(&parts.uri)?.agent;
    owned::<UnauthorizedThenForbidden, Instance>(&office.instances, &agent, &session.user).await?;
    let (ticket, expires_at) = office.tickets.issue(&agent, now).await?;
    let view = IssuedTicket {
        ticket: ticket.reveal().to_owned(),
        expires_at: iso8601(expires_at),
    };
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((axum::http::StatusCode::CREATED, headers, Json(view)))
}
