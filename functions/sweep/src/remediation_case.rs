//! Doing something about agents that fail, behind a sweep: when it is known how
//! the whole fleet is.
//!
//! What is not done here, because an operation or a maintenance window is in the
//! way or the time is short, a later sweep does.

use std::time::Duration;

use common::model::{Instance, MaintenanceWindow};
use common::watch::{AgentState, Condition, Decision, FleetCount, Process, RemediationState};
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::notifier::PATIENCE;
use super::remediator::Outcome;
use super::run::Round;
use super::{Summary, Sweep};

/// How long healing takes at the most: as long as Railway has for one operation,
/// and a little more.
pub(crate) const HEALING: Duration = Duration::from_secs(15);

/// How many cases are treated at once.
const AT_ONCE: usize = 8;

/// An agent about which something is to be done.
pub(crate) struct RemediationCase {
    pub(crate) instance: Instance,
    pub(crate) condition: Condition,
    pub(crate) since: Timestamp,
    pub(crate) remediation: RemediationState,
    pub(crate) decision: Decision,
}

impl Round {
    /// Notes what a sweep saw of an agent's process, and whether something is to
    /// be done about it behind the round.
    pub(crate) async fn assess(
        &self,
        instance: Instance,
        mut remediation: RemediationState,
        process: &Process,
        state: &AgentState,
        may_act: bool,
    ) {
        let policy = self.sweep.settings.healing();
        if let Some(seen) = remediation.observe(process, &policy) {
            let Some(kept) = self.sweep.keep(&instance.id, &seen).await else {
                return;
            };
            remediation = kept;
        }
        let decision = remediation.decide(state, may_act, self.time, &policy);
        let owed = remediation.given_up.and_then(|end| end.pending);
        let is_due = owed.is_some_and(|by| self.time.duration_since(by) > PATIENCE);
        if decision != Decision::Nothing || is_due {
            self.tally().cases.push(RemediationCase {
                instance,
                condition: state.condition,
                since: state.since,
                remediation,
                decision,
            });
        }
    }
}

impl Sweep {
    /// Treats the cases of a round, who are down for longest first, for some
    /// seconds at the most.
    pub(crate) async fn heal(
        &self,
        mut cases: Vec<RemediationCase>,
        count: &FleetCount,
        summary: &mut Summary,
    ) {
        let Some(controls) = self.controls.as_ref().filter(|_| !cases.is_empty()) else {
            return;
        };
        let deadline = Instant::now() + HEALING;
        let all = cases.len();
        let mut treated = 0;
        if let Some(windows) = self.allowed(count).await {
            cases.sort_by_key(|case| case.since);
            let mut steps = self.settings.healing_steps;
            cases.retain(|case| match case.decision {
                Decision::Take(_) if steps == 0 => false,
                Decision::Take(_) => {
                    steps -= 1;
                    true
                }
                _ => true,
            });
            let sweep = summary.sweep;
            let mut outcomes = stream::iter(cases)
                .map(|case| self.remediate(controls, case, &windows, sweep))
                .buffer_unordered(AT_ONCE);
            while let Ok(Some(outcome)) = timeout_at(deadline, outcomes.next()).await {
                if !matches!(outcome, Outcome::Postponed) {
                    treated += 1;
                }
                outcome.count(summary);
            }
        }
        summary.healing_postponed = u32::try_from(all - treated).unwrap_or(u32::MAX);
    }

    /// The maintenance windows, unless nobody is to be healed now: while a large
    /// part of the fleet is down, and while nobody can tell.
    async fn allowed(&self, count: &FleetCount) -> Option<Vec<MaintenanceWindow>> {
        if count.is_incident(&self.settings.fleet) {
            return None;
        }
        let (last, windows) = tokio::join!(self.incidents.last(), self.windows.all());
        match (last, windows) {
            (Ok(last), Ok(windows)) => {
                let open = last.is_some_and(|record| record.incident.is_open());
                (!open).then_some(windows)
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(%error, "nobody is healed: the fleet cannot be judged");
                None
            }
        }
    }
}
