//! Bodies of requests.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Map, Value};

use super::ApiError;
use super::app::BODY_LIMIT;

/// A body that is a JSON object, whatever the `Content-Type` says.
#[derive(Clone, Debug)]
pub struct JsonObject(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for JsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let bytes = Bytes::from_request(request, state).await.map_err(|error| {
            match error.into_response().status() {
                StatusCode::PAYLOAD_TOO_LARGE => ApiError::BodyTooLarge(BODY_LIMIT),
                _ => ApiError::BadRequest("The body could not be read".to_owned()),
            }
        })?;
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(object)) => Ok(Self(object)),
            Ok(_) => Err(ApiError::BadRequest(
                "The body must be a JSON object".to_owned(),
            )),
            Err(error) => Err(ApiError::BadRequest(format!(
                "The body must be a JSON object, but is not JSON: {error}"
            ))),
        }
    }
}
