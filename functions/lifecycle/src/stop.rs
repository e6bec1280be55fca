//! `POST /api/instance/{userId}/stop`: the contract's "Stop instance".

use axum::Json;
use axum::extract::State;
use common::http::{Controlled, LifecycleError, OwnerOrder, Refusal};
use common::model::Control;

/// Stop instance
///
/// Stops the running deployments of the agent's service, and cancels pending
/// ones.
#[utoipa::path(
    post,
    path = "/api/instance/{userId}/stop",
    operation_id = "stopInstance",
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
    let operation = state.controls.run(Control::Stop, order).await?;
    Ok(Json(Controlled::new("stopped", &operation)))
}
