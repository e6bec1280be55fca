//! `POST /api/openclaw/proxy/{agentId}/ticket`: lets a browser open a WebSocket,
//! since it cannot send a bearer token with one.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::IntoResponse;
use common::clock::iso8601;
use common::http::{ApiError, ErrorBody, UnauthorizedThenForbidden, owned};
use common::model::Instance;
use http::header;
use serde::Serialize;
use utoipa::ToSchema;

use crate::target::Target;

/// A ticket for one WebSocket to one agent.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IssuedTicket {
    /// To be sent as the query parameter `ticket` of the WebSocket's address.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    ticket: String,
    /// The ticket can be used once, before this time.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Get a ticket for a WebSocket
///
/// A ticket opens one WebSocket to this agent, within a minute. It does not replace
/// the agent's own authentication inside the WebSocket.
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
        (status = 403, description = "The agent does not exist or belongs to somebody else, or the request comes from a page of another origin", body = ErrorBody),
        (status = 404, description = "This server issues no tickets", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<Arc<crate::State>>,
    request: Request,
) -> Result<impl IntoResponse, ApiError> {
    let services = state.ticket_services.as_ref().ok_or(ApiError::NotFound)?;
    let now = state.clock.now();
    let (parts, _) = request.into_parts();
    let session = services.authenticator.session(&parts, now).await?;
    let agent = Target::of(&parts.uri)?.agent;
    owned::<UnauthorizedThenForbidden, Instance>(&services.instances, &agent, &session.user)
        .await?;
    let (ticket, expires_at) = services.tickets.issue(&agent, now).await?;
    let view = IssuedTicket {
        ticket: ticket.reveal().to_owned(),
        expires_at: iso8601(expires_at),
    };
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((http::StatusCode::CREATED, headers, Json(view)))
}
