//! Identifiers in paths.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use super::ApiError;
use crate::model::InstanceId;

/// The instance that the path names, in its first parameter. Anything that is
/// no instance id is refused with a 400 that names the parameter.
#[derive(Clone, Debug)]
pub struct InstancePath(pub InstanceId);

impl<S: Send + Sync> FromRequestParts<S> for InstancePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::BadRequest("The path must be UTF-8".to_owned()))?;
        let (name, text) = params.iter().next().ok_or(ApiError::NotFound)?;
        text.parse()
            .map(Self)
            .map_err(|error| ApiError::BadRequest(format!("{name} {error}")))
    }
}
