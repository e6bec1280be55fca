//! `PUT /api/openclaw/instances/{id}`: registers an instance.

use std::fmt::Display;
use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use common::clock::iso8601;
use common::http::{
    ApiError, Bearer, BodyErrors, InstancePath, JsonObject, NoQuery, OperatorErrors,
};
use common::model::{AgentUrl, Instance};
use common::net::{AllowedHosts, check_confidential};
use common::store::{Change, Registration};
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The fields to record. An omitted field stays unchanged, and null removes it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "it describes the body for OpenAPI; the body itself is read field by field, to name all bad ones"
)]
pub(crate) struct InstanceRegistration {
    /// The owner's user id at the platform's login.
    #[schema(min_length = 1, max_length = 128)]
    owner_id: String,
    /// Where the agent answers; without it, Railway's usual address of this id.
    #[schema(example = "https://agentbot-agent-abc123-production.up.railway.app")]
    openclaw_url: Option<String>,
    #[schema(example = "solo", pattern = "^[A-Za-z0-9_-]{1,64}$")]
    plan: Option<String>,
    /// The Railway service that runs the agent.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    runtime_service_id: Option<String>,
    #[schema(example = "active", pattern = "^[A-Za-z0-9_-]{1,64}$")]
    subscription_status: Option<String>,
    #[schema(format = DateTime)]
    provisioned_at: Option<String>,
    /// The platform's own notes, kept as they are; integers beyond 64 bits
    /// become floating-point numbers.
    metadata: Option<Map<String, Value>>,
}

/// An instance as it is on record.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisteredInstance {
    #[schema(example = "abc123")]
    instance_id: String,
    owner_id: String,
    /// Where the agent is probed.
    openclaw_url: String,
    plan: String,
    #[schema(required)]
    runtime_service_id: Option<String>,
    #[schema(required)]
    subscription_status: Option<String>,
    #[schema(required, format = DateTime)]
    provisioned_at: Option<String>,
    #[schema(required)]
    metadata: Option<Map<String, Value>>,
}

impl From<Instance> for RegisteredInstance {
    fn from(instance: Instance) -> Self {
        Self {
            openclaw_url: instance.url().to_string(),
            plan: instance.plan().to_owned(),
            provisioned_at: instance.provisioned_at().map(iso8601),
            instance_id: instance.id.to_string(),
            owner_id: instance.owner.to_string(),
            runtime_service_id: instance.runtime_service_id,
            subscription_status: instance.subscription_status,
            metadata: instance.metadata,
        }
    }
}

/// Register or update an instance
///
/// Idempotent. Omitted fields stay unchanged, null removes a field, and
/// attributes that this API does not know are kept.
#[utoipa::path(
    put,
    path = "/api/openclaw/instances/{id}",
    operation_id = "registerInstance",
    tag = "fleet",
    security(("internalKey" = [])),
    params(("id" = String, Path, description = "The instance's id")),
    request_body = InstanceRegistration,
    responses(
        (status = 200, description = "The record was updated", body = RegisteredInstance),
        (status = 201, description = "The record was created", body = RegisteredInstance),
        OperatorErrors,
        BodyErrors,
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    _: Bearer,
    InstancePath(id): InstancePath,
    _: NoQuery,
    JsonObject(body): JsonObject,
) -> Result<(StatusCode, Json<RegisteredInstance>), ApiError> {
    let registration = registration(body, &state.hosts)?;
    let saved = state
        .instances
        .register(&id, registration, state.clock.now())
        .await?;
    let status = if saved.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(saved.instance.into())))
}

/// Reads the fields of a registration.
///
/// # Errors
/// A bad request that names everything that is wrong with them at once.
pub fn registration(
    body: Map<String, Value>,
    hosts: &AllowedHosts,
) -> Result<Registration, ApiError> {
    let mut fields = Fields {
        body,
        problems: Vec::new(),
    };
    let owner = fields.required("ownerId");
    let openclaw_url = fields.url("openclawUrl", hosts);
    let plan = fields.word("plan");
    let runtime_service_id = fields.word("runtimeServiceId");
    let subscription_status = fields.word("subscriptionStatus");
    let provisioned_at = fields.time("provisionedAt");
    let metadata = fields.object("metadata");
    fields.refuse_the_rest();
    match owner {
        Some(owner) if fields.problems.is_empty() => Ok(Registration {
            openclaw_url,
            plan,
            runtime_service_id,
            subscription_status,
            provisioned_at,
            metadata,
            ..Registration::of_owner(owner)
        }),
        _ => Err(ApiError::BadRequest(fields.problems.join("; "))),
    }
}

/// The fields that were not taken yet, and what was wrong with the others.
struct Fields {
    body: Map<String, Value>,
    problems: Vec<String>,
}

impl Fields {
    fn required<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        // A field that must be there can be neither kept nor cleared.
        let value = self.body.remove(name).filter(|value| !value.is_null());
        match value.map_or_else(|| Err("is required".to_owned()), parsed) {
            Ok(value) => Some(value),
            Err(rule) => {
                self.problems.push(format!("{name} {rule}"));
                None
            }
        }
    }

    fn url(&mut self, name: &str, hosts: &AllowedHosts) -> Change<AgentUrl> {
        self.take(name, |value| {
            let url: AgentUrl = parsed(value)?;
            hosts
                .check(&url)
                .map_err(|refused| format!("is refused: {refused}"))?;
            check_confidential(url.scheme(), url.host()).map_err(|refused| refused.to_string())?;
            Ok(url)
        })
    }

    fn word(&mut self, name: &str) -> Change<String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        self.take(name, |value| match value {
            Value::String(word) if (1..=64).contains(&word.len()) && word.bytes().all(allowed) => {
                Ok(word)
            }
            _ => Err("must be 1 to 64 letters, digits, hyphens or underscores".to_owned()),
        })
    }

    fn time(&mut self, name: &str) -> Change<Timestamp> {
        let rule = "must be an ISO 8601 time with its offset, such as 2026-04-01T00:00:00.000Z";
        self.take(name, |value| {
            let text = value.as_str().ok_or(rule)?;
            text.parse().map_err(|_| rule.to_owned())
        })
    }

    fn object(&mut self, name: &str) -> Change<Map<String, Value>> {
        self.take(name, |value| match value {
            Value::Object(object) => Ok(object),
            _ => Err("must be a JSON object".to_owned()),
        })
    }

    fn refuse_the_rest(&mut self) {
        for name in self.body.keys() {
            self.problems.push(format!(
                "{name:?} is no field; allowed are ownerId, openclawUrl, plan, runtimeServiceId, \
                 subscriptionStatus, provisionedAt and metadata"
            ));
        }
    }

    fn take<T>(&mut self, name: &str, read: impl FnOnce(Value) -> Result<T, String>) -> Change<T> {
        match self.body.remove(name) {
            None => Change::Keep,
            Some(Value::Null) => Change::Clear,
            Some(value) => read(value).map_or_else(
                |rule| {
                    self.problems.push(format!("{name} {rule}"));
                    Change::Keep
                },
                Change::Set,
            ),
        }
    }
}

fn parsed<T: FromStr<Err: Display>>(value: Value) -> Result<T, String> {
    let text = value.as_str().ok_or("must be a string")?;
    text.parse().map_err(|error: T::Err| error.to_string())
}
