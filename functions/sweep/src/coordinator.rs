//! The coordinator: `main.rs` gives it each event. It runs over all agents, or
//! hands out segments of the run, and takes each run through its steps:
//! `run.rs` visits the agents (`visit.rs`: one agent), `notifier.rs` sends
//! alerts, `remediator.rs` restarts and repairs, `summary.rs` and `emf.rs`
//! publish the figures.

use std::sync::Arc;
use std::time::Duration;

use common::clock::SharedClock;
use common::queue::{Queue, QueueError};
use common::store::{
    AgentStates, BeginOutcome, History, Incidents, Instances, MaintenanceWindows, Segment,
    StoreError, SweepRuns,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::alert_sender::AlertSender;
use super::emf;
use super::event::{BadEvent, Event, SegmentMessage};
use super::latency_buffer::LatencyBuffer;
use super::notifier::{NOTIFYING, News, Notifier};
use super::remediator::{REMEDIATING, Remediator};
use super::run::{Finished, Runner, Scope};
use super::services::{ServiceLister, Services};
use super::tally::Tally;
use super::{Dependencies, Report, Settings, Summary};

/// The time that an invocation must have left when it ends.
const RESERVE: Duration = Duration::from_secs(2);

/// The most segments of a run: each one is an invocation of its own.
const MAX_SEGMENTS: u32 = 1000;

/// Runs sweeps. Made once per process.
pub struct Coordinator {
    settings: Settings,
    clock: SharedClock,
    sweep_runs: SweepRuns,
    /// Where segments are sent; without it one process makes each run.
    queue: Option<Queue>,
    services: ServiceLister,
    runner: Arc<Runner>,
    notifier: Notifier,
    remediator: Option<Arc<Remediator>>,
    embedded_metrics: bool,
}

/// Why an event failed; it will be delivered again.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The event does not ask for a run.
    #[error(transparent)]
    Event(#[from] BadEvent),
    /// The instances could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Segments could not be handed out.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The invocation ends too soon for a run.
    #[error("no time is left to ask agents: an invocation has to last for more than {0:?}")]
    NoTime(Duration),
}

/// The outcome of a scheduled run.
#[derive(Debug)]
pub enum Outcome {
    /// This process made it.
    Made(Report),
    /// It was handed out in this many segments.
    HandedOut(u32),
    /// It was skipped: this newer one has begun.
    Outdated(Timestamp),
}

impl Coordinator {
    pub fn new(dependencies: Dependencies) -> Self {
        let Dependencies {
            clock,
            connection,
            tables,
            prober,
            railway,
            queue,
            webhooks,
            controls,
            embedded_metrics,
            runtimes,
            settings,
        } = dependencies;
        let instances = Instances::new(connection.clone(), tables.instances);
        let history = History::new(connection, tables.history);
        let agent_states = AgentStates::new(instances, history.clone());
        let sweep_runs = SweepRuns::new(history.clone());
        let incidents = Incidents::new(history.clone());
        let maintenance_windows = MaintenanceWindows::new(history.clone());
        let sender = Arc::new(AlertSender::new(webhooks, clock.clone()));
        let remediator = controls.map(|controls| {
            Arc::new(Remediator {
                clock: clock.clone(),
                agent_states: agent_states.clone(),
                incidents: incidents.clone(),
                maintenance_windows: maintenance_windows.clone(),
                controls,
                sender: sender.clone(),
                policy: settings.remediation_policy(),
                fleet: settings.fleet,
                steps: settings.self_healing_steps,
            })
        });
        Self {
            services: ServiceLister {
                railway,
                sweep_runs: sweep_runs.clone(),
                policy: settings.policy,
                interval: settings.listing_interval,
                max_age: settings.listing_max_age,
            },
            notifier: Notifier {
                clock: clock.clone(),
                agent_states: agent_states.clone(),
                incidents,
                maintenance_windows,
                sender,
                policy: settings.fleet,
            },
            runner: Arc::new(Runner {
                clock: clock.clone(),
                agent_states,
                history,
                prober,
                latencies: LatencyBuffer::new(),
                remediator: remediator.clone(),
                policy: settings.policy,
                concurrency: settings.concurrency,
                runtimes,
            }),
            settings,
            clock,
            sweep_runs,
            queue,
            remediator,
            embedded_metrics,
        }
    }

    /// Handles an event of EventBridge or of SQS within the remaining time, and
    /// returns the response for Lambda.
    ///
    /// # Errors
    /// When the event does not ask for a run, there is no time for one, or a
    /// scheduled run failed as a whole. Segments that failed are named in the
    /// response.
    pub async fn handle(&self, event: Value, remaining: Duration) -> Result<Value, SweepError> {
        let limit = remaining.saturating_sub(self.aftermath());
        if limit.is_zero() {
            return Err(SweepError::NoTime(RESERVE + self.aftermath()));
        }
        let deadline = Instant::now() + limit.min(self.settings.time_limit);
        match Event::try_from(event)? {
            Event::Schedule(time) => Ok(match self.run_scheduled(time, deadline).await? {
                Outcome::Made(report) => json!(report.summary),
                Outcome::HandedOut(segments) => json!({"segments": segments}),
                Outcome::Outdated(newest) => json!({"outdatedBy": newest}),
            }),
            Event::Queue(messages) => {
                let mut failures = Vec::new();
                for message in messages {
                    let made = match message.segment {
                        Ok(segment) => self.run_message(&segment, deadline).await,
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

    /// The time left of an invocation that ends at `until`, less a reserve for
    /// a clean end. If the deadline has already passed, it is what the settings
    /// allow: `cargo lambda watch` gives every invocation a deadline in 1970.
    pub fn remaining(&self, until: Timestamp) -> Duration {
        match Duration::try_from(until.duration_since(self.clock.now())) {
            Ok(left) => left.saturating_sub(RESERVE),
            Err(_) => self.settings.time_limit + self.aftermath(),
        }
    }

    /// How long alerting and remediation may take after a run.
    fn aftermath(&self) -> Duration {
        let remediating = self.remediator.as_ref().map(|_| REMEDIATING);
        NOTIFYING + remediating.unwrap_or_default()
    }

    /// Makes the run that is due now, for a process that schedules runs itself.
    ///
    /// # Errors
    /// As for [`Self::run_scheduled`].
    pub async fn run_now(&self) -> Result<Outcome, SweepError> {
        let deadline = Instant::now() + self.settings.time_limit;
        self.run_scheduled(self.clock.now(), deadline).await
    }

    /// Makes the run of a time, which is rounded down to the interval, in this
    /// process; or hands it out in segments if there is a queue and the last
    /// run met many instances.
    ///
    /// # Errors
    /// When the instances cannot be read, or segments cannot be handed out.
    pub async fn run_scheduled(
        &self,
        time: Timestamp,
        deadline: Instant,
    ) -> Result<Outcome, SweepError> {
        let scheduled_at = self.settings.slot(time);
        let segments = match self.sweep_runs.begin(scheduled_at).await {
            Ok(BeginOutcome::Newest(segments)) => segments.unwrap_or(1),
            Ok(BeginOutcome::Outdated(newest)) => {
                tracing::warn!(sweep = %scheduled_at, %newest, "a newer sweep has begun: this one is left out");
                return Ok(Outcome::Outdated(newest));
            }
            // The conditional writes of states refuse an older run as well.
            Err(error) => {
                tracing::error!(%error, "cannot tell whether a sweep is the newest");
                1
            }
        };
        let services = self.services.list(scheduled_at).await;
        match &self.queue {
            Some(queue) if segments > 1 => {
                let messages: Vec<String> = (0..segments)
                    .map(|number| SegmentMessage::new(scheduled_at, number, segments).to_string())
                    .collect();
                queue.send(&messages).await?;
                tracing::info!(sweep = %scheduled_at, segments, "the sweep was handed out");
                Ok(Outcome::HandedOut(segments))
            }
            _ => {
                let report = self.run_segment(scheduled_at, Segment::ALL, services, deadline);
                Ok(Outcome::Made(report.await?))
            }
        }
    }

    /// Makes a segment that was handed out, unless it is too old.
    async fn run_message(
        &self,
        message: &SegmentMessage,
        deadline: Instant,
    ) -> Result<Option<Report>, SweepError> {
        let SegmentMessage {
            scheduled_at,
            segment,
            of,
        } = *message;
        let newest = self.sweep_runs.newest().await?.unwrap_or(scheduled_at);
        let behind = newest.max(self.clock.now()).duration_since(scheduled_at);
        if behind > self.settings.outdated {
            tracing::warn!(sweep = %scheduled_at, segment, ?behind, "a segment came too late: it is left out");
            return Ok(None);
        }
        let services = self.services.last(scheduled_at).await;
        let part = Segment {
            number: segment,
            of,
        };
        let report = self
            .run_segment(scheduled_at, part, services, deadline)
            .await?;
        Ok(Some(report))
    }

    /// Takes a segment through all steps of a run: its agents are visited,
    /// alerts sent, agents remediated, and figures published. No agent is
    /// visited after the deadline; the other steps may take some seconds
    /// longer.
    async fn run_segment(
        &self,
        scheduled_at: Timestamp,
        segment: Segment,
        services: Services,
        deadline: Instant,
    ) -> Result<Report, StoreError> {
        let begun = Instant::now();
        let incident = self.notifier.last_incident().await;
        let open = incident.as_ref().map(|record| &record.incident);
        let open = open.filter(|incident| incident.is_open());
        let scope = Scope {
            scheduled_at,
            segment,
            services,
            down_since: open.map_or_else(|| self.down_since(scheduled_at), |it| it.since),
        };
        let Finished { tally, cut_off } = self.runner.visit_all(scope, begun, deadline).await;
        let Tally {
            mut summary,
            transitions,
            announcements,
            overdue,
            cases,
            fleet,
            broken,
            ..
        } = tally;
        let segments = self.next_segments(&summary, fleet.complete);
        let news = News {
            announcements,
            overdue,
            fleet,
        };
        tokio::join!(
            self.divide_next(scheduled_at, segments),
            self.notifier.notify(news, incident, &mut summary),
        );
        if let Some(remediator) = &self.remediator {
            remediator.remediate(cases, &fleet, &mut summary).await;
        }
        summary.log();
        if self.embedded_metrics {
            emf::to_stdout(&summary);
        }
        if cut_off {
            tracing::warn!("the sweep was cut off: there may be instances that it never met");
        }
        match broken {
            Some(error) => Err(error),
            None => Ok(Report {
                summary,
                transitions,
            }),
        }
    }

    /// Agents that went down since then may have been found down by this run or
    /// by the one before: a failure in the middle of a run is noticed by two
    /// runs.
    fn down_since(&self, scheduled_at: Timestamp) -> Timestamp {
        let failures = i32::try_from(self.settings.policy.failures).unwrap_or(i32::MAX);
        let noticing: SignedDuration = self.settings.interval.saturating_mul(failures);
        scheduled_at
            .saturating_sub(noticing)
            .unwrap_or(Timestamp::MIN)
    }

    /// Into how many segments to divide the next run, estimated from this one:
    /// a segment is a sample of all instances. A run that met only some of its
    /// instances never reduces the number. `None` if it stays as it is.
    fn next_segments(&self, summary: &Summary, complete: bool) -> Option<u32> {
        self.queue.as_ref()?;
        let instances = u64::from(summary.instances) * u64::from(summary.segments);
        let segments = instances.div_ceil(u64::from(self.settings.segment_above));
        let least = if complete { 1 } else { summary.segments };
        let segments = u32::try_from(segments)
            .unwrap_or(u32::MAX)
            .max(least)
            .min(MAX_SEGMENTS);
        (segments != summary.segments).then_some(segments)
    }

    /// Records into how many segments to divide the next run, within the time
    /// that alerting has.
    async fn divide_next(&self, scheduled_at: Timestamp, segments: Option<u32>) {
        let Some(segments) = segments else {
            return;
        };
        match timeout(NOTIFYING, self.sweep_runs.divide(scheduled_at, segments)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, segments, "the next sweep is not divided as it should be");
            }
            Err(_) => tracing::error!(segments, "no time was left to divide the next sweep"),
        }
    }
}
