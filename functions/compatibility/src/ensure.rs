//! `POST /api/openclaw/ensure-compatibility`: the contract's "Ensure OpenClaw
//! compatibility".

use std::borrow::Cow;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use common::compat::{self, Edge, Misshapen, Verdict};
use common::control::ControlError;
use common::http::{
    ApiError, CallersAgentErrors, ErrorBody, Parameters, Session, SessionRefused, StrictQuery,
    own_agent,
};
use common::model::{AgentSetup, Instance, OpenclawVersion};
use common::random;
use common::store::TokenState;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const NEW_TOKEN: &str = "Generated gateway token";
const MENDED_TOKEN: &str = "Replaced malformed gateway token";

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(rename = "dryRun")]
    dry_run: Option<String>,
    target: Option<String>,
}

impl Parameters for Asked {
    const NAMES: &[&str] = &["dryRun", "target"];
}

type Fixes = Vec<Cow<'static, str>>;

/// The result of a compatibility check.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Compatibility {
    /// Whether the setup is compatible now: whether the target would start with
    /// it.
    compatible: bool,
    /// The fixes that were applied, or in a dry run would be.
    #[schema(value_type = Vec<String>, example = json!(["Migrated x_search plugin config", "Fixed agent pairing scope"]))]
    fixes: Fixes,
    /// What went wrong, or what the target would refuse; empty on success.
    errors: Vec<String>,
    /// What `compatible` says nothing about: settings of channels and plugins that
    /// the target does not bring along, and a missing `gateway.mode`, without which
    /// it starts only with `--allow-unconfigured`. Omitted where there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Option<Vec<String>>, example = json!(["channels.custom"]))]
    not_judged: Vec<String>,
    #[schema(example = "Applied 2 compatibility fixes")]
    message: String,
    /// True in the answer to a dry run, omitted otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = Option<bool>)]
    dry_run: bool,
    /// The release that was judged for. This and the next two are left out where
    /// it is the managed baseline because nobody said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026.4.11")]
    target: Option<String>,
    /// How that release is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    target_source: Option<TargetSource>,
    /// The release whose keys were looked up: the target, or the last one before
    /// it that the platform has run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026.4.11")]
    judged_as: Option<String>,
}

/// The release that a setup is judged for.
struct Target {
    release: OpenclawVersion,
    source: TargetSource,
}

/// How the target is known.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum TargetSource {
    /// The request names it.
    Request,
    /// The agent said so when it checked in.
    CheckIn,
    /// The platform told the agent to run it, in its last update.
    Record,
    /// Nobody said which release the agent runs: the managed baseline.
    Default,
}

impl Target {
    fn of(asked: Option<&str>, instance: &Instance) -> Result<Self, ApiError> {
        if let Some(asked) = asked {
            let release = asked.parse();
            let release =
                release.map_err(|error| ApiError::BadRequest(format!("target {error}")))?;
            let source = TargetSource::Request;
            return Ok(Self { release, source });
        }
        let checked_in = instance.checked_in_version(None);
        let (release, source) = match (checked_in, &instance.told_version) {
            (Some(release), _) => (release.clone(), TargetSource::CheckIn),
            (None, Some(release)) => (release.clone(), TargetSource::Record),
            (None, None) => (OpenclawVersion::BASELINE, TargetSource::Default),
        };
        Ok(Self { release, source })
    }
}

/// What became of a setup.
struct Outcome {
    fixes: Fixes,
    verdict: Verdict,
}

impl Compatibility {
    fn of(outcome: Outcome, target: &Target, dry_run: bool) -> Self {
        let Outcome { fixes, verdict } = outcome;
        let said = !matches!(target.source, TargetSource::Default);
        let did = if dry_run { "Would apply" } else { "Applied" };
        let mut message = match fixes.len() {
            0 => "No fixes needed".to_owned(),
            1 => format!("{did} 1 compatibility fix"),
            count => format!("{did} {count} compatibility fixes"),
        };
        if !verdict.refusals.is_empty() {
            message += &format!("; OpenClaw {} would not start", target.release);
        }
        let mut not_judged = verdict.not_judged;
        // The contract's answer about the baseline has nothing of this.
        if said && verdict.lacks_mode {
            not_judged.push("gateway.mode".to_owned());
        }
        Self {
            compatible: verdict.refusals.is_empty() && (!dry_run || fixes.is_empty()),
            message,
            fixes,
            errors: verdict.refusals,
            not_judged,
            dry_run,
            target: said.then(|| target.release.to_string()),
            target_source: said.then_some(target.source),
            judged_as: said.then(|| verdict.judged_as.to_string()),
        }
    }

    fn failed(errors: Vec<String>) -> Self {
        Self {
            compatible: false,
            fixes: Vec::new(),
            errors,
            not_judged: Vec::new(),
            message: "Failed to ensure compatibility".to_owned(),
            dry_run: false,
            target: None,
            target_source: None,
            judged_as: None,
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
/// Applies to the stored setup of the caller's agent what its OpenClaw release
/// needs: settings where it looks for them, the pairing scope of the agent's own
/// device, the edge that the platform names, and a gateway token. The release is the
/// target that is asked for, else the one that the agent told when it checked in,
/// else the one that an update told it to run, else the managed baseline, 2026.4.11.
/// What that release would refuse all the same is in `errors`, and the setup is then
/// not compatible. Idempotent. When one fix cannot be applied, none is. An agent of
/// which no configuration is stored gets its gateway token alone.
#[utoipa::path(
    post,
    path = "/api/openclaw/ensure-compatibility",
    operation_id = "ensureCompatibility",
    tag = "compatibility",
    security(("session" = []), ("userToken" = [])),
    params(
        ("dryRun" = Option<bool>, Query, description = "`true` changes nothing and lists the fixes that would be applied; `compatible` is then true if there are none"),
        ("target" = Option<String>, Query, description = "The release to judge for, such as `2026.9.6`. Fixes are for it and later ones: an older one may not start with them"),
    ),
    responses(
        (status = 200, description = "The check is complete", body = Compatibility),
        CallersAgentErrors,
        (status = 400, description = "`dryRun` is neither `true` nor `false`, or `target` is no release", body = ErrorBody),
        (status = 500, description = "The store failed, or a fix cannot be applied; `errors` says which", body = Compatibility),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    session: Result<Session, SessionRefused>,
    query: Result<StrictQuery<Asked>, ApiError>,
) -> Result<Json<Compatibility>, Failure> {
    let Session { user } = session?;
    let StrictQuery(Asked { dry_run, target }) = query?;
    let dry_run = match dry_run.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            return Err(ApiError::BadRequest("dryRun must be true or false".to_owned()).into());
        }
    };
    let instance = own_agent(&state.instances, &user).await?;
    let target = Target::of(target.as_deref(), &instance)?;
    let outcome = if dry_run {
        needed(&state, &instance, &target).await?
    } else {
        apply(&state, &instance, &target).await?
    };
    Ok(Json(Compatibility::of(outcome, &target, dry_run)))
}

/// What becomes of a stored setup. Where none is stored, the agent has one that the
/// platform does not know, and a part of it would be worse than nothing.
fn outcome_of(
    state: &crate::State,
    instance: &Instance,
    target: &Target,
    stored: Option<&AgentSetup>,
) -> Result<(AgentSetup, Outcome), Vec<Misshapen>> {
    let edge = stored.map(|_| edge_of(state, instance)).unwrap_or_default();
    let setup = stored.cloned().unwrap_or_default();
    let fixed = compat::fix(&setup, &target.release, &edge)?;
    let mut verdict = compat::judge(&fixed.setup, &target.release);
    verdict.lacks_mode &= stored.is_some();
    let outcome = Outcome {
        verdict,
        fixes: fixed.fixes,
    };
    Ok((fixed.setup, outcome))
}

/// The edge that an agent is behind. A constructed address is a guess, which is no
/// origin to allow.
fn edge_of(state: &crate::State, instance: &Instance) -> Edge {
    let recorded = instance.openclaw_url.as_ref();
    let public = recorded.filter(|url| url.scheme() == "https");
    Edge {
        trusted_proxies: state.trusted_proxies.clone(),
        origin: public.map(ToString::to_string),
        page_origin: state.agent_origin.as_ref().map(|it| it.of(&instance.id)),
    }
}

/// What would become of the setup. Nothing is changed.
async fn needed(
    state: &crate::State,
    instance: &Instance,
    target: &Target,
) -> Result<Outcome, Failure> {
    let stored = state.configurations.get(&instance.id).await?;
    let (_, mut outcome) = outcome_of(state, instance, target, stored.map(|it| it.setup).as_ref())
        .map_err(Failure::InTheWay)?;
    let token = state.tokens.state(&instance.id).await?;
    outcome.fixes.extend(fix_of_token(&token));
    Ok(outcome)
}

/// Applies the fixes that are needed. The setup is written last and at once, so
/// that whatever fails before leaves it whole.
async fn apply(
    state: &crate::State,
    instance: &Instance,
    target: &Target,
) -> Result<Outcome, Failure> {
    // What cannot be fixed is found out before anything is changed.
    let needed = needed(state, instance, target).await?;
    if needed.fixes.is_empty() {
        return Ok(needed);
    }
    let new = random::gateway_token().map_err(ControlError::NoToken)?;
    let token = state.tokens.repair(&instance.id, new).await?.before;

    let mut outcome = Ok(needed);
    state
        .configurations
        .update(&instance.id, state.clock.now(), |stored| {
            // Asked anew, what an earlier attempt found no longer counts.
            match outcome_of(state, instance, target, stored) {
                Ok((fixed, found)) => {
                    let changed = !found.fixes.is_empty();
                    outcome = Ok(found);
                    changed.then_some(fixed)
                }
                Err(problems) => {
                    outcome = Err(problems);
                    None
                }
            }
        })
        .await?;
    let mut outcome = outcome.map_err(Failure::InTheWay)?;
    outcome.fixes.extend(fix_of_token(&token));
    Ok(outcome)
}

fn fix_of_token(state: &TokenState) -> Option<Cow<'static, str>> {
    match state {
        TokenState::Valid(_) => None,
        TokenState::Missing => Some(NEW_TOKEN.into()),
        TokenState::Malformed => Some(MENDED_TOKEN.into()),
    }
}
