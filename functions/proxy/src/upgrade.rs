//! Opening a WebSocket to an agent.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use common::http::{ApiError, presented};
use common::store::Ticket;
use hyper::upgrade::OnUpgrade;
use tokio::time::Instant;

use crate::forward::{ask, request_of};
use crate::headers;
use crate::target::Target;
use crate::tunnel::Held;

/// Whether a request asks for a WebSocket. What else it may want to upgrade to
/// is not passed on.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    headers::has_token(headers, header::CONNECTION, "upgrade")
        && headers::has_token(headers, header::UPGRADE, "websocket")
}

/// Asks the agent to upgrade too, and connects the two connections.
pub(crate) async fn handler(state: &crate::State, mut parts: Parts) -> Result<Response, ApiError> {
    // Before anything else, so that nobody learns more than that.
    let uri = std::mem::take(&mut parts.uri);
    let target = Target::of(&uri)?;
    let (query, ticket) = target.without_ticket();
    authorize(state, &parts.headers, &target, ticket).await?;
    check(&parts)?;
    let client = parts.extensions.remove::<OnUpgrade>();
    let client = client.ok_or(ApiError::NoWebSockets)?;
    if state.tunnels.is_draining() {
        return Err(ApiError::Restarting);
    }

    let url = state.agents.url(&target.agent).await?;
    let mut request = request_of(state, &parts, &url, &target, query.as_deref())?;
    switch(request.headers_mut());
    let deadline = Instant::now() + state.limits.patience;
    let request = request.map(|()| Body::empty());
    let mut answer = ask(state, request, &target.agent, deadline).await?;

    let agent = hyper::upgrade::on(&mut answer);
    let (mut head, body) = answer.into_parts();
    let extended = head.headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS);
    head.headers = headers::to_client(&head.headers, &target.agent);
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        // It refused, and says why.
        return Ok(Response::from_parts(head, Body::new(body)));
    }
    switch(&mut head.headers);
    let held = parts.extensions.remove::<Held>();
    state.tunnels.open(client, agent, extended, held);
    Ok(Response::from_parts(head, Body::empty()))
}

/// The bearer key, or a ticket: 401 without, 403 with a wrong one.
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
    let office = state.office.as_ref().ok_or(ApiError::Forbidden)?;
    let now = state.clock.now();
    let good = office.tickets.redeem(&ticket, &target.agent, now).await?;
    good.then_some(()).ok_or(ApiError::Forbidden)
}

/// What RFC 6455 (4.2.1) asks of a client.
fn check(parts: &Parts) -> Result<(), ApiError> {
    let bad = |rule: &str| Err(ApiError::BadRequest(rule.to_owned()));
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
        return Err(ApiError::WebSocketVersion);
    }
    // 16 bytes in base64.
    match only(header::SEC_WEBSOCKET_KEY) {
        Some(key) if key.len() == 24 && key.ends_with(b"==") => Ok(()),
        _ => bad("Sec-WebSocket-Key must be 16 bytes in base64"),
    }
}

fn switch(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}
