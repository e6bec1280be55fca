//! How endpoints fail, for OpenAPI: what many have in common. Each describes what
//! [`ApiError`](super::ApiError) answers; an endpoint that means more by one of
//! these statuses says so after it.

use utoipa::IntoResponses;

use super::ErrorBody;

/// Of endpoints that change the caller's own agent.
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

/// Of endpoints for operators, who present the internal key.
#[derive(Debug, IntoResponses)]
pub enum OperatorErrors {
    /// No bearer key, or a wrong one
    #[response(status = 401)]
    NoKey(ErrorBody),
    /// The store failed
    #[response(status = 500)]
    Failed(ErrorBody),
}

/// Of endpoints that take a body.
#[derive(Debug, IntoResponses)]
pub enum BodyErrors {
    /// A field is bad; the message names all that are
    #[response(status = 400)]
    BadField(ErrorBody),
    /// The body is too large
    #[response(status = 413)]
    TooLarge(ErrorBody),
}
