//! `ALL /api/openclaw/proxy/{agentId}/*`: the spec's "OpenClaw proxy".

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use common::http::{ApiError, Caller, ErrorBody, presented};
use common::model::{AgentUrl, InstanceId};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::body::{self, BodyError, Bounded};
use crate::headers::Secrets;
use crate::limits::ResponseMode;
use crate::target::Target;
use crate::{buffered, headers, status_redaction, upgrade};

/// Forward a request to an agent
///
/// `path` may have any number of segments. The path after the agent's id, the query
/// and bodies are passed on byte for byte. The agent authenticates its callers
/// itself; this API does not, except for WebSockets: they need `INTERNAL_API_KEY`
/// as a bearer token, or a ticket in the query parameter `ticket`, and only the
/// relay serves them.
///
/// The platform's cookies, keys and tokens are removed before a request reaches the
/// agent, and `X-Forwarded-For` tells it the client's address. The field
/// `gatewayToken` is removed from the wrapper's `/api/status`, unless the caller
/// presents exactly that token.
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
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 426, description = "The WebSocket's version is not 13", body = ErrorBody),
        (status = 501, description = "A WebSocket to a server that cannot serve any, such as Lambda", body = ErrorBody),
        (status = 502, description = "The agent is unreachable or too slow, or its answer is too large", body = ErrorBody),
        (status = 508, description = "The agent's address leads back to this proxy", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<Arc<crate::State>>,
    request: Request,
) -> Result<Response, ApiError> {
    forward(&state, request).await
}

pub(crate) async fn forward(state: &crate::State, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    if upgrade::is_requested(&parts.headers) {
        // Boxed, like the rare cases below: a future is as large as its largest
        // branch, and is moved a few times.
        return Box::pin(upgrade::handler(state, parts)).await;
    }
    let target = Target::of(&parts.uri)?;
    let limits = &state.limits;
    if body.size_hint().lower() > limits.max_body as u64 {
        return Err(ApiError::BodyTooLarge(limits.max_body));
    }
    let url = state.agents.url(&target.agent).await?;
    let may_be_status = target.may_be_status();
    let deadline = Instant::now() + limits.response_timeout;

    let mut request = agent_request(state, &parts, &url, &target, target.query)?;
    if may_be_status {
        status_redaction::request_readable(request.headers_mut());
    }
    if body.size_hint().exact().is_none() {
        // Without it hyper drops the body of methods that seldom have one.
        let chunked = HeaderValue::from_static("chunked");
        request
            .headers_mut()
            .insert(header::TRANSFER_ENCODING, chunked);
    }
    let body = Bounded::wrap(body, Some(limits.max_body), limits.response_timeout);
    let answer = send(state, request.map(|()| body), &target.agent, deadline).await?;
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        // This request asked for no upgrade.
        return Err(ApiError::AgentUnreachable);
    }

    let (mut head, body) = answer.into_parts();
    head.headers = headers::to_client(&head.headers, &target.agent);
    let answer = Response::from_parts(head, Body::new(body));
    if may_be_status {
        return Box::pin(status_redaction::redact(
            answer,
            presented(&parts.headers),
            deadline,
        ))
        .await;
    }
    match limits.responses {
        ResponseMode::Streamed => {
            Ok(answer.map(|body| Bounded::wrap(body, None, limits.response_timeout)))
        }
        ResponseMode::Buffered(max) => Box::pin(buffered::buffer(answer, max, deadline)).await,
    }
}

/// The head of the request to the agent.
pub(crate) fn agent_request(
    state: &crate::State,
    parts: &Parts,
    url: &AgentUrl,
    target: &Target<'_>,
    query: Option<&str>,
) -> Result<axum::http::Request<()>, ApiError> {
    if headers::is_loop(&parts.headers) {
        return Err(ApiError::Circle);
    }
    let path_and_query = match query {
        Some(query) => format!("{}?{query}", target.path),
        None => target.path.to_owned(),
    };
    let uri = Uri::builder()
        .scheme(url.scheme())
        .authority(url.authority())
        .path_and_query(path_and_query)
        .build()
        .map_err(|_| ApiError::BadRequest("The path is malformed".to_owned()))?;
    let mut request = axum::http::Request::new(());
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = uri;
    let caller = Caller::of(parts, state.trusted_proxies);
    let secrets = Secrets {
        key: &state.internal_key,
        issuer: state.issuer.as_ref(),
    };
    *request.headers_mut() = headers::to_agent(&parts.headers, &caller, secrets);
    // Railway's edge routes by the agent's own host name.
    if let Ok(host) = HeaderValue::from_str(url.authority()) {
        request.headers_mut().insert(header::HOST, host);
    }
    Ok(request)
}

/// Sends the request, and waits for the head of the response.
pub(crate) async fn send(
    state: &crate::State,
    request: axum::http::Request<Body>,
    agent: &InstanceId,
    deadline: Instant,
) -> Result<axum::http::Response<Incoming>, ApiError> {
    match timeout_at(deadline, state.forwarder.request(request)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(match body::body_error(&error) {
            Some(BodyError::TooLong) => ApiError::BodyTooLarge(state.limits.max_body),
            Some(BodyError::Stalled) => ApiError::BodyTooSlow,
            Some(BodyError::BrokeOff) => {
                ApiError::BadRequest("The body could not be read".to_owned())
            }
            None => {
                tracing::info!(%agent, cause = %ErrorChain(&error), "an agent is unreachable");
                ApiError::AgentUnreachable
            }
        }),
        Err(_) => {
            tracing::info!(%agent, "an agent is too slow");
            Err(ApiError::AgentUnreachable)
        }
    }
}

/// An error with all its causes, on one line.
struct ErrorChain<'e>(&'e dyn std::error::Error);

impl std::fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            write!(f, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}
