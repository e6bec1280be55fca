//! `DELETE /api/instance/{userId}/open`: closes the agent's page in all browsers.

use axum::extract::State;
use common::http::{ApiError, ErrorBody, OwnedInstance, UnauthorizedThenForbidden};
use http::StatusCode;

/// Close the agent's page
///
/// Ends what was opened with `POST`, in every browser, within seconds. WebSockets that
/// are open stay open until their page is reloaded.
#[utoipa::path(
    delete,
    path = "/api/instance/{userId}/open",
    operation_id = "closeAgentPage",
    tag = "token",
    security(("session" = []), ("userToken" = [])),
    params(("userId" = String, Path, description = "The instance's id")),
    responses(
        (status = 204, description = "No browser has the page open any more"),
        UnauthorizedThenForbidden,
        (status = 503, description = "Agents have no origins here, or a login's keys cannot be fetched", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    OwnedInstance { instance, .. }: OwnedInstance<UnauthorizedThenForbidden>,
) -> Result<StatusCode, ApiError> {
    let pages = state.pages.ok_or(ApiError::NoAgentOrigin)?;
    pages.pages.close(&instance.id, state.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
