//! `POST /api/instance/{userId}/start`: the spec's "Start instance".

use axum::Json;
use axum::extract::State;
use common::http::{LifecycleError, LifecycleErrorBody};
use common::model::Control;

use crate::controlled::{Controlled, OwnerOrder};

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
        ("Idempotency-Key" = Option<String>, Header, description = "The same key gets the same answer, and nothing is done twice"),
    ),
    responses(
        (status = 200, description = "Railway has taken it", body = Controlled),
        (status = 400, description = "The id or the key has other characters than it may have", body = LifecycleErrorBody),
        (status = 401, description = "No valid session", body = LifecycleErrorBody),
        (status = 403, description = "No such instance, or not the caller's, or a page that may not write with the user's cookie", body = LifecycleErrorBody),
        (status = 409, description = "Another control is running", body = LifecycleErrorBody),
        (status = 422, description = "The key was used for another control", body = LifecycleErrorBody),
        (status = 500, description = "Railway or the store failed", body = LifecycleErrorBody),
        (status = 503, description = "Controls are disabled, the service cannot be located, or a login's keys cannot be fetched", body = LifecycleErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    OwnerOrder(order): OwnerOrder,
) -> Result<Json<Controlled>, LifecycleError> {
    let operation = state.controls.run(Control::Start, order).await?;
    Ok(Json(Controlled::new("starting", &operation)))
}
