//! The sweep: once a minute it probes every agent and records its condition.
//!
//! Privilege: reads and writes the states of instances and their history, lists
//! Railway's services, probes agents, alerts people, and sends to its own queue.
//! With self-healing also what a restart and a repair need: operations, gateway
//! tokens, agents' variables.
//!
//! It serves no HTTP. EventBridge invokes it on a schedule, and SQS with the
//! segments into which a run over many instances is divided. A run goes from
//! `main.rs` through [`Coordinator`] (`coordinator.rs`) and `run.rs`, which
//! pages through the instances, to `visit.rs`, which takes one agent through
//! the run.

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
    SWEEP_LISTING_INTERVAL, SWEEP_LISTING_MAX_AGE, SWEEP_OUTDATED, SWEEP_QUEUE_URL,
    SWEEP_SEGMENT_ABOVE,
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

/// What a coordinator is built from.
#[derive(Clone)]
pub struct Dependencies {
    pub clock: SharedClock,
    /// Should be a [persistent](Connection::persistent) one.
    pub connection: Connection,
    pub tables: SweepTables,
    pub prober: Prober,
    pub railway: Railway,
    /// Where segments are sent; without it one process makes each run.
    pub queue: Option<Queue>,
    /// Where alerts are sent; without any, they are only logged.
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

/// Reads what a coordinator is built from.
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
    // With the defaults of `Settings`.
    if queue.is_none() {
        let settings = [(SWEEP_SEGMENT_ABOVE, "5000"), (SWEEP_OUTDATED, "120")];
        reader.without_effect(&settings, "SWEEP_QUEUE_URL is not set");
    }
    if railway.key.is_none() {
        let settings = [
            (SWEEP_LISTING_INTERVAL, "60"),
            (SWEEP_LISTING_MAX_AGE, "600"),
        ];
        reader.without_effect(&settings, "RAILWAY_API_KEY is not set");
    }
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
