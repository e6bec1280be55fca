//! The sweep: once a minute it visits every agent and keeps what it sees.
//!
//! Privilege: reads and writes the states of instances and their history, lists
//! Railway's services, probes agents, alerts people, and sends to its own queue.
//! With self-healing also what a restart and a repair need: operations, gateway
//! tokens, agents' variables.
//!
//! It is no HTTP function. EventBridge's schedule invokes it, and a queue by which
//! a run over many instances is shared out in segments. [`Coordinator`] leads a run
//! from its event to its metrics; `visit.rs` is an agent's way through it.

mod alert_sender;
mod coordinator;
mod emf;
mod event;
mod latency_buffer;
mod notifier;
mod remediator;
mod run;
mod services;
mod settings;
mod summary;
mod tally;
mod visit;

use common::alerts::{WebhookUrls, Webhooks};
use common::clock::SharedClock;
use common::config::{
    AGENT_HOSTS, ALERT_WEBHOOK_URLS, Environment, HISTORY_TABLE, INSTANCES_TABLE, Reader,
    SWEEP_QUEUE_URL,
};
use common::control::{ControlSettings, Controls};
use common::http::ControlsSwitch;
use common::net::AllowedHosts;
use common::platform::Platform;
use common::probe::Prober;
use common::process::StartError;
use common::queue::Queue;
use common::railway::{Railway, RailwaySettings};
use common::store::Connection;
use tokio::runtime::Handle;

pub use coordinator::{Coordinator, Outcome, SweepError};
pub use event::BadEvent;
pub use services::ListingState;
pub use settings::{PositiveInt, Settings};
pub use summary::{Report, Summary};

/// What a coordinator is made of.
#[derive(Clone)]
pub struct Dependencies {
    pub clock: SharedClock,
    /// Should be a [persistent](Connection::persistent) one.
    pub connection: Connection,
    pub tables: SweepTables,
    pub prober: Prober,
    pub railway: Railway,
    /// Where segments are sent; without it every run is made in one process.
    pub queue: Option<Queue>,
    /// Who is alerted; without any, alerts are only logged.
    pub webhooks: Webhooks,
    /// What agents are restarted and repaired with; `None` if self-healing is off.
    pub controls: Option<Controls>,
    /// Whether the figures of each run are also written in CloudWatch's format.
    pub embedded_metrics: bool,
    /// The threads that share a run; without any it stays on the caller's.
    pub runtimes: Vec<Handle>,
    pub settings: Settings,
}

/// The tables of a sweep.
#[derive(Clone, Debug)]
pub struct SweepTables {
    pub instances: String,
    pub history: String,
}

/// What the environment says a coordinator is made of.
///
/// # Errors
/// When a variable is missing or malformed.
pub fn from_environment(
    environment: &dyn Environment,
    platform: &Platform,
) -> Result<Dependencies, StartError> {
    let mut reader = Reader::new(environment);
    let (
        Some(instances),
        Some(history),
        Some(hosts),
        Some(railway),
        Some(queue),
        Some(settings),
        Some(urls),
        Some(switch),
    ) = (
        reader.required(INSTANCES_TABLE),
        reader.required(HISTORY_TABLE),
        reader.optional::<AllowedHosts>(AGENT_HOSTS),
        RailwaySettings::read(&mut reader),
        reader.optional::<String>(SWEEP_QUEUE_URL),
        Settings::read(&mut reader),
        reader.optional::<WebhookUrls>(ALERT_WEBHOOK_URLS),
        ControlsSwitch::read(&mut reader),
    )
    else {
        return Err(reader.into_error().into());
    };
    // Without self-healing none of its variables are needed.
    let controls = match settings.self_healing_enabled(switch) {
        true => match ControlSettings::read(&mut reader) {
            Some(controls) => Some(controls),
            None => return Err(reader.into_error().into()),
        },
        false => None,
    };
    let connection = platform.dynamodb().persistent();
    let controls = controls.map(|controls| controls.build(&connection, platform));
    Ok(Dependencies {
        clock: platform.clock.clone(),
        connection,
        tables: SweepTables { instances, history },
        prober: platform.prober(hosts.unwrap_or_default())?,
        railway: platform.railway(railway)?,
        queue: queue.map(|url| platform.queue(url)),
        webhooks: Webhooks::new(urls.unwrap_or_default(), &platform.clock)?,
        controls: controls.transpose()?,
        embedded_metrics: platform.embedded_metrics,
        runtimes: Vec::new(),
        settings,
    })
}
