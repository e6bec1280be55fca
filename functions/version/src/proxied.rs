//! `GET /api/openclaw-version`: the contract's "OpenClaw runtime version (web
//! proxy)".

use axum::Json;
use axum::extract::State;
use common::model::{Image, ImageVersion};
use serde::Serialize;
use utoipa::ToSchema;

use crate::backend::Answer;
use crate::current::CurrentVersion;

/// The version that new agents run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PublicVersion {
    /// A concrete release, never a floating tag.
    #[schema(example = "2026.4.11")]
    openclaw_version: String,
    /// The backend's image, else the one configured here.
    #[schema(example = "ghcr.io/openclaw/openclaw:2026.4.11")]
    image: String,
    /// As the backend reports it; absent when it does not answer.
    #[schema(format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    deployed_at: Option<String>,
}

impl PublicVersion {
    /// The backend's answer, normalised to a concrete release; omitted fields
    /// come from the configuration here.
    fn relayed(answer: Answer, image: &Image) -> Self {
        Self {
            openclaw_version: ImageVersion::normalize(answer.openclaw_version.as_deref())
                .to_string(),
            image: answer.image.as_ref().unwrap_or(image).to_string(),
            deployed_at: answer.deployed_at,
        }
    }

    /// The answer when the backend's fails.
    fn fallback(image: &Image) -> Self {
        Self {
            openclaw_version: image.version().to_string(),
            image: image.to_string(),
            deployed_at: None,
        }
    }
}

impl From<CurrentVersion> for PublicVersion {
    fn from(current: CurrentVersion) -> Self {
        Self {
            openclaw_version: current.openclaw_version,
            image: current.image,
            deployed_at: Some(current.deployed_at),
        }
    }
}

/// OpenClaw runtime version (web proxy)
///
/// Asks the backend, for 8 seconds at most, and falls back to the configured
/// image. Where no backend is configured, this process is the backend.
#[utoipa::path(
    get,
    path = "/api/openclaw-version",
    operation_id = "showPublicVersion",
    tag = "version",
    security(()),
    responses(
        (status = 200, description = "The version that new agents run", body = PublicVersion),
    )
)]
pub(crate) async fn handler(State(state): State<crate::State>) -> Json<PublicVersion> {
    let Some(backend) = &state.backend else {
        return Json(CurrentVersion::of(&state.image, state.clock.now()).into());
    };
    Json(match backend.version().await {
        Ok(answer) => PublicVersion::relayed(answer, &state.image),
        Err(cause) => {
            tracing::warn!(%cause, "the backend did not tell its version");
            PublicVersion::fallback(&state.image)
        }
    })
}
