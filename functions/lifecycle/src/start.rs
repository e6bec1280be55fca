//! `POST /api/instance/{userId}/start`: the contract's "Start instance".

use axum::Json;
use axum::extract::State;
use common::http::{Controlled, LifecycleError, OwnerOrder, Refusal};
use common::model::Control;

/// Start instance
///
/// Deploys the agent's service as it is configured.
#[utoipa::path(
    post,
    path = "/api/instance/{userId}/start",
    operation_id = "startInstance",
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
    let operation = state.controls.run(Control::Start, order).await?;
    Ok(Json(Controlled::new("starting", &operation)))
}
