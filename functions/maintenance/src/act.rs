//! `POST /api/openclaw/maintenance`: the contract's "Restart or reset agent".

use axum::Json;
use axum::extract::State;
use common::control::Order;
use common::http::{
    ApiError, CallersAgentErrors, ErrorBody, NoQuery, OptionalJsonObject, Session, SessionRefused,
    idempotency_key, own_agent,
};
use common::model::Control;
use http::HeaderMap;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The requested action. An empty body means `restart`.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it describes the body for OpenAPI; an unknown action gets a message of its own"
)]
pub(crate) struct MaintenanceOrder {
    action: Option<Action>,
}

/// The default is `restart`.
#[derive(Clone, Copy, ToSchema)]
#[schema(rename_all = "kebab-case")]
enum Action {
    Restart,
    FactoryReset,
}

impl Action {
    fn of(body: &Map<String, Value>) -> Result<Self, ApiError> {
        // `{"Action": "factory-reset"}` is no restart.
        let unknown = body.keys().filter(|name| *name != "action");
        let unknown: Vec<_> = unknown
            .map(|name| format!("{name:?} is no field; allowed is action"))
            .collect();
        if !unknown.is_empty() {
            return Err(ApiError::BadRequest(unknown.join("; ")));
        }
        match body.get("action") {
            None | Some(Value::Null) => Ok(Self::Restart),
            Some(Value::String(action)) if action == "restart" => Ok(Self::Restart),
            Some(Value::String(action)) if action == "factory-reset" => Ok(Self::FactoryReset),
            Some(_) => Err(ApiError::BadRequest(
                "action must be restart or factory-reset".to_owned(),
            )),
        }
    }
}

/// The control that Railway has accepted.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Maintained {
    Restarted(Restarted),
    Reset(FactoryReset),
}

/// A restart that Railway has accepted.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Restarted {
    /// Always true.
    success: bool,
    message: &'static str,
    /// The Railway service of the agent.
    #[schema(example = "abc123-service-id")]
    service_id: String,
    #[schema(example = "abc123")]
    instance_id: String,
    /// `GET …/operations/{operationId}` shows its outcome.
    operation_id: String,
}

/// A factory reset that Railway has accepted.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FactoryReset {
    /// Always true.
    success: bool,
    message: String,
    /// The image that the agent was pinned to.
    #[schema(example = "ghcr.io/openclaw/openclaw:2026.4.11")]
    image: String,
    /// The Railway service of the agent.
    #[schema(example = "abc123-service-id")]
    service_id: String,
    /// `GET …/operations/{operationId}` shows its outcome.
    operation_id: String,
}

/// Restart or reset agent
///
/// `restart` restarts the process of the caller's agent; `factory-reset`
/// rewrites its variables and deploys the platform's current image.
#[utoipa::path(
    post,
    path = "/api/openclaw/maintenance",
    operation_id = "maintainAgent",
    tag = "maintenance",
    security(("session" = []), ("userToken" = [])),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "A repeated request with the same key gets the same answer, and nothing is done twice"),
    ),
    request_body = Option<MaintenanceOrder>,
    responses(
        (status = 200, description = "Railway has accepted the request", body = Maintained),
        CallersAgentErrors,
        (status = 400, description = "The action or a field is unknown, the body is not JSON, or there is a query", body = ErrorBody),
        (status = 409, description = "Another control is running", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 422, description = "The idempotency key was used for another control", body = ErrorBody),
        (status = 500, description = "Railway or the store failed", body = ErrorBody),
        (status = 503, description = "Controls are disabled, the service cannot be located, or a login's keys cannot be fetched", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    session: Result<Session, SessionRefused>,
    query: Result<NoQuery, ApiError>,
    headers: HeaderMap,
    body: Result<OptionalJsonObject, ApiError>,
) -> Result<Json<Maintained>, ApiError> {
    state.switch.check()?;
    let Session { user } = session?;
    let NoQuery = query?;
    let OptionalJsonObject(body) = body?;
    let action = Action::of(&body)?;
    let key = idempotency_key(&headers, &user)?;
    let instance = own_agent(&state.controls.instances, &user).await?;
    let order = Order {
        instance,
        user,
        key,
    };
    let control = match action {
        Action::Restart => Control::Restart,
        Action::FactoryReset => Control::FactoryReset,
    };
    let operation = state.controls.run(control, order).await?;
    let service_id = operation.service_id.unwrap_or_default();
    let operation_id = operation.id.to_string();
    Ok(Json(match action {
        Action::Restart => Maintained::Restarted(Restarted {
            success: true,
            message: "Agent restarting — doctor & migrations run on startup",
            service_id,
            instance_id: operation.instance.to_string(),
            operation_id,
        }),
        Action::FactoryReset => {
            let pinned = state.controls.image.image();
            let image = operation.image.as_ref().unwrap_or(pinned).to_string();
            Maintained::Reset(FactoryReset {
                success: true,
                message: format!(
                    "Factory reset complete — pinned to {image}. Agent restarting with doctor \
                     --fix."
                ),
                image,
                service_id,
                operation_id,
            })
        }
    }))
}
