//! One sweep over a segment: pages are read, agents asked and states written at
//! the same time, and nothing is kept of an agent that is done with.
//!
//! Each thread has a share of it: it takes agents, one by one, from those that are
//! left, and does all for them, so that none waits for another thread to wake.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::vec;

use common::store::{AgentStates, BATCH, Cursor, Segment, StoreError, Watched};
use common::watch::{AgentState, Announcement, Condition, FleetCount, Histogram};
use futures_util::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Handle;
use tokio::sync;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use super::notifier::{Findings, OverdueAlert};
use super::remediation_case::RemediationCase;
use super::services::Services;
use super::{Report, Summary, Sweep};

/// How many instances are read at once.
const PAGE: i32 = 250;

/// How long before its end a sweep begins no probe: longer than one takes.
const LAST_PROBE: Duration = Duration::from_secs(7);

/// How many requests write figures at once behind a sweep.
const WRITES: usize = 8;

/// A sweep over a segment, while it is made.
pub(crate) struct Round {
    pub(crate) sweep: Arc<Sweep>,
    pub(crate) time: Timestamp,
    pub(crate) services: Services,
    left: sync::Mutex<Left>,
    /// Afterwards nobody is asked any more.
    last_probe: Instant,
    /// Agents that are down since then count as a part of the fleet that fails.
    fallen_since: Timestamp,
    tally: Mutex<Tally>,
}

/// What is counted.
pub(crate) struct Tally {
    pub(crate) summary: Summary,
    pub(crate) latency: Histogram,
    pub(crate) transitions: Vec<Announcement>,
    /// Those of them that people are to be told.
    pub(crate) news: Vec<Announcement>,
    pub(crate) debts: Vec<OverdueAlert>,
    /// Agents about which something is to be done.
    pub(crate) cases: Vec<RemediationCase>,
    fleet: FleetCount,
    /// Why the instances could not all be read.
    broken: Option<StoreError>,
}

/// What is met on the way through the table.
enum Met {
    Agent(Result<Box<Watched>, StoreError>),
    /// The rest cannot be read.
    Nothing(StoreError),
}

/// The instances of a segment that nobody has met yet.
struct Left {
    segment: Segment,
    page: vec::IntoIter<Result<Watched, StoreError>>,
    place: Place,
}

/// How far the table is read.
enum Place {
    Begin,
    After(Cursor),
    End,
}

impl Sweep {
    /// Sweeps a segment, tells what it found, and heals who is to be healed. It ends
    /// some seconds after the deadline at the latest, whereupon nobody is asked any
    /// more: agents that it had no time for are counted.
    pub(crate) async fn round(
        self: &Arc<Self>,
        time: Timestamp,
        segment: Segment,
        services: Services,
        deadline: Instant,
    ) -> Result<Report, StoreError> {
        let begun = Instant::now();
        let time_left = deadline.saturating_duration_since(begun);
        let tally = Tally::new(Summary::new(
            time,
            segment.number,
            segment.of,
            services.state,
        ));
        let incident = self.last_incident().await;
        let going_on = incident.as_ref().map(|record| &record.incident);
        let going_on = going_on.filter(|incident| incident.is_open());
        let round = Arc::new(Round {
            sweep: self.clone(),
            time,
            services,
            left: sync::Mutex::new(Left {
                segment,
                page: Vec::new().into_iter(),
                place: Place::Begin,
            }),
            last_probe: begun + time_left.saturating_sub(LAST_PROBE).max(time_left / 2),
            fallen_since: going_on.map_or_else(|| self.fallen_since(time), |it| it.since),
            tally: Mutex::new(tally),
        });
        let shares = round.shares().join_all();
        let cut_off = timeout_at(deadline, shares).await.is_err();
        if !cut_off && timeout_at(deadline, round.write_figures()).await.is_err() {
            tracing::warn!("no time was left to write all figures");
        }
        let tally = round.take_tally();
        let mut summary = tally.summary;
        summary.duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        summary.latency(&tally.latency);
        let count = FleetCount {
            whole: !cut_off && tally.broken.is_none() && summary.not_reached == 0,
            ..tally.fleet
        };
        let segments = self.next_segments(&summary, count.whole);
        let findings = Findings {
            news: tally.news,
            debts: tally.debts,
            count,
        };
        tokio::join!(
            self.divide_next(time, segments),
            self.tell(findings, incident, &mut summary),
        );
        self.heal(tally.cases, &count, &mut summary).await;
        summary.log();
        if let Some(publish) = self.metrics {
            publish(&summary);
        }
        if cut_off {
            tracing::warn!("the sweep was cut off: there may be instances that it never met");
        }
        match tally.broken {
            Some(error) => Err(error),
            None => Ok(Report {
                summary,
                transitions: tally.transitions,
            }),
        }
    }

    /// Who is down since then may have been found down by this sweep or the one
    /// before: what fails in the middle of a sweep is noticed by two of them.
    fn fallen_since(&self, time: Timestamp) -> Timestamp {
        let failures = i32::try_from(self.settings.policy.failures).unwrap_or(i32::MAX);
        let noticing: SignedDuration = self.settings.interval.saturating_mul(failures);
        time.saturating_sub(noticing).unwrap_or(Timestamp::MIN)
    }
}

impl Left {
    /// The next one, or why there is none; none at the end.
    async fn next(&mut self, agent_states: &AgentStates) -> Option<Met> {
        loop {
            if let Some(watched) = self.page.next() {
                return Some(Met::Agent(watched.map(Box::new)));
            }
            let after = match mem::replace(&mut self.place, Place::End) {
                Place::Begin => None,
                Place::After(cursor) => Some(cursor),
                Place::End => return None,
            };
            match agent_states.page(self.segment, PAGE, after).await {
                Ok(page) => {
                    self.page = page.instances.into_iter();
                    self.place = page.next.map_or(Place::End, Place::After);
                }
                Err(error) => return Some(Met::Nothing(error)),
            }
        }
    }
}

impl Tally {
    fn new(summary: Summary) -> Self {
        Self {
            summary,
            latency: Histogram::default(),
            transitions: Vec::new(),
            news: Vec::new(),
            debts: Vec::new(),
            cases: Vec::new(),
            fleet: FleetCount::default(),
            broken: None,
        }
    }
}

impl Round {
    /// Sets off a share for each thread, or one where the caller is. They end with
    /// what is returned.
    fn shares(self: &Arc<Self>) -> JoinSet<()> {
        let here = [Handle::current()];
        let runtimes = match self.sweep.runtimes.as_slice() {
            [] => &here,
            runtimes => runtimes,
        };
        let concurrency = self.sweep.settings.concurrency;
        let at_once = (concurrency / runtimes.len()).max(1);
        let mut shares = JoinSet::new();
        for runtime in runtimes.iter().take(concurrency) {
            let share = self.clone().share(at_once);
            shares.spawn_on(share.in_current_span(), runtime);
        }
        shares
    }

    /// Meets one instance after the other, so many at once, until none is left.
    async fn share(self: Arc<Self>, at_once: usize) {
        stream::unfold((), async |()| {
            let mut left = self.left.lock().await;
            Some((left.next(&self.sweep.agent_states).await?, ()))
        })
        .for_each_concurrent(at_once, |met| self.meet(met))
        .await;
    }

    async fn meet(&self, met: Met) {
        match met {
            Met::Nothing(error) => {
                tracing::error!(%error, "the instances cannot be read");
                let mut tally = self.tally();
                tally.summary.store_errors += 1;
                tally.broken = Some(error);
            }
            Met::Agent(Err(error)) => {
                tracing::error!(%error, "an instance is left out");
                let mut tally = self.tally();
                tally.summary.instances += 1;
                tally.summary.unreadable += 1;
            }
            Met::Agent(Ok(watched)) => {
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
        let Sweep {
            samples,
            history,
            settings,
            ..
        } = &*self.sweep;
        let due = samples.due(self.time, &settings.policy);
        stream::iter(due.chunks(BATCH))
            .for_each_concurrent(WRITES, async |agents| {
                for parts in samples.parts(agents).chunks(BATCH) {
                    match history.put(parts).await {
                        Ok(left) => {
                            for part in parts.iter().filter(|part| !left.contains(part)) {
                                samples.written(part);
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

    /// Counts an agent by what is on record of it now.
    pub(crate) fn count(&self, state: &AgentState) {
        let mut tally = self.tally();
        tally.summary.conditions.count(state.condition);
        let fleet = &mut tally.fleet;
        match state.condition {
            Condition::Up | Condition::Starting => fleet.standing += 1,
            Condition::Down if state.since >= self.fallen_since => {
                fleet.fallen += 1;
                let first = fleet.since.map_or(state.since, |it| it.min(state.since));
                fleet.since = Some(first);
            }
            _ => {}
        }
    }

    /// What was counted. A share that was cut off may still be counting.
    fn take_tally(&self) -> Tally {
        let mut tally = self.tally();
        let summary = tally.summary.clone();
        mem::replace(&mut tally, Tally::new(summary))
    }

    /// Never held while something is waited for.
    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
