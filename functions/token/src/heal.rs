//! `POST /api/support/heal-token`: the spec's "Heal gateway token".

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use common::alerts::{Alert, Severity};
use common::http::{ApiError, CallersAgentErrors, Session, SessionRefused};
use common::model::{GatewayToken, Instance};
use common::random;
use common::store::{Mended, StoreError, TokenState};
use serde::Serialize;
use utoipa::ToSchema;

use crate::gateway::{GatewayHealth, GatewayStatus};

/// The agent has a token.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HealedToken {
    /// Always true.
    healed: bool,
    /// What the agent's clients present: 64 hexadecimal characters.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    token: String,
    /// Whether it was made now. A new one reaches the agent with a repair.
    is_new: bool,
    health: GatewayHealth,
    #[schema(example = "New gateway token generated successfully")]
    message: &'static str,
}

/// The agent has no token still.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum NotHealed {
    /// None could be made.
    NotGenerated {
        /// Always false.
        healed: bool,
        message: &'static str,
        health: GatewayHealth,
    },
    /// Something else went wrong.
    Failed {
        /// Always false.
        healed: bool,
        message: &'static str,
        /// What went wrong.
        error: String,
    },
}

/// Why a token was not healed.
pub(crate) enum Failure {
    /// The request is refused, or the store failed.
    Api(ApiError),
    /// No token could be made or stored.
    NotGenerated(GatewayHealth),
}

impl<E: Into<ApiError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Api(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::Api(error) if error.status() == StatusCode::INTERNAL_SERVER_ERROR => error
                .answer(NotHealed::Failed {
                    healed: false,
                    message: "Internal error during token healing",
                    error: error.to_string(),
                }),
            Self::Api(error) => error.into_response(),
            Self::NotGenerated(health) => {
                let body = NotHealed::NotGenerated {
                    healed: false,
                    message: "Failed to generate gateway token. Support has been alerted.",
                    health,
                };
                (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
            }
        }
    }
}

/// Heal gateway token
///
/// Makes a gateway token for the caller's agent where there is none, or none
/// that is one, and asks the agent how its gateway is. However many ask at once,
/// all get the same token. Support is alerted of failures, and of a gateway that
/// is not well.
#[utoipa::path(
    post,
    path = "/api/support/heal-token",
    operation_id = "healToken",
    tag = "token",
    security(("session" = []), ("userToken" = [])),
    responses(
        (status = 200, description = "The agent has a token", body = HealedToken),
        CallersAgentErrors,
        (status = 500, description = "No token could be made, or the store failed", body = NotHealed),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    session: Result<Session, SessionRefused>,
) -> Result<Json<HealedToken>, Failure> {
    let Session { user } = session?;
    let instance = state.controls.instances.of_owner(&user).await?;
    let instance = instance.ok_or(ApiError::NoAgent)?;
    crate::settle_rotation(&state.controls, &instance).await;
    let url = instance.url();
    let (found, report) = tokio::join!(
        state.controls.tokens.state(&instance.id),
        state.controls.prober.probe(&url),
    );
    let health = GatewayHealth::of(report);
    alert_of_health(&state, &instance, &health);
    let (token, is_new) = match found {
        Ok(TokenState::Good(token)) => (token, false),
        // What is not known to be missing is not replaced.
        Err(error) => {
            alert_of_token(&state, &instance, "The gateway token cannot be read");
            return Err(error.into());
        }
        Ok(TokenState::Missing | TokenState::Malformed) => {
            match generate(&state, &instance).await {
                Ok(generated) => generated,
                Err(error) => {
                    tracing::error!(%error, instance = %instance.id, "no gateway token was made");
                    alert_of_token(&state, &instance, "No gateway token could be made");
                    return Err(Failure::NotGenerated(health));
                }
            }
        }
    };
    Ok(Json(HealedToken {
        healed: true,
        token: token.reveal().to_owned(),
        is_new,
        health,
        message: if is_new {
            "New gateway token generated successfully"
        } else {
            "Existing gateway token validated successfully"
        },
    }))
}

/// Why there is no new token.
#[derive(Debug, thiserror::Error)]
enum NotGenerated {
    #[error(transparent)]
    Random(#[from] random::RandomError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The agent's token, and whether it is one that was made here.
async fn generate(
    state: &crate::State,
    instance: &Instance,
) -> Result<(GatewayToken, bool), NotGenerated> {
    let new = random::gateway_token()?;
    let Mended { token, .. } = state
        .controls
        .tokens
        .mend(&instance.id, new.clone())
        .await?;
    let is_new = token == new;
    Ok((token, is_new))
}

fn alert_of_health(state: &crate::State, instance: &Instance, health: &GatewayHealth) {
    let (severity, title, key) = match health.status {
        GatewayStatus::Ok => return,
        GatewayStatus::Degraded => (Severity::Warning, "Gateway degraded", "gateway-degraded"),
        GatewayStatus::Down => (Severity::Critical, "Gateway down", "gateway-down"),
    };
    state.alerts.raise(Alert {
        severity,
        title: title.to_owned(),
        text: health.detail.clone(),
        instance: Some(instance.id.clone()),
        time: state.clock.now(),
        dedup_key: format!("{key}:{}", instance.id),
    });
}

fn alert_of_token(state: &crate::State, instance: &Instance, text: &str) {
    state.alerts.raise(Alert {
        severity: Severity::Critical,
        title: "Token healing failed".to_owned(),
        text: text.to_owned(),
        instance: Some(instance.id.clone()),
        time: state.clock.now(),
        dedup_key: format!("token-healing:{}", instance.id),
    });
}
