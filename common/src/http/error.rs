//! Errors of the API, and the one table from cause to status.

use std::convert::Infallible;
use std::time::Duration;

use ::http::{HeaderValue, StatusCode, header};
use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::origin::ForeignOrigin;
use crate::control::ControlError;
use crate::identity::KeysUnavailable;
use crate::model::FailureKind;
use crate::railway::RailwayError;
use crate::random::RandomError;
use crate::store::{NotIssued, StoreError};

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No valid session or bearer key.
    #[error("Unauthorized")]
    Unauthorized,
    /// The caller is known and may not do this. For some endpoints the contract
    /// also has this for unauthenticated callers.
    #[error("Forbidden")]
    Forbidden,
    /// A page that is not allowed to tried to write with a user's cookie.
    #[error(transparent)]
    ForeignOrigin(ForeignOrigin),
    /// A bearer token cannot be verified at present.
    #[error("The login's keys cannot be fetched")]
    KeysUnavailable(#[source] KeysUnavailable),
    /// The contract's sentence for an instance that does not exist or is not
    /// the caller's.
    #[error("No instance found. Please deploy first.")]
    NoInstance,
    /// The contract's sentence for a caller without an agent.
    #[error("No agent deployed")]
    NoAgent,
    /// The contract's sentence for an agent without a gateway token.
    #[error("No gateway token is configured on the platform")]
    NoToken,
    /// Agents' pages have no origins that they could be opened at.
    #[error("Agents' pages cannot be opened here: AGENT_ORIGIN is not set")]
    NoAgentOrigin,
    /// The instance has no operation of this id.
    #[error("No such operation")]
    NoOperation,
    /// A service named an instance that is not on record.
    #[error("No such instance")]
    UnknownInstance,
    /// The instance is on record, but Railway has no service for it.
    #[error("The instance has no container: its service is not on Railway")]
    NoContainer,
    /// The contract's sentence for a fleet that cannot be listed; the cause is
    /// for the log.
    #[error("Failed to list instances")]
    NotListed(#[source] RailwayError),
    /// The contract's sentence for a container whose figures are not available.
    #[error("Failed to get container stats")]
    NotMeasured(#[source] RailwayError),
    #[error("Not found")]
    NotFound,
    /// The path exists, but not with this method.
    #[error("Method not allowed")]
    MethodNotAllowed,
    /// The request is malformed; the text names the field and the rule.
    #[error("{0}")]
    BadRequest(String),
    /// The body is larger than allowed.
    #[error("The body must be at most {0} bytes")]
    BodyTooLarge(usize),
    /// The operating system's random source failed.
    #[error("Internal server error")]
    Random(#[from] RandomError),
    /// The switch for controls is off; the sentence is the contract's.
    #[error(
        "Managed runtime controls are temporarily disabled until the Railway control path is \
         fully verified."
    )]
    ControlsDisabled,
    /// A control failed.
    #[error(transparent)]
    Control(ControlError),
    /// The store failed, or a record is damaged; the cause is for the log.
    #[error("{}", .0.for_strangers())]
    Store(#[from] StoreError),
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong, and what is allowed.
    pub error: String,
}

/// The body of the errors of lifecycle endpoints, from the contract's "503 error
/// details".
#[derive(Debug, Serialize, ToSchema)]
pub struct LifecycleErrorBody {
    /// Always false.
    pub success: bool,
    /// What went wrong, and what is allowed.
    pub error: String,
}

/// An error of a lifecycle endpoint.
#[derive(Debug)]
pub struct LifecycleError(pub ApiError);

impl<E: Into<ApiError>> From<E> for LifecycleError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl ApiError {
    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::ForeignOrigin(_) => StatusCode::FORBIDDEN,
            Self::NoInstance
            | Self::NoAgent
            | Self::NoOperation
            | Self::UnknownInstance
            | Self::NoContainer
            | Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ControlsDisabled
            | Self::KeysUnavailable(_)
            | Self::NoToken
            | Self::NoAgentOrigin => StatusCode::SERVICE_UNAVAILABLE,
            Self::Control(error) => control_status(error),
            Self::Store(_) | Self::Random(_) | Self::NotListed(_) | Self::NotMeasured(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Control(error) => error.retry_after(),
            Self::KeysUnavailable(_) => Some(KeysUnavailable::RETRY_AFTER),
            Self::NotListed(error) | Self::NotMeasured(error) => error.retry_after(),
            _ => None,
        }
    }

    /// Logs causes that the caller must not see.
    fn log(&self) {
        match self {
            Self::Store(cause) => tracing::error!(%cause, "store"),
            Self::Random(cause) => tracing::error!(%cause, "random"),
            Self::NotListed(cause) | Self::NotMeasured(cause) => {
                tracing::warn!(%cause, "railway");
            }
            Self::Control(ControlError::Panicked(cause)) => tracing::error!(%cause, "panic"),
            Self::Control(
                error @ (ControlError::NotLocated(_)
                | ControlError::NotDone(_)
                | ControlError::OnlyMemoryReset(_)
                | ControlError::NotRotated(_)
                | ControlError::CannotTell(_)
                | ControlError::LeaseExpired
                | ControlError::NoToken(_)),
            ) => tracing::warn!(%error, "control"),
            _ => {}
        }
    }

    /// The response, with a body of the endpoint's own. Causes that the caller
    /// must not see are logged.
    pub fn answer(&self, body: impl Serialize) -> Response {
        self.log();
        let mut response = (self.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        if matches!(self, Self::Unauthorized) {
            // RFC 9110 requires a challenge with every 401. There is none for
            // cookies.
            let challenge = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(wait) = self.retry_after() {
            // Whole seconds, rounded up: an earlier retry would fail.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// The contract's 503 is for services that cannot be located, its 500 for
/// controls that fail.
fn control_status(error: &ControlError) -> StatusCode {
    match error {
        ControlError::Busy { .. } | ControlError::ChangedSince(..) => StatusCode::CONFLICT,
        ControlError::KeyReused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        ControlError::CannotTell(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => match error.failure_kind() {
            FailureKind::NotLocated => StatusCode::SERVICE_UNAVAILABLE,
            FailureKind::NotDone | FailureKind::NotSettled => StatusCode::INTERNAL_SERVER_ERROR,
        },
    }
}

/// For extractors that cannot fail.
impl From<Infallible> for ApiError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Store(error) => error.into(),
            error => Self::Control(error),
        }
    }
}

impl From<NotIssued> for ApiError {
    fn from(error: NotIssued) -> Self {
        match error {
            NotIssued::Store(error) => error.into(),
            NotIssued::Random(error) => error.into(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.answer(ErrorBody {
            error: self.to_string(),
        })
    }
}

impl IntoResponse for LifecycleError {
    fn into_response(self) -> Response {
        self.0.answer(LifecycleErrorBody {
            success: false,
            error: self.0.to_string(),
        })
    }
}
