//! `POST /api/instance/{userId}/open`: opens the agent's page in its owner's browser.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use common::clock::iso8601;
use common::http::{ApiError, ErrorBody, OwnedInstance, UnauthorizedThenForbidden};
use common::model::OPEN_PATH;
use common::store::AgentPage;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// A link that opens an agent's page.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageLink {
    /// To be opened in the owner's browser. What is behind `#` is the gateway token,
    /// which the browser keeps from servers and the page takes from there.
    #[schema(
        example = "https://a1.agents.example/.well-known/openclaw-maintenance/open?ticket=…#token=…"
    )]
    url: String,
    /// The link can be used once, before this time.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Open the agent's page
///
/// Answers with a link that is good once and for a minute. It opens the agent's own
/// page at the agent's own origin, in a browser, for an hour. Where the agent is
/// configured for it, the page connects without being asked for anything.
#[utoipa::path(
    post,
    path = "/api/instance/{userId}/open",
    operation_id = "openAgentPage",
    tag = "token",
    security(("session" = []), ("userToken" = [])),
    params(("userId" = String, Path, description = "The instance's id")),
    responses(
        (status = 201, description = "The link", body = PageLink),
        UnauthorizedThenForbidden,
        (status = 503, description = "Agents have no origins here, or a login's keys cannot be fetched", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    OwnedInstance { instance, .. }: OwnedInstance<UnauthorizedThenForbidden>,
) -> Result<impl IntoResponse, ApiError> {
    let crate::Pages { origin, pages } = state.pages.ok_or(ApiError::NoAgentOrigin)?;
    crate::settle_rotation(&state.controls, &instance).await;
    // Without one the page asks for it.
    let token = state.controls.tokens.get(&instance.id).await?;
    let token = token.map(|token| format!("#token={}", token.reveal()));
    let page = AgentPage {
        label: origin.label(&instance.id),
        instance: instance.id,
        user: instance.owner,
    };
    let (link, expires_at) = pages.issue_link(&page, state.clock.now()).await?;
    let view = PageLink {
        url: format!(
            "{}{OPEN_PATH}?ticket={}{}",
            origin.of(&page.instance),
            link.reveal(),
            token.unwrap_or_default()
        ),
        expires_at: iso8601(expires_at),
    };
    Ok((StatusCode::CREATED, Json(view)))
}
