//! Request bodies.

use ::http::StatusCode;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::response::IntoResponse;
use serde_json::{Map, Value};

use super::ApiError;
use super::app::BODY_LIMIT;

/// A body that is a JSON object, whatever the `Content-Type` says.
#[derive(Clone, Debug)]
pub struct JsonObject(pub Map<String, Value>);

/// A body that is a JSON object; an empty body is an empty object.
#[derive(Clone, Debug)]
pub struct OptionalJsonObject(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for JsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        parse(&read(request, state).await?).map(Self)
    }
}

impl<S: Send + Sync> FromRequest<S> for OptionalJsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let body = read(request, state).await?;
        if body.trim_ascii().is_empty() {
            return Ok(Self(Map::new()));
        }
        parse(&body).map(Self)
    }
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    let body = Bytes::from_request(request, state).await;
    body.map_err(|error| match error.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::BodyTooLarge(BODY_LIMIT),
        _ => ApiError::BadRequest("The body could not be read".to_owned()),
    })
}

fn parse(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ApiError::BadRequest(
            "The body must be a JSON object".to_owned(),
        )),
        Err(error) => Err(ApiError::BadRequest(format!(
            "The body must be a JSON object, but is not JSON: {error}"
        ))),
    }
}
