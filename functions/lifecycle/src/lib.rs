//! What an owner can have done to an instance, and what became of it.
//!
//! Privilege: reads sessions; reads instance records and writes what it learns
//! of their services and images; writes operations and gateway tokens; deletes
//! memories; holds Railway's key.

mod operations;
mod repair;
mod reset_memory;
mod restart;
mod start;
mod stop;
mod update;

use axum::Router;
use common::aws::Aws;
use common::config::{Environment, Reader};
use common::http::{ControlFunction, ControlFunctionSettings, LifecycleErrorBody};
use common::process::StartError;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the endpoints work with.
pub type State = ControlFunction;

/// What only `Refusal` names: responses that are derived bring no schemas.
#[derive(OpenApi)]
#[openapi(components(schemas(LifecycleErrorBody)))]
struct Schemas;

/// The routes with their OpenAPI descriptions.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::with_openapi(Schemas::openapi())
        .routes(routes!(start::handler))
        .routes(routes!(stop::handler))
        .routes(routes!(restart::handler))
        .routes(routes!(repair::handler))
        .routes(routes!(reset_memory::handler))
        .routes(routes!(update::handler))
        .routes(routes!(operations::list))
        .routes(routes!(operations::show))
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
    let Some(settings) = ControlFunctionSettings::read(&mut reader) else {
        return Err(reader.into_error().into());
    };
    Ok(router(settings.open(aws).await?))
}
