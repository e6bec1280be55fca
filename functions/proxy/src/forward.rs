//! `ALL /api/openclaw/proxy/{agentId}/*`: the contract's "OpenClaw proxy".

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use common::http::{ApiError, ErrorBody};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use http_body::Body as _;

use crate::agent_request::AgentRequest;
use crate::answer::pass_on;
use crate::body::Bounded;
use crate::error::ProxyError;
use crate::limits::Deadline;
use crate::method::METHODS;
use crate::target::{Outside, PREFIX, Target};
use crate::upgrade;

/// Forward a request to an agent
///
/// `path` may have any number of segments. The path after the agent's id, the query
/// and bodies are passed on byte for byte. The agent authenticates its callers
/// itself; this API does not, except for WebSockets: they need `INTERNAL_API_KEY`
/// as a bearer token, or a ticket in the query parameter `ticket`, and only the
/// relay serves them.
///
/// The platform's cookies, keys and tokens are removed before a request reaches the
/// agent, and `X-Forwarded-For` tells it the client's address. Of the wrapper's
/// `/api/status`, which has the gateway token in it, only a caller who presents
/// exactly that token gets all; others get its state, uptime, version and times.
#[utoipa::path(
    method(get, head, post, put, patch, delete, options),
    path = "/api/openclaw/proxy/{agentId}/{path}",
    tag = "proxy",
    security(()),
    params(
        ("agentId" = String, Path, description = "The agent's id", pattern = "^[A-Za-z0-9_-]{1,64}$"),
        ("path" = String, Path, description = "The path on the agent; slashes are not encoded", allow_reserved),
    ),
    responses(
        (status = "default", description = "Whatever the agent answers, redirects included"),
        (status = 200, description = "The agent's own answer"),
        (status = 400, description = "The agent's id is malformed, or the path has a segment `.` or `..`", body = ErrorBody),
        (status = 401, description = "A WebSocket without a bearer token or ticket", body = ErrorBody),
        (status = 403, description = "A WebSocket with a wrong bearer token, or with a ticket that is unknown, used or expired", body = ErrorBody),
        (status = 405, description = "No registered method, or CONNECT or TRACE; `Allow` has those that pass", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 426, description = "The WebSocket's version is not 13", body = ErrorBody),
        (status = 501, description = "A WebSocket to a server that cannot serve any, such as Lambda", body = ErrorBody),
        (status = 502, description = "The agent is unreachable, or its answer is too large", body = ErrorBody),
        (status = 504, description = "The agent did not answer in time", body = ErrorBody),
        (status = 508, description = "The agent's address leads back to this proxy", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<Arc<crate::State>>,
    request: Request,
) -> Result<Response, ProxyError> {
    forward(&state, request).await
}

pub(crate) async fn forward(
    state: &crate::State,
    request: Request,
) -> Result<Response, ProxyError> {
    let (parts, body) = request.into_parts();
    if upgrade::is_requested(&parts.headers) {
        // Boxed, like the rare cases below: a future is as large as its largest
        // branch, and is moved a few times.
        return Box::pin(upgrade::handler(state, parts)).await;
    }
    let target = Target::of(&parts.uri)?;
    if target.outside == Outside::PathWithoutSlash {
        return Ok(with_slash(&target));
    }
    forward_to(state, &parts, body, &target).await
}

/// Forwards a request that is for this agent, and asks for no WebSocket.
pub(crate) async fn forward_to(
    state: &crate::State,
    parts: &Parts,
    body: Body,
    target: &Target<'_>,
) -> Result<Response, ProxyError> {
    let limits = &state.limits;
    if !METHODS.contains(&parts.method.as_str()) {
        return Err(ProxyError::UnknownMethod);
    }
    if body.size_hint().lower() > limits.max_body as u64 {
        return Err(ApiError::BodyTooLarge(limits.max_body).into());
    }
    let url = state.agents.url(&target.agent).await?;
    let asked = AgentRequest {
        state,
        parts,
        url: &url,
        target,
        query: target.query,
        opens_websocket: false,
    };
    let deadline = Deadline::after(limits.response_timeout);
    let body = Bounded::wrap(body, Some(limits.max_body), limits.client_timeout);
    let answer = asked.send(body, deadline).await?;
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        // This request asked for no upgrade.
        return Err(ProxyError::AgentUnreachable);
    }
    pass_on(&asked, answer, deadline).await
}

/// Redirects to the agent's root, so that what its page names relatively is found.
fn with_slash(target: &Target<'_>) -> Response {
    let query = target.query.map(|query| format!("?{query}"));
    let root = format!("{PREFIX}{}/{}", target.agent, query.unwrap_or_default());
    // `axum::response::Redirect` would fail on a query with bytes beyond ASCII.
    let location = HeaderValue::from_bytes(root.as_bytes());
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
    answer
        .headers_mut()
        .extend(location.map(|it| (header::LOCATION, it)));
    answer
}
