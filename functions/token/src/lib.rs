//! Gateway tokens: endpoints that return, heal and rotate them, and the
//! check-ins of agents, which present their own.
//!
//! Privilege: reads sessions; writes gateway tokens, operations and links to agents'
//! pages; reads
//! instance records and updates them; probes agents, and proves tokens to them;
//! holds Railway's key and the support's webhook.

mod close;
mod gateway;
mod heal_token;
mod heartbeat;
mod open;
mod rotate;
mod show;

use axum::Router;
use axum::extract::FromRef;
use common::alerts::{Alerts, Webhook, WebhookUrl};
use common::clock::SharedClock;
use common::config::{AGENT_ORIGIN, Environment, Reader, SUPPORT_WEBHOOK_URL, TICKETS_TABLE};
use common::control::Controls;
use common::http::{
    Authenticator, ControlFunction, ControlFunctionSettings, ControlsSwitch, LifecycleErrorBody,
};
use common::model::{AgentOrigin, Instance};
use common::platform::Platform;
use common::process::StartError;
use common::store::{AgentPages, Instances};
use utoipa::OpenApi;

/// The state that the endpoints share.
#[derive(Clone, FromRef)]
pub struct State {
    /// Whether controls do anything.
    switch: ControlsSwitch,
    clock: SharedClock,
    authenticator: Authenticator,
    controls: Controls,
    alerts: Alerts,
    /// None where agents' pages have no origins.
    pages: Option<Pages>,
}

/// The pages of agents, and their origins.
#[derive(Clone)]
struct Pages {
    origin: AgentOrigin,
    pages: AgentPages,
}

impl FromRef<State> for Instances {
    fn from_ref(state: &State) -> Self {
        state.controls.instances.clone()
    }
}

/// What only `Refusal` names: responses that are derived bring no schemas.
#[derive(OpenApi)]
#[openapi(components(schemas(LifecycleErrorBody)))]
struct Schemas;

common::endpoints!(State, Schemas: show, heal_token, rotate, open, close, heartbeat);

/// Settles a pending rotation, before the token is returned. If its outcome
/// cannot be found out, the old token stays.
async fn settle_rotation(controls: &Controls, instance: &Instance) {
    if let Err(error) = controls.settle_rotation(instance).await {
        tracing::warn!(%error, instance = %instance.id, "a rotation is not settled");
    }
}

/// The routes.
pub fn router(state: State) -> Router {
    routes().with_state(state)
}

/// The routes as the environment configures them.
///
/// # Errors
/// When a variable is missing or malformed.
pub fn from_environment(
    environment: &dyn Environment,
    platform: &Platform,
) -> Result<Router, StartError> {
    let mut reader = Reader::new(environment);
    let (Some(settings), Some(webhook), Some(origin)) = (
        ControlFunctionSettings::read(&mut reader),
        reader.optional::<WebhookUrl>(SUPPORT_WEBHOOK_URL),
        reader.optional::<AgentOrigin>(AGENT_ORIGIN),
    ) else {
        return Err(reader.into_error().into());
    };
    let pages = match origin {
        None => None,
        Some(origin) => {
            let Some(table) = reader.required(TICKETS_TABLE) else {
                return Err(reader.into_error().into());
            };
            let pages = AgentPages::new(platform.dynamodb(), table);
            Some(Pages { origin, pages })
        }
    };
    let ControlFunction {
        switch,
        clock,
        authenticator,
        controls,
    } = settings.build(platform)?;
    let webhook = webhook
        .map(|url| Webhook::new(url, clock.clone()))
        .transpose()?;
    Ok(router(State {
        switch,
        clock,
        authenticator,
        controls,
        alerts: Alerts::new(webhook, platform.background.clone()),
        pages,
    }))
}
