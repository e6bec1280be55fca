//! A run over the agents of a segment, called by `coordinator.rs`; `visit.rs`
//! is the visit to one agent. Pages of instances are read, agents probed and
//! states written concurrently, and nothing is kept of an agent once it has
//! been visited.
//!
//! Each thread takes one agent after the other from those that are left and
//! does all the work for it, so no thread waits for another to wake up.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::vec;

use common::clock::SharedClock;
use common::probe::Prober;
use common::store::{AgentStates, BATCH, Cursor, History, Segment, StoreError, Watched};
use common::watch::Policy;
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use super::Summary;
use super::latency_buffer::LatencyBuffer;
use super::remediator::Remediator;
use super::services::Services;
use super::tally::Tally;

/// How many instances are read at once.
const PAGE: i32 = 250;

/// How long before its deadline a run starts no more probes: longer than one takes.
const LAST_PROBE: Duration = Duration::from_secs(7);

/// How many requests write figures at the same time at the end of a run.
const WRITES: usize = 8;

/// What all runs of a process share.
pub(crate) struct Runner {
    pub(crate) clock: SharedClock,
    pub(crate) agent_states: AgentStates,
    pub(crate) history: History,
    pub(crate) prober: Prober,
    pub(crate) latencies: LatencyBuffer,
    /// `None` if self-healing is off.
    pub(crate) remediator: Option<Arc<Remediator>>,
    pub(crate) policy: Policy,
    /// How many agents are probed at the same time.
    pub(crate) concurrency: usize,
    /// The threads that share a run; without any it stays on the caller's.
    pub(crate) runtimes: Vec<Handle>,
}

/// What a run covers.
pub(crate) struct Scope {
    pub(crate) scheduled_at: Timestamp,
    pub(crate) segment: Segment,
    pub(crate) services: Services,
    /// Agents that went down then or later count towards an incident of the fleet.
    pub(crate) down_since: Timestamp,
}

/// A run in progress.
pub(crate) struct Run {
    pub(crate) runner: Arc<Runner>,
    pub(crate) scheduled_at: Timestamp,
    pub(crate) services: Services,
    pub(crate) down_since: Timestamp,
    remaining: sync::Mutex<Remaining>,
    /// No probe is started after this.
    last_probe: Instant,
    tally: Mutex<Tally>,
}

/// The result of a run.
pub(crate) struct Finished {
    pub(crate) tally: Tally,
    /// Whether the deadline ended it.
    pub(crate) cut_off: bool,
}

/// The instances of a segment that have not been visited yet.
struct Remaining {
    segment: Segment,
    page: vec::IntoIter<Result<Watched, StoreError>>,
    position: Position,
}

/// How far the table has been read.
enum Position {
    Start,
    After(Cursor),
    End,
}

/// The next instance of the table.
enum Next {
    Agent(Result<Box<Watched>, StoreError>),
    /// The rest cannot be read.
    Failed(StoreError),
}

impl Runner {
    /// Visits every agent of a segment and writes the figures that are due.
    /// Agents for which the time before the deadline does not suffice are only
    /// counted.
    pub(crate) async fn visit_all(
        self: &Arc<Self>,
        scope: Scope,
        begun: Instant,
        deadline: Instant,
    ) -> Finished {
        let Scope {
            scheduled_at,
            segment,
            services,
            down_since,
        } = scope;
        let time = deadline.saturating_duration_since(begun);
        let summary = Summary::new(scheduled_at, segment.number, segment.of, services.state);
        let run = Arc::new(Run {
            runner: self.clone(),
            scheduled_at,
            services,
            down_since,
            remaining: sync::Mutex::new(Remaining {
                segment,
                page: Vec::new().into_iter(),
                position: Position::Start,
            }),
            last_probe: begun + time.saturating_sub(LAST_PROBE).max(time / 2),
            tally: Mutex::new(Tally::new(summary)),
        });
        let shares = run.shares().join_all();
        let cut_off = timeout_at(deadline, shares).await.is_err();
        if !cut_off && timeout_at(deadline, run.write_figures()).await.is_err() {
            tracing::warn!("no time was left to write all figures");
        }
        let mut tally = run.take_tally();
        let took = begun.elapsed().as_millis();
        tally.summary.duration_ms = u64::try_from(took).unwrap_or(u64::MAX);
        tally.summary.latency(&tally.latency);
        tally.fleet.complete = !cut_off && tally.broken.is_none() && tally.summary.not_reached == 0;
        Finished { tally, cut_off }
    }
}

impl Remaining {
    /// The next instance, or why the rest cannot be read; `None` at the end.
    async fn next(&mut self, agent_states: &AgentStates) -> Option<Next> {
        loop {
            if let Some(watched) = self.page.next() {
                return Some(Next::Agent(watched.map(Box::new)));
            }
            let after = match mem::replace(&mut self.position, Position::End) {
                Position::Start => None,
                Position::After(cursor) => Some(cursor),
                Position::End => return None,
            };
            match agent_states.page(self.segment, PAGE, after).await {
                Ok(page) => {
                    self.page = page.instances.into_iter();
                    self.position = page.next.map_or(Position::End, Position::After);
                }
                Err(error) => return Some(Next::Failed(error)),
            }
        }
    }
}

impl Run {
    /// Starts a share on each thread, or one on the caller's. Dropping what is
    /// returned ends them.
    fn shares(self: &Arc<Self>) -> JoinSet<()> {
        let here = [Handle::current()];
        let runtimes = match self.runner.runtimes.as_slice() {
            [] => &here,
            runtimes => runtimes,
        };
        let concurrency = self.runner.concurrency;
        let at_once = (concurrency / runtimes.len()).max(1);
        let mut shares = JoinSet::new();
        for runtime in runtimes.iter().take(concurrency) {
            let share = self.clone().share(at_once);
            shares.spawn_on(share.in_current_span(), runtime);
        }
        shares
    }

    /// Takes instances until none is left, `at_once` at the same time.
    async fn share(self: Arc<Self>, at_once: usize) {
        stream::unfold((), async |()| {
            let mut remaining = self.remaining.lock().await;
            Some((remaining.next(&self.runner.agent_states).await?, ()))
        })
        .for_each_concurrent(at_once, |next| self.take(next))
        .await;
    }

    async fn take(&self, next: Next) {
        match next {
            Next::Failed(error) => {
                tracing::error!(%error, "the instances cannot be read");
                let mut tally = self.tally();
                tally.summary.store_errors += 1;
                tally.broken = Some(error);
            }
            Next::Agent(Err(error)) => {
                tracing::error!(%error, "an instance is left out");
                let mut tally = self.tally();
                tally.summary.instances += 1;
                tally.summary.unreadable += 1;
            }
            Next::Agent(Ok(watched)) => {
                self.tally().summary.instances += 1;
                if Instant::now() < self.last_probe {
                    self.visit(*watched).await;
                } else {
                    self.tally().summary.not_reached += 1;
                }
            }
        }
    }

    /// Writes the figures that are due. Those that cannot be written stay due.
    async fn write_figures(&self) {
        let Runner {
            latencies,
            history,
            policy,
            ..
        } = &*self.runner;
        let due = latencies.due(self.scheduled_at, policy);
        stream::iter(due.chunks(BATCH))
            .for_each_concurrent(WRITES, async |agents| {
                for parts in latencies.parts(agents).chunks(BATCH) {
                    match history.put(parts).await {
                        Ok(left) => {
                            for part in parts.iter().filter(|part| !left.contains(part)) {
                                latencies.written(part);
                                self.tally().summary.figures += 1;
                            }
                        }
                        Err(error) => {
                            tracing::warn!(%error, "figures are not written yet");
                            self.tally().summary.store_errors += 1;
                        }
                    }
                }
            })
            .await;
    }

    /// Takes the tally. A share that was cut off may still be counting.
    fn take_tally(&self) -> Tally {
        let mut tally = self.tally();
        let summary = tally.summary.clone();
        mem::replace(&mut tally, Tally::new(summary))
    }

    /// Never held across an await.
    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
