//! The owner's maintenance page: the agent's health, restart and factory reset.
//!
//! Privilege: reads sessions; reads instance records and updates their services
//! and images; writes operations and gateway tokens; asks agents; holds
//! Railway's key.

mod act;
mod health;

use axum::Router;
use common::config::{Environment, Reader};
use common::http::{ControlFunction, ControlFunctionSettings};
use common::platform::Platform;
use common::process::StartError;

/// The state that the endpoints share.
pub type State = ControlFunction;

common::endpoints!(State: health, act);

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
    let Some(settings) = ControlFunctionSettings::read(&mut reader) else {
        return Err(reader.into_error().into());
    };
    Ok(router(settings.build(platform)?))
}
