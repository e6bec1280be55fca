//! The request to the agent, as plain requests and WebSockets send it.

use axum::body::Body;
use common::http::{ApiError, Caller};
use common::model::{AgentUrl, InstanceId};
use http::request::Parts;
use http::{HeaderValue, Uri, header};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::body::{self, BodyError};
use crate::error::ProxyError;
use crate::headers::{self, Secrets};
use crate::target::Target;

/// The head of the request to the agent.
pub(crate) fn agent_request(
    state: &crate::State,
    parts: &Parts,
    url: &AgentUrl,
    target: &Target<'_>,
    query: Option<&str>,
) -> Result<http::Request<()>, ProxyError> {
    if headers::is_loop(&parts.headers) {
        return Err(ProxyError::Loop);
    }
    if target.may_be_admin_rpc() {
        return Err(ProxyError::AdminRpc);
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
    let mut request = http::Request::new(());
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
    request: http::Request<Body>,
    agent: &InstanceId,
    deadline: Instant,
) -> Result<http::Response<Incoming>, ProxyError> {
    match timeout_at(deadline, state.forwarder.request(request)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(match body::body_error(&error) {
            Some(BodyError::TooLong) => ApiError::BodyTooLarge(state.limits.max_body).into(),
            Some(BodyError::Stalled) => ProxyError::BodyTooSlow,
            Some(BodyError::BrokeOff) => {
                ApiError::BadRequest("The body could not be read".to_owned()).into()
            }
            None => {
                tracing::info!(%agent, cause = %ErrorChain(&error), "an agent is unreachable");
                ProxyError::AgentUnreachable
            }
        }),
        Err(_) => {
            tracing::info!(%agent, "an agent is too slow");
            Err(ProxyError::AgentUnreachable)
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
