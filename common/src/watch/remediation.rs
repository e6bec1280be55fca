//! What the plane does by itself about an agent that fails: a restart, then a
//! repair, and then nothing more.
//!
//! [`RemediationState`] is what is on record of that. [`RemediationState::observe`] notes crashes
//! in it, and [`RemediationState::decide`] says what is to be done.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::policy::DRAIN;
use super::{AgentState, Condition};

/// How many crashes make a crash loop.
const LOOP: usize = 3;

/// Within how long.
const LOOP_WITHIN: SignedDuration = SignedDuration::from_secs(300);

/// How far two times of the same event may be apart: agents round their uptime,
/// and take a while to tell it.
const SAME: SignedDuration = SignedDuration::from_secs(15);

/// How often a step is taken that Railway fails.
const ATTEMPTS: usize = 2;

/// How patient self-healing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemediationPolicy {
    /// How long an agent has to be failing before a step.
    pub after: SignedDuration,
    /// How long a step, or whatever people do, has time to work.
    pub pause: SignedDuration,
    /// For how long after a deployment or a step the process may be a new one.
    pub grace: SignedDuration,
    /// How long an agent has to be well, or need not run, until what was tried is
    /// forgotten.
    pub stable: SignedDuration,
}

/// Something that is done to an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Its process is started again.
    Restart,
    /// Its variables are written anew, and it is deployed.
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
    /// Which one.
    pub step: Step,
    /// When.
    pub at: Timestamp,
    /// Why Railway did not take it.
    pub failure: Option<String>,
}

/// Why nothing more is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GiveUpReason {
    /// All steps were taken, and the agent is down.
    Exhausted,
    /// Its process ends again and again, so that a restart is no help.
    CrashLoop,
}

/// The end of self-healing, until the agent is well by other means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// Why.
    pub reason: GiveUpReason,
    /// The sweep that found it.
    pub at: Timestamp,
    /// The sweep that took it on to tell people, while nobody may know.
    pub pending: Option<Timestamp>,
}

/// What is on record of an agent that is healed, or may have to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemediationState {
    /// How often the record was written; 0 if never.
    pub revision: u64,
    /// When the process began that was seen last, as far as it tells.
    pub process: Option<Timestamp>,
    /// The last crashes, oldest first.
    pub crashes: Vec<Timestamp>,
    /// Since when the agent was down when the first of the steps was taken.
    pub since: Option<Timestamp>,
    /// The steps that were taken, oldest first.
    pub attempts: Vec<Attempt>,
    /// Why there are no more.
    pub given_up: Option<GivenUp>,
}

/// What a sweep sees of an agent's process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// When it began, as it tells itself.
    pub began: Option<Timestamp>,
    /// When Railway found that it had ended by itself, if it has not begun again.
    pub crashed: Option<Timestamp>,
    /// When its deployment was made, where that is known.
    pub deployed: Option<Timestamp>,
    /// Since when it was draining, where that is on record.
    pub drained: Option<Timestamp>,
}

/// What is to be done about an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing.
    Nothing,
    /// A step is taken, unless something outside the agent forbids it.
    Take(Step),
    /// Nothing more is done, and people are told.
    GiveUp(GiveUpReason),
    /// It is well again, or need not be: the next trouble is another one.
    Close,
}

impl RemediationState {
    /// The record with what a sweep sees of the agent's process; none where that
    /// is nothing new.
    ///
    /// A crash is an end of the process that nobody ordered: Railway says so, or
    /// the process is another one than before. What happens within the grace after
    /// a deployment or a step was ordered, and so is the end of a drain.
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
            // Railway may have told of this end already.
            let told = next.crashes.last().copied() > self.process;
            if self.process.is_some() && !told && !is_ordered(began) {
                next.crashed(began);
            }
            next.process = Some(began);
        }
        (next != *self).then_some(next)
    }

    /// What is to be done about an agent that a sweep found so. `may_act` says
    /// whether it is failing now, and nothing is on its way that may help.
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

    /// The record without the crashes that are explained by what people ordered
    /// at these times.
    #[must_use]
    pub fn without_ordered(&self, orders: &[Timestamp], policy: &RemediationPolicy) -> Self {
        let mut next = self.clone();
        next.crashes
            .retain(|crash| !is_ordered(*crash, orders.iter().copied(), policy.grace));
        next
    }

    /// The record of an agent that is well.
    #[must_use]
    pub fn closed(&self) -> Self {
        Self {
            revision: self.revision,
            process: self.process,
            ..Self::default()
        }
    }

    /// Whether the last crashes came in such short order that restarts are no
    /// help, and a moment ago.
    pub fn is_crash_loop(&self, scheduled_at: Timestamp) -> bool {
        let first = self.crashes.len().checked_sub(LOOP);
        let first = first.and_then(|index| self.crashes.get(index));
        // Found out within a sweep or two.
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

/// Whether what happened then is the work of one of these orders.
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
