//! The maintenance page of an owner: how the agent is, and making it so.
//!
//! Privilege: reads sessions; reads instance records and writes what it learns
//! of their services and images; writes operations and gateway tokens; asks
//! agents; holds Railway's key.

mod act;
mod health;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use common::aws::Aws;
use common::clock::{SharedClock, SystemClock};
use common::config::{Environment, Reader};
use common::control::{ControlSettings, Controls};
use common::http::{Authenticator, ControlsSwitch, SessionSettings, StartError};
use common::store::Connection;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the endpoints work with.
#[derive(Clone, FromRef)]
pub struct State {
    /// Whether controls do anything.
    pub switch: ControlsSwitch,
    /// The time.
    pub clock: SharedClock,
    /// Who is asking.
    pub authenticator: Authenticator,
    /// Does things to agents.
    pub controls: Controls,
}

/// The routes with their OpenAPI descriptions.
pub fn routes() -> OpenApiRouter<State> {
    // One path, two methods: they are registered together.
    OpenApiRouter::default().routes(routes!(health::handler, act::handler))
}

/// The routes, ready to be served.
pub fn router(state: State) -> Router {
    routes().with_state(state).into()
}

/// The routes as the environment configures them.
///
/// # Errors
/// When a variable is missing or malformed.
pub async fn from_environment(
    environment: &dyn Environment,
    aws: &Aws,
) -> Result<Router, StartError> {
    let mut reader = Reader::new(environment);
    let (Some(switch), Some(sessions), Some(controls)) = (
        ControlsSwitch::read(&mut reader),
        SessionSettings::read(&mut reader),
        ControlSettings::read(&mut reader),
    ) else {
        return Err(reader.into_error().into());
    };
    let connection = Connection::open(aws).await;
    let clock: SharedClock = Arc::new(SystemClock);
    Ok(router(State {
        switch,
        controls: controls.open(&connection, clock.clone())?,
        authenticator: sessions.open(&connection)?,
        clock,
    }))
}
