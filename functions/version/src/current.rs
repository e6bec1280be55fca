//! `GET /api/openclaw/version`: the contract's "OpenClaw runtime version".

use axum::Json;
use axum::extract::State;
use common::http::{Bearer, ErrorBody};
use common::model::Image;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// The version that new agents run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CurrentVersion {
    /// A concrete release, never a floating tag.
    #[schema(example = "2026.4.11")]
    pub(crate) openclaw_version: String,
    /// The image as it is configured.
    #[schema(example = "ghcr.io/openclaw/openclaw:2026.4.11")]
    pub(crate) image: String,
    /// When this was answered (the contract: not when anything was deployed).
    #[schema(format = DateTime)]
    pub(crate) deployed_at: String,
}

impl CurrentVersion {
    pub(crate) fn of(image: &Image, now: Timestamp) -> Self {
        Self {
            openclaw_version: image.version().to_string(),
            image: image.to_string(),
            deployed_at: format!("{now:.0}"),
        }
    }
}

/// OpenClaw runtime version
///
/// The configured image and the release that it carries, normalised.
#[utoipa::path(
    get,
    path = "/api/openclaw/version",
    operation_id = "showVersion",
    tag = "version",
    security(("internalKey" = [])),
    responses(
        (status = 200, description = "The version that new agents run", body = CurrentVersion),
        (status = 401, description = "The bearer token is missing or wrong", body = ErrorBody),
    )
)]
pub(crate) async fn handler(State(state): State<crate::State>, _: Bearer) -> Json<CurrentVersion> {
    Json(CurrentVersion::of(&state.image, state.clock.now()))
}
