//! The controls of an owner over an instance, and their operations.
//!
//! Privilege: reads sessions; reads instance records and updates their services
//! and images; writes operations and gateway tokens; deletes memories; holds
//! Railway's key.

mod operations;
mod repair;
mod reset_memory;
mod restart;
mod start;
mod stop;
mod update;

use axum::Router;
use common::config::{Environment, Reader};
use common::http::{ControlFunction, ControlFunctionSettings, LifecycleErrorBody};
use common::platform::Platform;
use common::process::StartError;
use utoipa::OpenApi;

/// The state that the endpoints share.
pub type State = ControlFunction;

/// What only `Refusal` names: responses that are derived bring no schemas.
#[derive(OpenApi)]
#[openapi(components(schemas(LifecycleErrorBody)))]
struct Schemas;

common::endpoints!(State, Schemas: start, stop, restart, repair, reset_memory, update, operations::list, operations::show);

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
