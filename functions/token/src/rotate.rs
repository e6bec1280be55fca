//! `POST /api/instance/{userId}/token/rotate`.

use axum::Json;
use axum::extract::State;
use common::http::{Controlled, LifecycleError, OwnerOrder, Refusal};
use common::model::Control;

/// Rotate gateway token
///
/// Generates a new token, writes it to the agent's variables on Railway, and
/// deploys. It becomes the agent's token once the agent has accepted it, which
/// the operation shows. Until then, and if the agent never does, the old one
/// stays valid.
#[utoipa::path(
    post,
    path = "/api/instance/{userId}/token/rotate",
    operation_id = "rotateToken",
    tag = "token",
    security(("session" = []), ("userToken" = [])),
    params(
        ("userId" = String, Path, description = "The instance's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "A repeated request with the same key gets the same answer, and nothing is done twice"),
    ),
    responses(
        (status = 200, description = "Railway has accepted the request", body = Controlled),
        Refusal,
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    OwnerOrder(order): OwnerOrder,
) -> Result<Json<Controlled>, LifecycleError> {
    let operation = state.controls.run(Control::RotateToken, order).await?;
    Ok(Json(Controlled::new("rotating", &operation)))
}
