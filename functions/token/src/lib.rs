//! Gateway tokens: endpoints that return, heal and rotate them, and the
//! check-ins of agents, which present their own.
//!
//! Privilege: reads sessions; writes gateway tokens and operations; reads
//! instance records and updates them; probes agents, and proves tokens to them;
//! holds Railway's key and the support's webhook.

mod gateway;
mod heal_token;
mod heartbeat;
mod rotate;
mod show;

use axum::Router;
use axum::extract::FromRef;
use common::alerts::{Alerts, Webhook, WebhookUrl};
use common::clock::SharedClock;
use common::config::{Environment, Reader, SUPPORT_WEBHOOK_URL};
use common::control::Controls;
use common::http::{
    Authenticator, ControlFunction, ControlFunctionSettings, ControlsSwitch, LifecycleErrorBody,
};
use common::model::Instance;
use common::platform::Platform;
use common::process::StartError;
use common::store::Instances;
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

common::endpoints!(State, Schemas: show, heal_token, rotate, heartbeat);

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
    let (Some(settings), Some(webhook)) = (
        ControlFunctionSettings::read(&mut reader),
        reader.optional::<WebhookUrl>(SUPPORT_WEBHOOK_URL),
    ) else {
        return Err(reader.into_error().into());
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
    }))
}
