//! Self-healing's rules: an agent that stays down is restarted, then repaired,
//! and then given up.
//!
//! [`RemediationState`] is what is on record about that.
//! [`RemediationState::observe`] adds crashes to it, and
//! [`RemediationState::decide`] returns the next step.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::policy::DRAIN;
use super::{AgentState, Condition};

/// How many crashes within [`LOOP_WITHIN`] are a crash loop.
const LOOP: usize = 3;

const LOOP_WITHIN: SignedDuration = SignedDuration::from_secs(300);

/// How far two times of the same event may be apart: agents round their uptime,
/// and take a while to report it.
const SAME: SignedDuration = SignedDuration::from_secs(15);

/// How often a step is tried that Railway rejects.
const ATTEMPTS: usize = 2;

/// The thresholds of self-healing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemediationPolicy {
    /// How long an agent has to be failing before a step.
    pub after: SignedDuration,
    /// How long a step or an owner's operation has to take effect.
    pub pause: SignedDuration,
    /// For how long after a deployment or a step a new process is no crash.
    pub grace: SignedDuration,
    /// How long an agent has to be up, or not meant to run, until its crashes
    /// and steps are forgotten.
    pub stable: SignedDuration,
}

/// An action of self-healing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    Restart,
    /// Writes the agent's variables again and deploys it.
    Repair,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restart => "restart",
            Self::Repair => "repair",
        })
    }
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub step: Step,
    pub at: Timestamp,
    /// Why Railway rejected it.
    pub failure: Option<String>,
}

/// Why self-healing stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GiveUpReason {
    /// All steps were taken, and the agent is still down.
    Exhausted,
    /// Its process crashes repeatedly, so restarts do not help.
    CrashLoop,
}

/// Self-healing has stopped, until the agent is up by other means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenUp {
    pub reason: GiveUpReason,
    /// The sweep that gave up.
    pub at: Timestamp,
    /// The sweep that claimed the alert, while it is pending.
    pub pending: Option<Timestamp>,
}

/// What self-healing has on record about an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemediationState {
    /// How often the record was written; 0 if never.
    pub revision: u64,
    /// When the process that was seen last began, if it reports that.
    pub process: Option<Timestamp>,
    /// At most `LOOP` of them, oldest first.
    pub crashes: Vec<Timestamp>,
    /// Since when the agent had been down when the first step was taken.
    pub since: Option<Timestamp>,
    /// Oldest first.
    pub attempts: Vec<Attempt>,
    pub given_up: Option<GivenUp>,
}

/// What a sweep learns about an agent's process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// When it began, by the uptime that it reports.
    pub began: Option<Timestamp>,
    /// When it crashed, by Railway's account, unless it was started again.
    pub crashed: Option<Timestamp>,
    /// When its deployment was created, if known.
    pub deployed: Option<Timestamp>,
    /// Since when it was draining, if that is on record.
    pub drained: Option<Timestamp>,
}

/// What self-healing does about an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Nothing,
    /// Takes a step, unless something outside the agent forbids it.
    Take(Step),
    /// Takes no more steps, and sends an alert.
    GiveUp(GiveUpReason),
    /// Forgets crashes and steps: the agent has been up, or not meant to run,
    /// for long enough.
    Close,
}

impl RemediationState {
    /// The record with what a sweep learned about the process; `None` if that
    /// is nothing new.
    ///
    /// A crash is an end of the process that nobody ordered: Railway reports
    /// it, or the process is a different one from before. Whatever happens
    /// within the grace period after a deployment or a step was ordered, and so
    /// was the end of a drain.
    #[must_use]
    pub fn observe(&self, process: &Process, policy: &RemediationPolicy) -> Option<Self> {
        let mut next = self.clone();
        let is_ordered = |at: Timestamp| {
            let orders = self.attempts.iter().map(|it| it.at).chain(process.deployed);
            let drains = process.drained.into_iter();
            is_ordered(at, orders, policy.grace)
                || is_ordered(at, drains, policy.grace.saturating_add(DRAIN))
        };
        if let Some(crashed) = process.crashed
            && self.last_sign().is_none_or(|last| is_later(crashed, last))
            && !is_ordered(crashed)
        {
            next.crashed(crashed);
        }
        if let Some(began) = process.began
            && self.process.is_none_or(|before| is_later(began, before))
        {
            // Railway may have reported this crash already.
            let told = next.crashes.last().copied() > self.process;
            if self.process.is_some() && !told && !is_ordered(began) {
                next.crashed(began);
            }
            next.process = Some(began);
        }
        (next != *self).then_some(next)
    }

    /// Decides what to do about an agent in this state. `may_act` says whether
    /// it is failing now and no deployment is in progress that may help.
    pub fn decide(
        &self,
        agent: &AgentState,
        may_act: bool,
        scheduled_at: Timestamp,
        policy: &RemediationPolicy,
    ) -> Decision {
        let past =
            |since: Timestamp, time: SignedDuration| scheduled_at.duration_since(since) >= time;
        let last_attempt = self.attempts.last();
        let fails = matches!(agent.condition, Condition::Down | Condition::Starting);
        if !fails && agent.streak.is_none() {
            let trouble = last_attempt
                .map(|it| it.at)
                .max(self.crashes.last().copied());
            let quiet = trouble.is_none_or(|at| past(at, policy.stable));
            let tried = self.given_up.is_some() || last_attempt.is_some();
            if tried && quiet && past(agent.since, policy.stable) {
                return Decision::Close;
            }
        }
        if self.given_up.is_some() {
            return Decision::Nothing;
        }
        let should_run = matches!(
            agent.condition,
            Condition::Up | Condition::Starting | Condition::Down
        );
        if should_run && self.is_crash_loop(scheduled_at) {
            return Decision::GiveUp(GiveUpReason::CrashLoop);
        }
        let is_down = may_act && agent.condition == Condition::Down && agent.streak.is_none();
        if !is_down || !past(agent.since, policy.after) {
            return Decision::Nothing;
        }
        let Some(last) = last_attempt else {
            return Decision::Take(Step::Restart);
        };
        if !past(last.at, policy.pause) {
            return Decision::Nothing;
        }
        let attempts = self
            .attempts
            .iter()
            .filter(|it| it.step == last.step)
            .count();
        match last.step {
            step if last.failure.is_some() && attempts < ATTEMPTS => Decision::Take(step),
            Step::Restart => Decision::Take(Step::Repair),
            Step::Repair => Decision::GiveUp(GiveUpReason::Exhausted),
        }
    }

    /// The record without the crashes that operations at these times explain.
    #[must_use]
    pub fn without_ordered(&self, orders: &[Timestamp], policy: &RemediationPolicy) -> Self {
        let mut next = self.clone();
        next.crashes
            .retain(|crash| !is_ordered(*crash, orders.iter().copied(), policy.grace));
        next
    }

    /// The record once crashes and steps are forgotten.
    #[must_use]
    pub fn closed(&self) -> Self {
        Self {
            revision: self.revision,
            process: self.process,
            ..Self::default()
        }
    }

    /// Whether the last crashes were so close together, and so recent, that
    /// restarts do not help.
    pub fn is_crash_loop(&self, scheduled_at: Timestamp) -> bool {
        let first = self.crashes.len().checked_sub(LOOP);
        let first = first.and_then(|index| self.crashes.get(index));
        // The last crash must be recent, too.
        first.is_some_and(|first| {
            let last = self.crashes.last().unwrap_or(first);
            last.duration_since(*first) <= LOOP_WITHIN
                && scheduled_at.duration_since(*last) <= LOOP_WITHIN
        })
    }

    fn crashed(&mut self, at: Timestamp) {
        self.crashes.push(at);
        let beyond = self.crashes.len().saturating_sub(LOOP);
        self.crashes.drain(..beyond);
    }

    fn last_sign(&self) -> Option<Timestamp> {
        self.crashes.last().copied().max(self.process)
    }
}

fn is_later(at: Timestamp, than: Timestamp) -> bool {
    at.duration_since(than) > SAME
}

/// Whether one of these orders explains what happened at `at`.
fn is_ordered(
    at: Timestamp,
    mut orders: impl Iterator<Item = Timestamp>,
    grace: SignedDuration,
) -> bool {
    orders.any(|order| {
        let behind = at.duration_since(order);
        behind >= -SAME && behind <= grace
    })
}

#[cfg(test)]
#[path = "remediation_tests.rs"]
mod tests;
