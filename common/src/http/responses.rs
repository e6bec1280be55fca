//! Error responses that many endpoints share, for OpenAPI: those of
//! [`ApiError`](super::ApiError). An endpoint that means more by one of these
//! statuses overrides it.

use utoipa::IntoResponses;

use super::ErrorBody;

/// For endpoints that change the caller's own agent.
#[derive(Debug, IntoResponses)]
pub enum CallersAgentErrors {
    /// No valid session
    #[response(status = 401)]
    Nobody(ErrorBody),
    /// A page that may not write with the user's cookie
    #[response(status = 403)]
    ForeignOrigin(ErrorBody),
    /// The caller has no agent
    #[response(status = 404)]
    NoAgent(ErrorBody),
    /// The keys of the login that signed the token cannot be fetched
    #[response(status = 503)]
    NoKeys(ErrorBody),
}

/// For endpoints for the platform's services, which present the internal key.
#[derive(Debug, IntoResponses)]
pub enum OperatorErrors {
    /// No bearer key, or a wrong one
    #[response(status = 401)]
    NoKey(ErrorBody),
    /// The store failed
    #[response(status = 500)]
    Failed(ErrorBody),
}

/// For endpoints that take a body.
#[derive(Debug, IntoResponses)]
pub enum BodyErrors {
    /// A field is invalid; the message names all invalid fields
    #[response(status = 400)]
    BadField(ErrorBody),
    /// The body is too large
    #[response(status = 413)]
    TooLarge(ErrorBody),
}
