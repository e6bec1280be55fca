//! The endpoints for the platform's own services: all instances, registration,
//! metrics, maintenance windows.
//!
//! Privilege: the internal key; reads and writes instance records and
//! maintenance windows; reads the records of sweeps; holds Railway's key, for
//! reading only.

mod cursor;
mod figures;
mod list;
mod maintenance_window_view;
mod maintenance_windows;
mod metrics;
mod register;
mod remove_maintenance_window;
mod set_maintenance_window;
mod stats;

pub use register::registration;

use axum::Router;
use axum::extract::FromRef;
use common::clock::SharedClock;
use common::config::{
    AGENT_HOSTS, Environment, HISTORY_TABLE, INSTANCES_TABLE, INTERNAL_API_KEY, Reader,
};
use common::http::InternalKey;
use common::net::AllowedHosts;
use common::platform::Platform;
use common::process::StartError;
use common::railway::{Overview, RailwaySettings};
use common::store::{AgentStates, History, Incidents, Instances, MaintenanceWindows, SweepRuns};

/// The state that the endpoints share.
#[derive(Clone, FromRef)]
pub struct State {
    clock: SharedClock,
    internal_key: InternalKey,
    instances: Instances,
    agent_states: AgentStates,
    sweep_runs: SweepRuns,
    incidents: Incidents,
    maintenance_windows: MaintenanceWindows,
    hosts: AllowedHosts,
    overview: Overview,
}

common::endpoints!(State: list, register, stats, metrics, maintenance_windows, set_maintenance_window, remove_maintenance_window);

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
    let (Some(internal_key), Some(table), Some(history), Some(hosts), Some(railway)) = (
        reader.required::<InternalKey>(INTERNAL_API_KEY),
        reader.required::<String>(INSTANCES_TABLE),
        reader.required::<String>(HISTORY_TABLE),
        reader.optional::<AllowedHosts>(AGENT_HOSTS),
        RailwaySettings::read(&mut reader),
    ) else {
        return Err(reader.into_error().into());
    };
    let connection = platform.dynamodb();
    let instances = Instances::new(connection.clone(), table);
    let history = History::new(connection, history);
    let clock = platform.clock.clone();
    Ok(router(State {
        overview: Overview::new(platform.railway(railway)?, clock.clone()),
        clock,
        internal_key,
        agent_states: AgentStates::new(instances.clone(), history.clone()),
        instances,
        sweep_runs: SweepRuns::new(history.clone()),
        incidents: Incidents::new(history.clone()),
        maintenance_windows: MaintenanceWindows::new(history),
        hosts: hosts.unwrap_or_default(),
    }))
}
