//! `POST /api/openclaw/ensure-compatibility`: the spec's "Ensure OpenClaw
//! compatibility".

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use common::compat::{self, Misshapen};
use common::control::ControlError;
use common::http::{ApiError, CallersAgentErrors, ErrorBody, Session, SessionRefused};
use common::model::Instance;
use common::random;
use common::store::TokenState;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const NEW_TOKEN: &str = "Generated gateway token";
const MENDED_TOKEN: &str = "Replaced malformed gateway token";

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(rename = "dryRun", default)]
    dry_run: bool,
}

/// The result of a compatibility check.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Compatibility {
    /// Whether the setup is compatible now.
    compatible: bool,
    /// The fixes that were applied, or in a dry run would be.
    #[schema(value_type = Vec<String>, example = json!(["Migrated x_search plugin config", "Fixed agent pairing scope"]))]
    fixes: Vec<&'static str>,
    /// What went wrong; empty on success.
    errors: Vec<String>,
    #[schema(example = "Applied 2 compatibility fixes")]
    message: String,
    /// True in the answer to a dry run, omitted otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = Option<bool>)]
    dry_run: bool,
}

impl Compatibility {
    fn of(fixes: Vec<&'static str>, dry_run: bool) -> Self {
        let did = if dry_run { "Would apply" } else { "Applied" };
        Self {
            compatible: !dry_run || fixes.is_empty(),
            message: match fixes.len() {
                0 => "No fixes needed".to_owned(),
                1 => format!("{did} 1 compatibility fix"),
                count => format!("{did} {count} compatibility fixes"),
            },
            fixes,
            errors: Vec::new(),
            dry_run,
        }
    }

    fn failed(errors: Vec<String>) -> Self {
        Self {
            compatible: false,
            fixes: Vec::new(),
            errors,
            message: "Failed to ensure compatibility".to_owned(),
            dry_run: false,
        }
    }
}

/// Why the compatibility is not ensured.
pub(crate) enum Failure {
    /// The request is refused, or the store failed.
    Api(ApiError),
    /// A setting has a type that a fix cannot write to.
    InTheWay(Vec<Misshapen>),
}

impl<E: Into<ApiError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Api(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let errors = match self {
            Self::Api(error) if error.status() == StatusCode::INTERNAL_SERVER_ERROR => {
                let body = Compatibility::failed(vec![error.to_string()]);
                return error.answer(body);
            }
            Self::Api(error) => return error.into_response(),
            Self::InTheWay(problems) => problems.iter().map(ToString::to_string).collect(),
        };
        let body = Json(Compatibility::failed(errors));
        (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
    }
}

/// Ensure OpenClaw compatibility
///
/// Adds to the stored setup of the caller's agent what OpenClaw 2026.4.11
/// needs: plugin settings where it expects them, the pairing scope of the
/// agent's own device, and a gateway token. Idempotent. If one fix cannot be
/// applied, none is. An agent without a stored configuration only gets its
/// gateway token.
#[utoipa::path(
    post,
    path = "/api/openclaw/ensure-compatibility",
    operation_id = "ensureCompatibility",
    tag = "compatibility",
    security(("session" = []), ("userToken" = [])),
    params(
        ("dryRun" = Option<bool>, Query, description = "`true` changes nothing and lists the fixes that would be applied; `compatible` is then true if there are none"),
    ),
    responses(
        (status = 200, description = "The check is complete", body = Compatibility),
        CallersAgentErrors,
        (status = 400, description = "`dryRun` is neither `true` nor `false`", body = ErrorBody),
        (status = 500, description = "The store failed, or a fix cannot be applied; `errors` says which", body = Compatibility),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    session: Result<Session, SessionRefused>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Compatibility>, Failure> {
    let Session { user } = session?;
    let Query(Asked { dry_run }) = query.map_err(|_| {
        ApiError::BadRequest("dryRun must be true or false, and said once".to_owned())
    })?;
    let instance = state.instances.of_owner(&user).await?;
    let instance = instance.ok_or(ApiError::NoAgent)?;
    let fixes = if dry_run {
        needed(&state, &instance).await?
    } else {
        apply(&state, &instance).await?
    };
    Ok(Json(Compatibility::of(fixes, dry_run)))
}

/// The fixes that are needed. Nothing is changed.
async fn needed(state: &crate::State, instance: &Instance) -> Result<Vec<&'static str>, Failure> {
    let mut fixes = Vec::new();
    if let Some(stored) = state.configurations.get(&instance.id).await? {
        let fixed = compat::fix(&stored.setup).map_err(Failure::InTheWay)?;
        fixes = fixed.fixes;
    }
    let token = state.tokens.state(&instance.id).await?;
    fixes.extend(fix_of_token(&token));
    Ok(fixes)
}

/// Applies the fixes that are needed. The setup is written last and at once, so
/// that whatever fails before leaves it whole.
async fn apply(state: &crate::State, instance: &Instance) -> Result<Vec<&'static str>, Failure> {
    // What cannot be fixed is found out before anything is changed.
    if needed(state, instance).await?.is_empty() {
        return Ok(Vec::new());
    }
    let new = random::gateway_token().map_err(ControlError::NoToken)?;
    let token = state.tokens.repair(&instance.id, new).await?.before;

    let mut outcome = Ok(Vec::new());
    state
        .configurations
        .update(&instance.id, state.clock.now(), |stored| {
            // Asked anew, what an earlier attempt found no longer counts.
            outcome = Ok(Vec::new());
            match compat::fix(stored?) {
                Ok(fixed) if fixed.fixes.is_empty() => None,
                Ok(fixed) => {
                    outcome = Ok(fixed.fixes);
                    Some(fixed.setup)
                }
                Err(problems) => {
                    outcome = Err(problems);
                    None
                }
            }
        })
        .await?;
    let mut fixes = outcome.map_err(Failure::InTheWay)?;
    fixes.extend(fix_of_token(&token));
    Ok(fixes)
}

fn fix_of_token(state: &TokenState) -> Option<&'static str> {
    match state {
        TokenState::Valid(_) => None,
        TokenState::Missing => Some(NEW_TOKEN),
        TokenState::Malformed => Some(MENDED_TOKEN),
    }
}
