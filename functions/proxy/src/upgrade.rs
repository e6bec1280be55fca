//! Opening a WebSocket to an agent.

use axum::body::Body;
use axum::response::Response;
use common::http::{ApiError, presented};
use common::model::AgentUrl;
use common::store::Ticket;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use hyper::upgrade::OnUpgrade;

use crate::agent_request::{AgentRequest, set_upgrade_headers};
use crate::answer::pass_on;
use crate::error::ProxyError;
use crate::headers;
use crate::limits::Deadline;
use crate::target::Target;
use crate::tunnel::{ConnectionGuard, Witness};

/// Whether a request asks for a WebSocket. Upgrades to other protocols are not
/// passed on.
pub(crate) fn is_requested(headers: &HeaderMap) -> bool {
    headers::has_token(headers, header::CONNECTION, "upgrade")
        && headers::has_token(headers, header::UPGRADE, "websocket")
}

/// Opens a WebSocket to the agent below the contract's path.
pub(crate) async fn handler(
    state: &crate::State,
    mut parts: Parts,
) -> Result<Response, ProxyError> {
    // Before anything else, so that unauthorised callers learn nothing more.
    let uri = std::mem::take(&mut parts.uri);
    let target = Target::of(&uri)?;
    let (query, ticket) = target.without_ticket();
    authorize(state, &parts.headers, &target, ticket).await?;
    open(state, parts, &target, query.as_deref(), |_| None).await
}

/// Opens a WebSocket for a caller who may, and joins it with the client's connection.
/// `witness` makes what sees the beginning of it, for an agent at this address.
pub(crate) async fn open(
    state: &crate::State,
    mut parts: Parts,
    target: &Target<'_>,
    query: Option<&str>,
    witness: impl FnOnce(AgentUrl) -> Option<Box<dyn Witness>>,
) -> Result<Response, ProxyError> {
    check_handshake(&parts)?;
    let client = parts.extensions.remove::<OnUpgrade>();
    let client = client.ok_or(ProxyError::NoWebSockets)?;
    if state.tunnels.is_draining() {
        return Err(ProxyError::Restarting);
    }

    let url = state.agents.url(&target.agent).await?;
    let asked = AgentRequest {
        state,
        parts: &parts,
        url: &url,
        target,
        query,
        opens_websocket: true,
    };
    let deadline = Deadline::after(state.limits.response_timeout);
    let mut answer = asked.send(Body::empty(), deadline).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        // The agent refused, and its answer says why.
        return pass_on(&asked, answer, deadline).await;
    }
    let agent = hyper::upgrade::on(&mut answer);
    let (mut head, _) = answer.into_parts();
    let extended = head.headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS);
    head.headers = asked.headers_to_client(&head.headers);
    set_upgrade_headers(&mut head.headers);
    let guard = parts.extensions.remove::<ConnectionGuard>();
    // Of compressed frames a witness would understand nothing.
    let witness = if extended { None } else { witness(url) };
    state.tunnels.open(client, agent, extended, guard, witness);
    Ok(Response::from_parts(head, Body::empty()))
}

/// Requires the bearer token or a ticket: 401 without either, 403 with a wrong one.
async fn authorize(
    state: &crate::State,
    headers: &HeaderMap,
    target: &Target<'_>,
    ticket: Option<&str>,
) -> Result<(), ApiError> {
    if let Some(key) = presented(headers) {
        return state
            .internal_key
            .is(key)
            .then_some(())
            .ok_or(ApiError::Forbidden);
    }
    let ticket = ticket.ok_or(ApiError::Unauthorized)?;
    let ticket: Ticket = ticket.parse().map_err(|_| ApiError::Forbidden)?;
    let services = state.ticket_services.as_ref().ok_or(ApiError::Forbidden)?;
    let now = state.clock.now();
    let redeemed = services.tickets.redeem(&ticket, &target.agent, now).await?;
    redeemed.then_some(()).ok_or(ApiError::Forbidden)
}

/// What RFC 6455 (4.2.1) requires of a client.
fn check_handshake(parts: &Parts) -> Result<(), ProxyError> {
    let bad = |rule: &str| Err(ApiError::BadRequest(rule.to_owned()).into());
    if parts.method != Method::GET {
        return bad("A WebSocket is opened with GET");
    }
    let only = |name| {
        let mut values = parts.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Some(value.as_bytes()),
            _ => None,
        }
    };
    if only(header::SEC_WEBSOCKET_VERSION) != Some(b"13") {
        return Err(ProxyError::WebSocketVersion);
    }
    // 16 bytes in base64.
    match only(header::SEC_WEBSOCKET_KEY) {
        Some(key) if key.len() == 24 && key.ends_with(b"==") => Ok(()),
        _ => bad("Sec-WebSocket-Key must be 16 bytes in base64"),
    }
}
