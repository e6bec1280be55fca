//! The one way of an agent's answer to a client.

use axum::body::Body;
use axum::response::Response;
use common::http::presented;
use hyper::body::Incoming;

use crate::agent_request::AgentRequest;
use crate::body::Bounded;
use crate::error::ProxyError;
use crate::limits::{Deadline, ResponseMode};
use crate::{buffered, status};

/// An agent's answer as the client gets it: with the headers that may pass, without
/// the gateway token that the caller has not presented, and within the limits.
///
/// # Errors
/// When it is too large, too slow, or has to be read and cannot be.
pub(crate) async fn pass_on(
    asked: &AgentRequest<'_>,
    answer: http::Response<Incoming>,
    deadline: Deadline,
) -> Result<Response, ProxyError> {
    let limits = &asked.state.limits;
    let (mut head, body) = answer.into_parts();
    head.headers = asked.headers_to_client(&head.headers);
    let answer = Response::from_parts(head, Body::new(body));
    // Boxed, as they are rare: a future is as large as its largest branch.
    if asked.target.may_be_status() {
        let presented = presented(&asked.parts.headers);
        return Box::pin(status::guard(answer, presented, deadline)).await;
    }
    match limits.responses {
        ResponseMode::Streamed => {
            Ok(answer.map(|body| Bounded::wrap(body, None, limits.response_timeout)))
        }
        ResponseMode::Buffered(max) => Box::pin(buffered::buffer(answer, max, deadline)).await,
    }
}
