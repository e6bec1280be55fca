//! `POST /api/instance/{userId}/reset-memory`: the contract's "Reset instance
//! memory".

use axum::Json;
use axum::extract::State;
use common::http::{Controlled, LifecycleError, OwnerOrder, Refusal};
use common::model::Control;

/// Reset instance memory
///
/// Deletes everything that the agent remembers about its owner, irrevocably,
/// and restarts it.
#[utoipa::path(
    post,
    path = "/api/instance/{userId}/reset-memory",
    operation_id = "resetMemory",
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
    let operation = state.controls.run(Control::ResetMemory, order).await?;
    Ok(Json(Controlled::new("reset", &operation)))
}
