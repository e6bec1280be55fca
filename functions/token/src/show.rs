//! `GET /api/instance/{userId}/token`: the spec's "Get instance gateway token".

use axum::Json;
use axum::extract::State;
use common::http::{ApiError, ErrorBody, InstancePath, Session, SessionRefused};
use serde::Serialize;
use utoipa::ToSchema;

/// An agent's gateway token.
#[derive(Serialize, ToSchema)]
pub(crate) struct InstanceToken {
    /// What the agent's clients present: 64 hexadecimal characters.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    token: String,
}

/// Get instance gateway token
///
/// Nobodies and strangers get 403 alike: the spec says so. A token that is being
/// rotated is told once it is proved.
#[utoipa::path(
    get,
    path = "/api/instance/{userId}/token",
    operation_id = "showToken",
    tag = "token",
    security(("session" = []), ("userToken" = [])),
    params(("userId" = String, Path, description = "The instance's id")),
    responses(
        (status = 200, description = "The token", body = InstanceToken),
        (status = 400, description = "The id has other characters than an id has", body = ErrorBody),
        (status = 403, description = "No valid session, no such instance, or not the caller's", body = ErrorBody),
        (status = 500, description = "The store failed", body = ErrorBody),
        (status = 503, description = "The agent has no token, or a login's keys cannot be fetched", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    session: Result<Session, SessionRefused>,
    path: Result<InstancePath, ApiError>,
) -> Result<Json<InstanceToken>, ApiError> {
    let session = session.map_err(SessionRefused::as_forbidden)?;
    let InstancePath(id) = path?;
    let instance = state
        .controls
        .instances
        .get(&id)
        .await?
        .filter(|instance| instance.owner == session.user)
        .ok_or(ApiError::Forbidden)?;
    crate::settle_rotation(&state.controls, &instance).await;
    let token = state.controls.tokens.get(&instance.id).await?;
    let token = token.ok_or(ApiError::NoToken)?;
    Ok(Json(InstanceToken {
        token: token.reveal().to_owned(),
    }))
}
