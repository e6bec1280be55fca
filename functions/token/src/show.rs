//! `GET /api/instance/{userId}/token`: the contract's "Get instance gateway
//! token".

use axum::Json;
use axum::extract::State;
use common::http::{AlwaysForbidden, ApiError, ErrorBody, OwnedInstance};
use serde::Serialize;
use utoipa::ToSchema;

/// An agent's gateway token.
#[derive(Serialize, ToSchema)]
pub(crate) struct InstanceToken {
    /// The token that the agent's clients present: 64 hexadecimal characters.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    token: String,
}

/// Get instance gateway token
///
/// The contract has 403, not 401, for unauthenticated callers too. During a
/// rotation the new token is returned once the agent has accepted it.
#[utoipa::path(
    get,
    path = "/api/instance/{userId}/token",
    operation_id = "showToken",
    tag = "token",
    security(("session" = []), ("userToken" = [])),
    params(("userId" = String, Path, description = "The instance's id")),
    responses(
        (status = 200, description = "The token", body = InstanceToken),
        AlwaysForbidden,
        (status = 503, description = "The agent has no token, or a login's keys cannot be fetched", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    OwnedInstance { instance, .. }: OwnedInstance<AlwaysForbidden>,
) -> Result<Json<InstanceToken>, ApiError> {
    crate::settle_rotation(&state.controls, &instance).await;
    let token = state.controls.tokens.get(&instance.id).await?;
    let token = token.ok_or(ApiError::NoToken)?;
    Ok(Json(InstanceToken {
        token: token.reveal().to_owned(),
    }))
}
