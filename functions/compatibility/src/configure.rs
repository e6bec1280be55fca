//! `PUT /api/openclaw/instances/{id}/configuration`: how the platform keeps what
//! an agent is set up with.

use axum::Json;
use axum::extract::State;
use common::compat::{self, Edge};
use common::http::{
    ApiError, Bearer, BodyErrors, ErrorBody, InstancePath, JsonObject, NoQuery, OperatorErrors,
};
use common::model::{AgentSetup, AgentUrl, OpenclawVersion};
use common::store::Change;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// An agent's configuration.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it describes the body for OpenAPI; the body itself is read field by field, to name all bad ones"
)]
pub(crate) struct AgentConfiguration {
    /// The agent's complete `openclaw.json`, in plain JSON: comments and other
    /// extensions of JSON5 are rejected.
    #[schema(example = json!({"gateway": {"mode": "local", "bind": "lan"}}))]
    configuration: Map<String, Value>,
    /// The agent's own entry in `devices/paired.json`, with its `deviceId`. If
    /// omitted it stays unchanged; null removes it.
    #[schema(example = json!({"deviceId": "0f1e2d", "scopes": ["operator.read"]}))]
    device: Option<Map<String, Value>>,
}

/// The stored configuration, without its secrets.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoredConfiguration {
    #[schema(example = "abc123")]
    instance_id: String,
    /// Grows with every change.
    #[schema(example = 1)]
    revision: u64,
}

/// Store an agent's configuration
///
/// Replaces the stored configuration. Idempotent: storing the same one again
/// changes nothing and keeps its revision. It is stored as it is:
/// `ensure-compatibility` adds what it lacks for the current OpenClaw.
#[utoipa::path(
    put,
    path = "/api/openclaw/instances/{id}/configuration",
    operation_id = "storeConfiguration",
    tag = "compatibility",
    security(("internalKey" = [])),
    params(("id" = String, Path, description = "The instance's id")),
    request_body = AgentConfiguration,
    responses(
        (status = 200, description = "The configuration was replaced, or was stored already", body = StoredConfiguration),
        (status = 201, description = "The agent's first configuration was stored", body = StoredConfiguration),
        OperatorErrors,
        BodyErrors,
        (status = 404, description = "No instance of this id is registered", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    _: Bearer,
    InstancePath(id): InstancePath,
    _: NoQuery,
    JsonObject(body): JsonObject,
) -> Result<(StatusCode, Json<StoredConfiguration>), ApiError> {
    let edge = Edge {
        trusted_proxies: state.trusted_proxies.clone(),
        // Whichever it is, the same things are in its way.
        origin: Some(AgentUrl::of_instance(&id).to_string()),
        page_origin: state.agent_origin.as_ref().map(|it| it.of(&id)),
    };
    let (configuration, device) = read(body, &edge)?;
    if state.instances.get(&id).await?.is_none() {
        return Err(ApiError::NoInstance);
    }
    let mut created = false;
    let stored = state
        .configurations
        .update(&id, state.clock.now(), |stored| {
            created = stored.is_none();
            let device = match &device {
                Change::Keep => stored.and_then(|stored| stored.device.clone()),
                Change::Clear => None,
                Change::Set(device) => Some(device.clone()),
            };
            let configuration = configuration.clone();
            let next = AgentSetup {
                configuration,
                device,
            };
            (stored != Some(&next)).then_some(next)
        })
        .await?;
    let status = if created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let view = StoredConfiguration {
        instance_id: id.to_string(),
        revision: stored.map_or(0, |stored| stored.revision),
    };
    Ok((status, Json(view)))
}

type Object = Map<String, Value>;

/// Reads the body, and names everything that is wrong with it at once: also what
/// would be in a fix's way, as far as this version can tell.
fn read(mut body: Object, edge: &Edge) -> Result<(Object, Change<Object>), ApiError> {
    let mut problems = Vec::new();
    let configuration = match body.remove("configuration") {
        Some(Value::Object(configuration)) => configuration,
        found => {
            problems.push(match found {
                None | Some(Value::Null) => "configuration is required".to_owned(),
                Some(_) => "configuration must be a JSON object".to_owned(),
            });
            Map::new()
        }
    };
    let device = match body.remove("device") {
        None => Change::Keep,
        Some(Value::Null) => Change::Clear,
        Some(Value::Object(device)) => {
            let id = device.get("deviceId").and_then(Value::as_str);
            if id.is_none_or(str::is_empty) {
                problems.push("device.deviceId must be a text that is not empty".to_owned());
            }
            Change::Set(device)
        }
        Some(_) => {
            problems.push("device must be a JSON object or null".to_owned());
            Change::Keep
        }
    };
    for name in body.keys() {
        problems.push(format!(
            "{name:?} is no field; allowed are configuration and device"
        ));
    }
    let setup = AgentSetup {
        configuration,
        device: match &device {
            Change::Set(device) => Some(device.clone()),
            Change::Keep | Change::Clear => None,
        },
    };
    let in_the_way = compat::fix(&setup, &OpenclawVersion::BASELINE, edge)
        .err()
        .unwrap_or_default();
    problems.extend(in_the_way.iter().map(ToString::to_string));
    if problems.is_empty() {
        Ok((setup.configuration, device))
    } else {
        Err(ApiError::BadRequest(problems.join("; ")))
    }
}
