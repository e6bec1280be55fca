//! What goes wrong when a request is forwarded, beside what can go wrong anywhere.

use axum::Json;
use axum::response::{IntoResponse, Response};
use common::http::{ApiError, ErrorBody};
use http::{HeaderValue, StatusCode, header};

use crate::method::METHODS;

/// Why a request is not forwarded, or its answer not passed on.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The contract's sentence where the proxy cannot reach an agent.
    #[error("OpenClaw instance unreachable")]
    AgentUnreachable,
    /// The agent is there, and takes longer than this many seconds.
    #[error("The agent did not answer within {0} seconds")]
    AgentTooSlow(u64),
    /// An agent's address is the proxy's own.
    #[error("The agent's address leads back to this proxy")]
    Loop,
    /// The gateway's own control over HTTP, where its token is all that is asked for.
    #[error("The gateway's admin RPC is not passed on")]
    AdminRpc,
    /// An agent's answer has more bytes than can be passed on.
    #[error("The agent's answer is larger than {0} bytes, the most that can be passed on here")]
    AnswerTooLarge(usize),
    /// An agent's answer would have to be read to be passed on, and cannot be.
    #[error("The agent's answer cannot be read")]
    AnswerUnreadable,
    /// WebSockets need a connection that stays open.
    #[error("WebSockets are not served here, but by the relay")]
    NoWebSockets,
    /// The client speaks another version of the WebSocket protocol.
    #[error("Sec-WebSocket-Version must be 13")]
    WebSocketVersion,
    /// Agents are not asked with this method.
    #[error("This method is not passed on")]
    UnknownMethod,
    /// The process is about to end.
    #[error("This server is restarting")]
    Restarting,
    /// The head of the request is larger than allowed.
    #[error("The headers must be at most {0} bytes")]
    HeadTooLarge(usize),
    /// The client sends its body too slowly.
    #[error("The body took too long to arrive")]
    BodyTooSlow,
    /// What goes wrong in every function.
    #[error(transparent)]
    Api(ApiError),
}

impl<E: Into<ApiError>> From<E> for ProxyError {
    fn from(error: E) -> Self {
        Self::Api(error.into())
    }
}

impl ProxyError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::AgentUnreachable | Self::AnswerTooLarge(_) | Self::AnswerUnreadable => {
                StatusCode::BAD_GATEWAY
            }
            Self::AgentTooSlow(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::AdminRpc => StatusCode::FORBIDDEN,
            Self::Loop => StatusCode::LOOP_DETECTED,
            Self::NoWebSockets => StatusCode::NOT_IMPLEMENTED,
            Self::WebSocketVersion => StatusCode::UPGRADE_REQUIRED,
            Self::UnknownMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Restarting => StatusCode::SERVICE_UNAVAILABLE,
            Self::HeadTooLarge(_) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Api(error) => error.status(),
        }
    }
}

impl IntoResponse for ProxyError {
    fn into_response(self) -> Response {
        let body = ErrorBody {
            error: self.to_string(),
        };
        // RFC 6455 (4.4) wants the supported version in the answer.
        let version = (
            header::SEC_WEBSOCKET_VERSION,
            HeaderValue::from_static("13"),
        );
        let soon = (header::RETRY_AFTER, HeaderValue::from_static("1"));
        let status = self.status();
        match self {
            Self::Api(error) => error.into_response(),
            Self::WebSocketVersion => (status, [version], Json(body)).into_response(),
            Self::Restarting => (status, [soon], Json(body)).into_response(),
            Self::UnknownMethod => {
                let allow = (header::ALLOW, METHODS.join(", "));
                (status, [allow], Json(body)).into_response()
            }
            _ => (status, Json(body)).into_response(),
        }
    }
}
