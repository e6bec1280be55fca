//! Authenticates agents, by their own gateway token.

use std::fmt;

use ::http::request::Parts;
use axum::extract::FromRequestParts;

use super::{ApiError, bearer};
use crate::model::GatewayToken;

/// The gateway token that a caller presents. Which agent it belongs to, if any,
/// is still to be checked; a malformed one is refused with 401.
#[derive(Clone)]
pub struct PresentedToken(pub GatewayToken);

impl fmt::Debug for PresentedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedToken(…)")
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PresentedToken {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let presented = bearer::presented(&parts.headers);
        let token = presented.and_then(|text| text.parse().ok());
        token.map(Self).ok_or(ApiError::Unauthorized)
    }
}
