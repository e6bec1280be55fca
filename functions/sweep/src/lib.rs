//! The sweep: asks every agent how it is, once a minute, and keeps what it sees.
//!
//! Privilege: reads and writes the states of instances and their history, lists
//! Railway's services, asks agents, alerts people, and sends to its own queue.
//! With self-healing also what a restart and a repair need: operations, gateway
//! tokens, agents' variables.
//!
//! It is no HTTP function. EventBridge's schedule invokes it, and a queue by
//! which a sweep of many instances shares its work out in segments.

mod emf;
mod event;
mod finding;
mod latency_buffer;
mod notifier;
mod remediation_case;
mod remediator;
mod run;
mod services;
mod settings;
mod summary;
mod visit;

use std::sync::Arc;
use std::time::Duration;

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
use common::queue::{Queue, QueueError};
use common::railway::{Railway, RailwaySettings};
use common::store::{
    AgentStates, Begun, Connection, History, Incidents, Instances, MaintenanceWindows, Segment,
    StoreError, SweepRuns,
};
use event::{Event, SegmentMessage};
use jiff::Timestamp;
use latency_buffer::LatencyBuffer;
use notifier::{SentKeys, TELLING};
use remediation_case::HEALING;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

pub use event::BadEvent;
pub use services::ListingState;
pub use settings::{PositiveInt, Settings};
pub use summary::{Report, Summary};

/// The sweep, made once per process.
pub struct Sweep {
    /// The time.
    pub clock: SharedClock,
    /// The states of agents.
    pub agent_states: AgentStates,
    /// What becomes of agents over time.
    pub history: History,
    /// What sweeps know of each other.
    pub sweeps: SweepRuns,
    /// The failure of a large part of the fleet.
    pub incidents: Incidents,
    /// When nobody is to be alerted.
    pub windows: MaintenanceWindows,
    /// Who is told of agents; nobody, and it is only logged.
    pub webhooks: Webhooks,
    /// Asks agents.
    pub prober: Prober,
    /// Lists services.
    pub railway: Railway,
    /// Where segments go; none, and every sweep is made in one process.
    pub queue: Option<Queue>,
    /// Where the figures of each sweep go beside the log; none, and nowhere.
    pub metrics: Option<fn(&Summary)>,
    /// What agents are healed with; none, and nothing is done to them.
    pub controls: Option<Controls>,
    /// How it is made.
    pub settings: Settings,
    /// The threads that share a sweep; none, and it is all made where it is begun.
    pub runtimes: Vec<Handle>,
    samples: LatencyBuffer,
    told: SentKeys,
}

/// Why an event failed, so that it is delivered again.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The event is none of a sweep.
    #[error(transparent)]
    Event(#[from] BadEvent),
    /// The instances could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Segments could not be handed out.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The invocation ends too soon for anything.
    #[error("no time is left to ask agents: an invocation has to last for more than {0:?}")]
    NoTime(Duration),
}

/// What became of a scheduled sweep.
#[derive(Debug)]
pub enum Outcome {
    /// It was made here.
    Made(Report),
    /// It was handed out in so many segments.
    HandedOut(u32),
    /// A newer one has begun.
    Outdated(Timestamp),
}

impl Sweep {
    /// A sweep over these tables. `connection` should be a
    /// [persistent](Connection::persistent) one.
    pub fn new(
        connection: &Connection,
        tables: SweepTables,
        clock: SharedClock,
        prober: Prober,
        railway: Railway,
        settings: Settings,
    ) -> Self {
        let instances = Instances::new(connection.clone(), tables.instances);
        let history = History::new(connection.clone(), tables.history);
        Self {
            clock,
            agent_states: AgentStates::new(instances, history.clone()),
            sweeps: SweepRuns::new(history.clone()),
            incidents: Incidents::new(history.clone()),
            windows: MaintenanceWindows::new(history.clone()),
            webhooks: Webhooks::default(),
            history,
            prober,
            railway,
            queue: None,
            metrics: None,
            controls: None,
            settings,
            runtimes: Vec::new(),
            samples: LatencyBuffer::new(),
            told: SentKeys::default(),
        }
    }

    /// Handles an event of EventBridge or of SQS, in what time there is, and
    /// tells what Lambda is to be answered.
    ///
    /// # Errors
    /// When the event is none of a sweep, there is no time for one, or a
    /// scheduled sweep failed as a whole. Segments that failed are in the answer.
    pub async fn handle(
        self: &Arc<Self>,
        event: Value,
        remaining: Duration,
    ) -> Result<Value, SweepError> {
        let limit = remaining.saturating_sub(self.aftermath());
        if limit.is_zero() {
            return Err(SweepError::NoTime(RESERVE + self.aftermath()));
        }
        let deadline = Instant::now() + limit.min(self.settings.time_limit);
        match Event::try_from(event)? {
            Event::Schedule(time) => Ok(match self.scheduled(time, deadline).await? {
                Outcome::Made(report) => json!(report.summary),
                Outcome::HandedOut(segments) => json!({"segments": segments}),
                Outcome::Outdated(newest) => json!({"outdatedBy": newest}),
            }),
            Event::Queue(messages) => {
                let mut failures = Vec::new();
                for message in messages {
                    let made = match message.segment {
                        Ok(segment) => self.segment(&segment, deadline).await,
                        Err(error) => Err(error.into()),
                    };
                    if let Err(error) = made {
                        tracing::error!(%error, id = message.id, "a segment failed");
                        failures.push(json!({"itemIdentifier": message.id}));
                    }
                }
                Ok(json!({"batchItemFailures": failures}))
            }
        }
    }

    /// What is left of an invocation that ends at a time, with a reserve to end
    /// well in. One that should have ended before it began lasts as long as the
    /// settings allow: `cargo lambda watch` tells every invocation that it ends
    /// in 1970.
    pub fn remaining(&self, until: Timestamp) -> Duration {
        match Duration::try_from(until.duration_since(self.clock.now())) {
            Ok(left) => left.saturating_sub(RESERVE),
            Err(_) => self.settings.time_limit + self.aftermath(),
        }
    }

    /// How long people are told, and agents healed, behind a sweep.
    fn aftermath(&self) -> Duration {
        TELLING + self.controls.as_ref().map_or(Duration::ZERO, |_| HEALING)
    }

    /// Makes the sweep of a time, which is cut to the interval: whole, or in
    /// segments if there is a queue and much to do.
    ///
    /// # Errors
    /// When the instances cannot be read, or segments cannot be handed out.
    pub async fn scheduled(
        self: &Arc<Self>,
        time: Timestamp,
        deadline: Instant,
    ) -> Result<Outcome, SweepError> {
        let sweep = self.settings.slot(time);
        let segments = match self.sweeps.begin(sweep).await {
            Ok(Begun::Newest(segments)) => segments.unwrap_or(1),
            Ok(Begun::Outdated(newest)) => {
                tracing::warn!(%sweep, %newest, "a newer sweep has begun: this one is left out");
                return Ok(Outcome::Outdated(newest));
            }
            // Older sweeps are also told by the states that newer ones wrote.
            Err(error) => {
                tracing::error!(%error, "cannot tell whether a sweep is the newest");
                1
            }
        };
        let services = self.list(sweep).await;
        match &self.queue {
            Some(queue) if segments > 1 => {
                let messages: Vec<String> = (0..segments)
                    .map(|number| SegmentMessage::new(sweep, number, segments).to_string())
                    .collect();
                queue.send(&messages).await?;
                tracing::info!(%sweep, segments, "the sweep was handed out");
                Ok(Outcome::HandedOut(segments))
            }
            _ => {
                let report = self.round(sweep, Segment::ALL, services, deadline).await?;
                Ok(Outcome::Made(report))
            }
        }
    }

    /// Makes a segment that was handed out; none where it comes too late.
    async fn segment(
        self: &Arc<Self>,
        message: &SegmentMessage,
        deadline: Instant,
    ) -> Result<Option<Report>, SweepError> {
        let SegmentMessage { sweep, segment, of } = *message;
        let newest = self.sweeps.newest().await?.unwrap_or(sweep);
        let behind = newest.max(self.clock.now()).duration_since(sweep);
        if behind > self.settings.outdated {
            tracing::warn!(%sweep, segment, ?behind, "a segment came too late: it is left out");
            return Ok(None);
        }
        let services = self.last_listing(sweep).await;
        let part = Segment {
            number: segment,
            of,
        };
        let report = self.round(sweep, part, services, deadline).await?;
        Ok(Some(report))
    }

    /// Into how many segments the next sweep is to be divided, by what this one met: a
    /// segment is a sample of all instances. One that met only some of its own divides
    /// no less than before. None where that stays as it is.
    fn next_segments(&self, summary: &Summary, whole: bool) -> Option<u32> {
        self.queue.as_ref()?;
        let instances = u64::from(summary.instances) * u64::from(summary.segments);
        let segments = instances.div_ceil(u64::from(self.settings.segment_above));
        let least = if whole { 1 } else { summary.segments };
        let segments = u32::try_from(segments)
            .unwrap_or(u32::MAX)
            .max(least)
            .min(MAX_SEGMENTS);
        (segments != summary.segments).then_some(segments)
    }

    /// Has the next sweep divided, within the time that there is for telling people.
    async fn divide_next(&self, sweep: Timestamp, segments: Option<u32>) {
        let Some(segments) = segments else {
            return;
        };
        match timeout(TELLING, self.sweeps.divide(sweep, segments)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, segments, "the next sweep is not divided as it should be");
            }
            Err(_) => tracing::error!(segments, "no time was left to divide the next sweep"),
        }
    }
}

/// What an invocation has to have left when it ends.
const RESERVE: Duration = Duration::from_secs(2);

/// The most segments of a sweep: each one is an invocation of its own.
const MAX_SEGMENTS: u32 = 1000;

/// The tables of a sweep.
#[derive(Clone, Debug)]
pub struct SweepTables {
    /// Of instance records.
    pub instances: String,
    /// Of what sweeps saw.
    pub history: String,
}

/// The sweep as the environment configures it.
///
/// # Errors
/// When a variable is missing or malformed.
pub fn from_environment(
    environment: &dyn Environment,
    platform: &Platform,
) -> Result<Sweep, StartError> {
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
    // Who does not heal needs none of its variables.
    let controls = match settings.may_heal(switch) {
        true => match ControlSettings::read(&mut reader) {
            Some(controls) => Some(controls),
            None => return Err(reader.into_error().into()),
        },
        false => None,
    };
    let clock = platform.clock.clone();
    let connection = platform.dynamodb().persistent();
    let tables = SweepTables { instances, history };
    let prober = platform.prober(hosts.unwrap_or_default())?;
    let railway = platform.railway(railway)?;
    let controls = controls.map(|controls| controls.build(&connection, platform));
    Ok(Sweep {
        queue: queue.map(|url| platform.queue(url)),
        controls: controls.transpose()?,
        metrics: platform
            .embedded_metrics
            .then_some(emf::to_stdout as fn(&Summary)),
        webhooks: Webhooks::new(urls.unwrap_or_default(), &clock)?,
        ..Sweep::new(&connection, tables, clock, prober, railway, settings)
    })
}
