//! What goes wrong, and the one table that makes a status of it.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::StoreError;

/// Why a request is not answered as it was meant.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No valid session or bearer key.
    #[error("Unauthorized")]
    Unauthorized,
    /// The caller is known and may not do this. Also what the spec answers to
    /// nobody at `GET /api/instance/{userId}`.
    #[error("Forbidden")]
    Forbidden,
    /// The spec's sentence for an instance that is not there or not the
    /// caller's.
    #[error("No instance found. Please deploy first.")]
    NoInstance,
    /// Nothing lives at this path.
    #[error("Not found")]
    NotFound,
    /// Something lives at this path, but not under this method.
    #[error("Method not allowed")]
    MethodNotAllowed,
    /// The request is malformed; the text names the field and the rule.
    #[error("{0}")]
    BadRequest(String),
    /// The body is larger than allowed.
    #[error("The body must be at most {0} bytes")]
    BodyTooLarge(usize),
    /// The store failed; the cause is for the log.
    #[error("Internal server error")]
    StoreFailed(#[source] StoreError),
    /// A record is damaged; the cause is for the log.
    #[error("The stored record is damaged. The platform's operator has to mend it.")]
    CorruptRecord(#[source] StoreError),
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong, for a person.
    pub error: String,
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NoInstance | Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::StoreFailed(_) | Self::CorruptRecord(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Failed { .. } => Self::StoreFailed(error),
            StoreError::Corrupt { .. } => Self::CorruptRecord(error),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::StoreFailed(cause) | Self::CorruptRecord(cause) = &self {
            tracing::error!(%cause, "store");
        }
        let body = ErrorBody {
            error: self.to_string(),
        };
        let mut response = (self.status(), Json(body)).into_response();
        if matches!(self, Self::Unauthorized) {
            // RFC 9110 wants a challenge with every 401. Cookies have none.
            let challenge = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
