//! `POST /api/heartbeat`: an agent checks in.

use axum::Json;
use axum::extract::State;
use common::clock::iso8601;
use common::http::{
    ApiError, BodyErrors, ErrorBody, JsonObject, NoQuery, PresentedToken, note_instance,
};
use common::model::{InstanceId, OpenclawVersion};
use common::store::CheckIn;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// At most one check-in of an agent is recorded in this time, to save writes.
const PAUSE: SignedDuration = SignedDuration::from_secs(10);

/// What an agent reports about itself. Fields that are omitted or null stay
/// unchanged.
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
    /// The state of its gateway process.
    #[schema(example = "active", pattern = "^[A-Za-z0-9_-]{1,64}$")]
    gateway_process_status: Option<String>,
    /// The OpenClaw release that it runs.
    #[schema(example = "2026.4.11")]
    openclaw_version: Option<String>,
}

/// The recorded check-in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Heard {
    instance_id: String,
    /// When the agent last checked in, as recorded.
    #[schema(format = DateTime)]
    last_seen_at: String,
    /// Whether this check-in was recorded: at most one every ten seconds is.
    recorded: bool,
}

/// Check in
///
/// Reports that an agent is alive. The agent presents its own gateway token;
/// during a rotation the new one is accepted as well. An unknown instance and a
/// wrong token get the same answer.
#[utoipa::path(
    post,
    path = "/api/heartbeat",
    operation_id = "checkIn",
    tag = "token",
    security(("gatewayToken" = [])),
    request_body = Heartbeat,
    responses(
        (status = 200, description = "The check-in was accepted", body = Heard),
        BodyErrors,
        (status = 401, description = "Not the gateway token of this instance", body = ErrorBody),
        (status = 500, description = "The store failed", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    PresentedToken(token): PresentedToken,
    _: NoQuery,
    JsonObject(body): JsonObject,
) -> Result<Json<Heard>, ApiError> {
    let Beat { instance, said } = Beat::read(body).map_err(ApiError::BadRequest)?;
    // The record is read only for a valid token, so that neither the answer nor
    // its timing reveals which instances exist.
    if !state.controls.tokens.accepts(&instance, &token).await? {
        return Err(ApiError::Unauthorized);
    }
    note_instance(&instance);
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

/// A parsed check-in.
struct Beat {
    instance: InstanceId,
    said: CheckIn,
}

impl Beat {
    /// Parses a body, or names everything that is wrong with it.
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

/// The string, or an empty one, which no field accepts.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
