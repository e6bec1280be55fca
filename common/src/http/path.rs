//! Identifiers in paths.

use std::fmt::Display;
use std::str::FromStr;

use ::http::request::Parts;
use axum::extract::{FromRequestParts, RawPathParams};

use super::{ApiError, note_instance};
use crate::model::{InstanceId, WindowId};

/// The instance that the path names, in its first parameter. A malformed id is
/// refused with a 400 that names the parameter.
#[derive(Clone, Debug)]
pub struct InstancePath(pub InstanceId);

/// The maintenance window that the path names, likewise.
#[derive(Clone, Debug)]
pub struct WindowPath(pub WindowId);

impl<S: Send + Sync> FromRequestParts<S> for InstancePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let id = first(parts, state).await?;
        note_instance(&id);
        Ok(Self(id))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for WindowPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        first(parts, state).await.map(Self)
    }
}

/// The first parameter.
async fn first<T, S>(parts: &mut Parts, state: &S) -> Result<T, ApiError>
where
    T: FromStr<Err: Display>,
    S: Send + Sync,
{
    let params = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| ApiError::BadRequest("The path must be UTF-8".to_owned()))?;
    let (name, text) = params.iter().next().ok_or(ApiError::NotFound)?;
    text.parse()
        .map_err(|error| ApiError::BadRequest(format!("{name} {error}")))
}
