//! What is on record about an agent between two sweeps.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Degraded;
use super::policy::drain_may_last;
use crate::model::{InstanceId, UserId};

/// How an agent is, once single failures are smoothed out. An agent that no
/// sweep has seen has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// It answers well.
    Up,
    /// It was registered, deployed, woken or configured a moment ago, and has
    /// not answered well yet.
    Starting,
    /// It should answer well, and has not done so for several sweeps.
    Down,
    /// It waits to be configured.
    Setup,
    /// Its deployment was stopped on purpose.
    Stopped,
    /// Railway has put it to sleep. Traffic wakes it, so nobody asks it.
    Sleeping,
}

/// How an agent fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Symptom {
    /// No path responds successfully.
    Unreachable,
    /// Its wrapper answers, and says that the agent's process does not run.
    ProcessStopped,
    /// Alive, and not ready.
    NotReady,
    /// Something answers, and it is not conclusive.
    Inconclusive,
}

/// A failure, told to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Its kind.
    pub symptom: Symptom,
    /// The probe's reason.
    pub reason: String,
}

/// Which sightings a streak is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreakOf {
    /// Of an agent that is not down yet.
    Failures,
    /// Of an agent that is down.
    Successes,
}

/// Sightings in a row that speak against the condition on record. Without any
/// there is no streak, so that a steady agent needs no write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streak {
    /// Of what.
    pub of: StreakOf,
    /// How many: at least one, and fewer than it takes to change the condition.
    pub count: u32,
    /// The first of them.
    pub since: Timestamp,
}

/// What is on record about an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentState {
    /// How it is.
    pub condition: Condition,
    /// Since when it is so: the first sighting that said so, not the one that
    /// was enough of them.
    pub since: Timestamp,
    /// Why it is down, or about to be.
    pub trouble: Option<Trouble>,
    /// What speaks against the condition.
    pub streak: Option<Streak>,
    /// What does not work although it is up. Nothing unless it is up.
    pub degraded: Degraded,
    /// Since when it is draining, or was before it failed.
    pub draining_since: Option<Timestamp>,
    /// The time of the sweep that wrote this.
    pub scheduled_at: Timestamp,
    /// When the agent was seen by that sweep.
    pub seen_at: Timestamp,
    /// By when there is another word of the agent, if anybody is looking: two
    /// heartbeats later.
    pub expected_by: Timestamp,
}

impl AgentState {
    /// Whether the drain on record may go on at a time.
    pub fn drain_may_last(&self, at: Timestamp) -> bool {
        drain_may_last(self.draining_since, at)
    }
}

/// A change of an agent's condition or degradation, with what its alert has to
/// say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// How it was; none where nobody had looked before.
    pub from: Option<Condition>,
    /// Since when it was so.
    pub from_since: Option<Timestamp>,
    /// How it is.
    pub to: Condition,
    /// Since when it is so: before `sweep`, where it took several sightings.
    pub since: Timestamp,
    /// The time of the sweep that found it out. An agent has one transition a
    /// sweep at most, so that this is the transition's name.
    pub scheduled_at: Timestamp,
    /// Why, where the agent is down or starting.
    pub trouble: Option<Trouble>,
    /// What does not work then.
    pub degraded: Vec<String>,
    /// What did not work before.
    pub degraded_from: Vec<String>,
}

impl Transition {
    /// Whether trouble is over: the agent is up, and all of it works.
    pub fn is_recovery(&self) -> bool {
        self.to == Condition::Up && self.degraded.is_empty()
    }

    /// Whether more does not work of an agent that stays up.
    pub fn is_degradation(&self) -> bool {
        self.from == Some(Condition::Up) && self.to == Condition::Up && !self.degraded.is_empty()
    }

    /// Whether something does not work that did before.
    pub(super) fn has_new_cause(&self) -> bool {
        let is_new = |cause| !self.degraded_from.contains(cause);
        self.degraded.iter().any(is_new)
    }
}

/// A time in which nobody looked at an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
}

/// A transition with the agent it is of: what a sweep hands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The agent.
    pub instance: InstanceId,
    /// Its owner.
    pub owner: UserId,
    /// What changed.
    pub transition: Transition,
}
