//! `POST /api/heartbeat`: an agent checks in.

use axum::Json;
use axum::extract::State;
use common::clock::iso8601;
use common::http::{ApiError, BodyErrors, ErrorBody, JsonObject, PresentedToken};
use common::model::{InstanceId, OpenclawVersion};
use common::store::CheckIn;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Of the beats of one agent, one in this time is recorded: writes cost.
const PAUSE: SignedDuration = SignedDuration::from_secs(10);

/// What an agent says of itself. What is left out, or null, stays as it was.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "it describes the body for OpenAPI; the body itself is read field by field, to name all bad ones"
)]
pub(crate) struct Heartbeat {
    /// The agent's own id.
    #[schema(example = "abc123")]
    instance_id: String,
    /// How its gateway process is.
    #[schema(example = "active", pattern = "^[A-Za-z0-9_-]{1,64}$")]
    gateway_process_status: Option<String>,
    /// The OpenClaw release that it runs.
    #[schema(example = "2026.4.11")]
    openclaw_version: Option<String>,
}

/// The agent was heard.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Heard {
    instance_id: String,
    /// When the agent checked in, as it is on record.
    #[schema(format = DateTime)]
    last_seen_at: String,
    /// Whether this beat was recorded: at most one in ten seconds is.
    recorded: bool,
}

/// Check in
///
/// Tells the platform that an agent lives. The agent presents its own gateway
/// token; while that is rotated, the new one counts as well. An instance that is
/// not there and a wrong token are refused alike.
#[utoipa::path(
    post,
    path = "/api/heartbeat",
    operation_id = "checkIn",
    tag = "token",
    security(("gatewayToken" = [])),
    request_body = Heartbeat,
    responses(
        (status = 200, description = "The agent was heard", body = Heard),
        BodyErrors,
        (status = 401, description = "Not the gateway token of this instance", body = ErrorBody),
        (status = 500, description = "The store failed", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    PresentedToken(token): PresentedToken,
    JsonObject(body): JsonObject,
) -> Result<Json<Heard>, ApiError> {
    let Beat { instance, said } = Beat::read(body).map_err(ApiError::BadRequest)?;
    // Only a good token leads to a second question, so that neither an answer
    // nor its time tells a stranger which instances there are.
    if !state.controls.tokens.accepts(&instance, &token).await? {
        return Err(ApiError::Unauthorized);
    }
    let on_record = state.controls.instances.get(&instance).await?;
    let on_record = on_record.ok_or(ApiError::Unauthorized)?;
    let now = state.clock.now();
    let recent = |seen: &Timestamp| now.duration_since(*seen) < PAUSE;
    let (last_seen_at, recorded) = match on_record.last_seen_at.filter(recent) {
        Some(seen) => (seen, false),
        None => {
            let instances = &state.controls.instances;
            let recorded = instances
                .check_in(&instance, said, now, now - PAUSE)
                .await?;
            (now, recorded)
        }
    };
    Ok(Json(Heard {
        instance_id: instance.to_string(),
        last_seen_at: iso8601(last_seen_at),
        recorded,
    }))
}

/// What an agent said, and as whom.
struct Beat {
    instance: InstanceId,
    said: CheckIn,
}

impl Beat {
    /// Reads a body, or names everything that is wrong with it.
    fn read(mut body: Map<String, Value>) -> Result<Self, String> {
        let mut take = |name: &str| body.remove(name).filter(|value| !value.is_null());
        let (id, status, version) = (
            take("instanceId"),
            take("gatewayProcessStatus"),
            take("openclawVersion"),
        );
        let id = match id {
            None => Err("instanceId is required".to_owned()),
            Some(value) => text(&value)
                .parse::<InstanceId>()
                .map_err(|error| format!("instanceId {error}")),
        };
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let status = match status {
            None => Ok(None),
            Some(Value::String(word))
                if (1..=64).contains(&word.len()) && word.bytes().all(allowed) =>
            {
                Ok(Some(word))
            }
            Some(_) => Err(
                "gatewayProcessStatus must be 1 to 64 letters, digits, hyphens or underscores"
                    .to_owned(),
            ),
        };
        let version = version
            .map(|value| text(&value).parse::<OpenclawVersion>())
            .transpose()
            .map_err(|error| format!("openclawVersion {error}"));
        let unknown = body.keys().map(|name| {
            format!(
                "{name:?} is no field; allowed are instanceId, gatewayProcessStatus and \
                 openclawVersion"
            )
        });
        let unknown: Vec<String> = unknown.collect();
        match (id, status, version) {
            (Ok(instance), Ok(gateway_process_status), Ok(version)) if unknown.is_empty() => {
                Ok(Self {
                    instance,
                    said: CheckIn {
                        gateway_process_status,
                        version,
                    },
                })
            }
            (id, status, version) => {
                let problems = [id.err(), status.err(), version.err()];
                let problems: Vec<String> = problems.into_iter().flatten().chain(unknown).collect();
                Err(problems.join("; "))
            }
        }
    }
}

/// A text, or what is none of any kind.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
