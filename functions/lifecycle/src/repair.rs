//! `POST /api/instance/{userId}/repair`: the contract's "Repair instance".

use axum::Json;
use axum::extract::State;
use common::http::{Controlled, LifecycleError, OwnerOrder, Refusal};
use common::model::Control;

/// Repair instance
///
/// Writes all variables of the agent that the platform has values for,
/// including its gateway token, and deploys once. Other variables stay
/// unchanged.
#[utoipa::path(
    post,
    path = "/api/instance/{userId}/repair",
    operation_id = "repairInstance",
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
    let operation = state.controls.run(Control::Repair, order).await?;
    Ok(Json(Controlled::new("repaired", &operation)))
}
