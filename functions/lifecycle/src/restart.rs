//! `POST /api/instance/{userId}/restart`: the contract's "Restart instance".

use axum::Json;
use axum::extract::State;
use common::http::{Controlled, LifecycleError, OwnerOrder, Refusal};
use common::model::Control;

/// Restart instance
///
/// Restarts the agent's process in its container. It does not pick up new
/// variables; a repair does.
#[utoipa::path(
    post,
    path = "/api/instance/{userId}/restart",
    operation_id = "restartInstance",
    tag = "lifecycle",
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
    let operation = state.controls.run(Control::Restart, order).await?;
    Ok(Json(Controlled::new("restarting", &operation)))
}
