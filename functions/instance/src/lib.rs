//! The endpoints that show an instance to its owner: state, figures and
//! history.
//!
//! Privilege: reads sessions, instance records and history, and probes agents;
//! holds Railway's key, for reading only.

mod history;
mod resources;
mod show;
mod stats;

use axum::Router;
use axum::extract::FromRef;
use common::clock::SharedClock;
use common::config::{
    AGENT_HOSTS, Environment, HISTORY_TABLE, INSTANCES_TABLE, OPENCLAW_IMAGE, Reader,
};
use common::http::{Authenticator, SessionSettings};
use common::model::{ConfiguredImage, Image};
use common::platform::Platform;
use common::probe::Prober;
use common::process::StartError;
use common::railway::{Overview, RailwaySettings};
use common::store::{AgentStates, History, Instances};

/// The state that the endpoints share.
#[derive(Clone, FromRef)]
pub struct State {
    clock: SharedClock,
    authenticator: Authenticator,
    instances: Instances,
    agent_states: AgentStates,
    history: History,
    prober: Prober,
    overview: Overview,
    /// The image of new agents: its version stands in for an unknown one.
    default_image: Image,
}

common::endpoints!(State: show, stats, history);

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
    let (Some(sessions), Some(instances), Some(history), Some(hosts), Some(image), Some(railway)) = (
        SessionSettings::read(&mut reader),
        reader.required(INSTANCES_TABLE),
        reader.required(HISTORY_TABLE),
        reader.optional(AGENT_HOSTS),
        reader.optional::<ConfiguredImage>(OPENCLAW_IMAGE),
        RailwaySettings::read(&mut reader),
    ) else {
        return Err(reader.into_error().into());
    };
    let connection = platform.dynamodb();
    let instances = Instances::new(connection.clone(), instances);
    let history = History::new(connection.clone(), history);
    let clock = platform.clock.clone();
    Ok(router(State {
        overview: Overview::new(platform.railway(railway)?, clock.clone()),
        clock,
        authenticator: sessions.open(&connection)?,
        agent_states: AgentStates::new(instances.clone(), history.clone()),
        instances,
        history,
        prober: platform.prober(hosts.unwrap_or_default())?,
        default_image: image.unwrap_or_default().into_image(),
    }))
}
