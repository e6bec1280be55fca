//! `POST /api/instance/{userId}/update`: the contract's "Update instance image".

use axum::Json;
use axum::extract::State;
use common::http::{Controlled, LifecycleError, OwnerOrder, Refusal};
use common::model::Control;
use serde::Serialize;
use utoipa::ToSchema;

/// The update that Railway has accepted.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Updating {
    #[serde(flatten)]
    controlled: Controlled,
    /// The image that the agent is being updated to.
    #[schema(example = "ghcr.io/openclaw/openclaw:2026.4.11")]
    image: String,
    /// The release in that image.
    #[schema(example = "2026.4.11")]
    openclaw_version: String,
}

/// Update instance image
///
/// Deploys the platform's current image, always a concrete release.
#[utoipa::path(
    post,
    path = "/api/instance/{userId}/update",
    operation_id = "updateInstance",
    tag = "lifecycle",
    security(("session" = []), ("userToken" = [])),
    params(
        ("userId" = String, Path, description = "The instance's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "A repeated request with the same key gets the same answer, and nothing is done twice"),
    ),
    responses(
        (status = 200, description = "Railway has accepted the request", body = Updating),
        Refusal,
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    OwnerOrder(order): OwnerOrder,
) -> Result<Json<Updating>, LifecycleError> {
    let operation = state.controls.run(Control::Update, order).await?;
    // The operation's own image: an answer that is repeated for an idempotency
    // key describes the original request.
    let image = operation
        .image
        .as_ref()
        .unwrap_or(state.controls.image.image());
    Ok(Json(Updating {
        controlled: Controlled::new("updating", &operation),
        image: image.to_string(),
        openclaw_version: image.version().to_string(),
    }))
}
