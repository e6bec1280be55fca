//! Agents' stored setups, and their compatibility with OpenClaw.
//!
//! Privilege: the internal key; reads sessions and instance records; writes
//! agents' setups and gateway tokens. It reaches no agent and not Railway.

mod configure;
mod ensure;

use axum::Router;
use axum::extract::FromRef;
use common::clock::SharedClock;
use common::compat::AgentTrustedProxies;
use common::config::{
    AGENT_ORIGIN, AGENT_TRUSTED_PROXIES, CONFIGURATIONS_TABLE, Environment, INSTANCES_TABLE,
    INTERNAL_API_KEY, Reader, TOKENS_TABLE,
};
use common::http::{Authenticator, InternalKey, SessionSettings};
use common::model::AgentOrigin;
use common::platform::Platform;
use common::process::StartError;
use common::store::{Configurations, Instances, Tokens};

/// The state that the endpoints share.
#[derive(Clone, FromRef)]
pub struct State {
    clock: SharedClock,
    /// What the platform's services present.
    internal_key: InternalKey,
    authenticator: Authenticator,
    instances: Instances,
    configurations: Configurations,
    tokens: Tokens,
    /// The edge that agents are behind, as far as the platform names it.
    trusted_proxies: AgentTrustedProxies,
    /// Where the platform opens agents' pages, if it does.
    agent_origin: Option<AgentOrigin>,
}

common::endpoints!(State: ensure, configure);

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
    let (
        Some(internal_key),
        Some(sessions),
        Some(instances),
        Some(configurations),
        Some(tokens),
        Some(trusted_proxies),
        Some(agent_origin),
    ) = (
        reader.required::<InternalKey>(INTERNAL_API_KEY),
        SessionSettings::read(&mut reader),
        reader.required(INSTANCES_TABLE),
        reader.required(CONFIGURATIONS_TABLE),
        reader.required(TOKENS_TABLE),
        reader.optional::<AgentTrustedProxies>(AGENT_TRUSTED_PROXIES),
        reader.optional(AGENT_ORIGIN),
    )
    else {
        return Err(reader.into_error().into());
    };
    let connection = platform.dynamodb();
    Ok(router(State {
        clock: platform.clock.clone(),
        internal_key,
        authenticator: sessions.open(&connection)?,
        instances: Instances::new(connection.clone(), instances),
        configurations: Configurations::new(connection.clone(), configurations),
        tokens: Tokens::new(connection, tokens),
        trusted_proxies: trusted_proxies.unwrap_or_default(),
        agent_origin,
    }))
}
