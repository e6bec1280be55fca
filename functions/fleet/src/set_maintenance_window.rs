//! `PUT /api/openclaw/maintenance-windows/{id}`: announces work on an agent, or
//! on all agents, which holds their alerts back.

use std::fmt::Display;
use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use common::http::{ApiError, Bearer, BodyErrors, JsonObject, NoQuery, OperatorErrors, WindowPath};
use common::model::{InstanceId, MaintenanceWindow, WindowId};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::maintenance_window_view::WindowView;

/// The period of a maintenance window, and the agent that it is for.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "it describes the body for OpenAPI; the body itself is read field by field, to name all bad ones"
)]
pub(crate) struct WindowFields {
    #[schema(format = DateTime, example = "2026-04-04T03:00:00.000Z")]
    from: String,
    /// After `from`.
    #[schema(format = DateTime, example = "2026-04-04T05:00:00.000Z")]
    until: String,
    /// The agent that the window is for; omitted or null, it is for all agents.
    instance_id: Option<String>,
}

/// Set a maintenance window
///
/// Idempotent: replaces any window with this id. Sweeps go on probing and
/// recording agents during a window; only alerts are held back.
#[utoipa::path(
    put,
    path = "/api/openclaw/maintenance-windows/{id}",
    operation_id = "setMaintenanceWindow",
    tag = "fleet",
    security(("internalKey" = [])),
    params(("id" = String, Path, description = "The window's id: 1 to 64 letters, digits, hyphens or underscores")),
    request_body = WindowFields,
    responses(
        (status = 200, description = "The window was replaced", body = WindowView),
        (status = 201, description = "The window was created", body = WindowView),
        OperatorErrors,
        BodyErrors,
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    _: Bearer,
    WindowPath(id): WindowPath,
    _: NoQuery,
    JsonObject(body): JsonObject,
) -> Result<(StatusCode, Json<WindowView>), ApiError> {
    let window = window(id, body, state.clock.now())?;
    let made = state.maintenance_windows.store(&window).await?;
    let status = if made {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(window.into())))
}

fn window(
    id: WindowId,
    mut body: Map<String, Value>,
    now: Timestamp,
) -> Result<MaintenanceWindow, ApiError> {
    let mut problems = Vec::new();
    let mut take = |name| body.remove(name).filter(|value| !value.is_null());
    let time = |value: Option<Value>| {
        let value = value.ok_or("is required")?;
        let read = value
            .as_str()
            .and_then(|text| text.parse::<Timestamp>().ok());
        read.ok_or("must be an ISO 8601 time with its offset, such as 2026-04-01T00:00:00.000Z")
    };
    let mut read_time = |name: &str, value| {
        time(value)
            .inspect_err(|rule| problems.push(format!("{name} {rule}")))
            .ok()
    };
    let from = read_time("from", take("from"));
    let until = read_time("until", take("until"));
    match (from, until) {
        (Some(from), Some(until)) if until <= from => {
            problems.push("until must be after from".to_owned());
        }
        // It would hold nothing back.
        (_, Some(until)) if until <= now => {
            problems.push("until must be in the future".to_owned());
        }
        _ => {}
    }
    let instance = take("instanceId").and_then(|value| {
        parsed::<InstanceId>(&value)
            .inspect_err(|rule| problems.push(format!("instanceId {rule}")))
            .ok()
    });
    for name in body.keys() {
        problems.push(format!(
            "{name:?} is no field; allowed are from, until and instanceId"
        ));
    }
    match (from, until) {
        (Some(from), Some(until)) if problems.is_empty() => Ok(MaintenanceWindow {
            id,
            from,
            until,
            instance,
        }),
        _ => Err(ApiError::BadRequest(problems.join("; "))),
    }
}

fn parsed<T: FromStr<Err: Display>>(value: &Value) -> Result<T, String> {
    let text = value.as_str().ok_or("must be a string")?;
    text.parse().map_err(|error: T::Err| error.to_string())
}
