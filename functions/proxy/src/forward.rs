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
use crate::limits::Answers;
use crate::target::Target;
use crate::{headers, status, upgrade, whole};

/// Forward a request to an agent
///
/// `path` is any number of segments. The path behind the agent's id and the
/// query pass byte for byte, and so do bodies. The agent's own authentication
/// decides; this API asks for none, except for WebSockets, which are upgraded
/// by the relay alone: they need `INTERNAL_API_KEY` as a bearer key, or a
/// ticket as the query parameter `ticket`.
///
/// Cookies, keys and tokens of the platform do not reach the agent, and it is told the
/// client's address in `X-Forwarded-For`. Of the wrapper's `/api/status` the
/// field `gatewayToken` is left out, unless exactly that token is presented.
#[utoipa::path(
    method(get, head, post, put, patch, delete, options),
    path = "/api/openclaw/proxy/{agentId}/{path}",
    tag = "proxy",
    security(()),
    params(
        ("agentId" = String, Path, description = "The agent's id", pattern = "^[A-Za-z0-9_-]{1,64}$"),
        ("path" = String, Path, description = "The agent's path; slashes stay slashes", allow_reserved),
    ),
    responses(
        (status = "default", description = "Whatever the agent answers, redirects included"),
        (status = 200, description = "What the agent answers when all is well"),
        (status = 400, description = "The id has other characters than an id has, or the path has a segment . or ..", body = ErrorBody),
        (status = 401, description = "A WebSocket without a bearer key or ticket", body = ErrorBody),
        (status = 403, description = "A WebSocket with a wrong bearer key or a ticket that is not good", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 426, description = "A WebSocket of another version than 13", body = ErrorBody),
        (status = 501, description = "A WebSocket where none can be served", body = ErrorBody),
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
    if upgrade::is_wanted(&parts.headers) {
        // In a box, like what is rare below: a future is moved a few times, and
        // is as large as its largest part.
        return Box::pin(upgrade::handler(state, parts)).await;
    }
    let target = Target::of(&parts.uri)?;
    let limits = &state.limits;
    if body.size_hint().lower() > limits.body as u64 {
        return Err(ApiError::BodyTooLarge(limits.body));
    }
    let url = state.agents.url(&target.agent).await?;
    let guarded = target.may_be_status();
    let deadline = Instant::now() + limits.patience;

    let mut request = request_of(state, &parts, &url, &target, target.query)?;
    if guarded {
        status::ask_readably(request.headers_mut());
    }
    if body.size_hint().exact().is_none() {
        // Without it a body would be left out of methods that seldom have one.
        let chunked = HeaderValue::from_static("chunked");
        request
            .headers_mut()
            .insert(header::TRANSFER_ENCODING, chunked);
    }
    let body = Bounded::wrap(body, Some(limits.body), limits.patience);
    let answer = ask(state, request.map(|()| body), &target.agent, deadline).await?;
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        // Nobody asked for that.
        return Err(ApiError::AgentUnreachable);
    }

    let (mut head, body) = answer.into_parts();
    head.headers = headers::to_client(&head.headers, &target.agent);
    let answer = Response::from_parts(head, Body::new(body));
    if guarded {
        return Box::pin(status::guarded(answer, presented(&parts.headers), deadline)).await;
    }
    match limits.answers {
        Answers::Streamed => Ok(answer.map(|body| Bounded::wrap(body, None, limits.patience))),
        Answers::Whole(most) => Box::pin(whole::whole(answer, most, deadline)).await,
    }
}

/// The request to the agent, still without a body.
pub(crate) fn request_of(
    state: &crate::State,
    parts: &Parts,
    url: &AgentUrl,
    target: &Target<'_>,
    query: Option<&str>,
) -> Result<axum::http::Request<()>, ApiError> {
    if headers::is_in_circle(&parts.headers) {
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
    let caller = Caller::of(parts, state.fronts);
    let secrets = Secrets {
        key: &state.internal_key,
        issuer: state.issuer.as_ref(),
    };
    *request.headers_mut() = headers::to_agent(&parts.headers, &caller, secrets);
    // The agent's own, as Railway's edge wants it.
    if let Ok(host) = HeaderValue::from_str(url.authority()) {
        request.headers_mut().insert(header::HOST, host);
    }
    Ok(request)
}

/// Sends the request, and waits for the head of the answer.
pub(crate) async fn ask(
    state: &crate::State,
    request: axum::http::Request<Body>,
    agent: &InstanceId,
    deadline: Instant,
) -> Result<axum::http::Response<Incoming>, ApiError> {
    match timeout_at(deadline, state.forwarder.request(request)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(match body::cause(&error) {
            Some(BodyError::TooLong) => ApiError::BodyTooLarge(state.limits.body),
            Some(BodyError::Stalled) => ApiError::BodyTooSlow,
            Some(BodyError::BrokeOff) => {
                ApiError::BadRequest("The body could not be read".to_owned())
            }
            None => {
                tracing::info!(%agent, cause = %Causes(&error), "an agent is unreachable");
                ApiError::AgentUnreachable
            }
        }),
        Err(_) => {
            tracing::info!(%agent, "an agent is too slow");
            Err(ApiError::AgentUnreachable)
        }
    }
}

/// An error with all its causes, in one line.
struct Causes<'e>(&'e dyn std::error::Error);

impl std::fmt::Display for Causes<'_> {
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
