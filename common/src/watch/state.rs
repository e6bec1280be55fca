//! The state of an agent, as it is on record between two sweeps.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Degraded;
use super::policy::drain_may_last;
use crate::model::{InstanceId, UserId};

/// An agent's condition, with single failures smoothed out. An agent that no
/// sweep has seen has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// It answers well.
    Up,
    /// It was registered, deployed, woken or configured recently, and has not
    /// answered well yet.
    Starting,
    /// It should answer well, and has not done so for several sweeps.
    Down,
    /// It waits to be configured.
    Setup,
    /// Its deployment was stopped on purpose.
    Stopped,
    /// Railway has put it to sleep. Traffic would wake it, so it is not probed.
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
    /// Alive, but not ready.
    NotReady,
    /// Something answers, but not conclusively.
    Inconclusive,
}

/// Why an agent fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub symptom: Symptom,
    /// The probe's reason.
    pub reason: String,
}

/// Which kind of sightings a streak counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreakOf {
    /// Of an agent that is not down yet.
    Failures,
    /// Of an agent that is down.
    Successes,
}

/// Consecutive sightings that contradict the condition on record. A steady
/// agent has no streak and needs no write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streak {
    pub of: StreakOf,
    /// At least one, and fewer than it takes to change the condition.
    pub count: u32,
    /// The first sighting.
    pub since: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentState {
    pub condition: Condition,
    /// Since when the condition holds: the first sighting of it, not the one
    /// that reached the threshold.
    pub since: Timestamp,
    /// Why it is down, or about to be.
    pub trouble: Option<Trouble>,
    pub streak: Option<Streak>,
    /// What does not work although the agent is up; empty otherwise.
    pub degraded: Degraded,
    /// Since when it has been draining, or had been before it failed.
    pub draining_since: Option<Timestamp>,
    /// The sweep that wrote this.
    pub scheduled_at: Timestamp,
    /// When that sweep saw the agent.
    pub seen_at: Timestamp,
    /// By when the state is written again if sweeps are running: two refresh
    /// intervals later.
    pub expected_by: Timestamp,
}

impl AgentState {
    /// Whether the drain on record may still go on at `at`.
    pub fn drain_may_last(&self, at: Timestamp) -> bool {
        drain_may_last(self.draining_since, at)
    }
}

/// A change of an agent's condition or degradation, with what its alert has to
/// say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The condition before; `None` if this is the first sighting.
    pub from: Option<Condition>,
    pub from_since: Option<Timestamp>,
    pub to: Condition,
    /// Since when the new condition holds: before `scheduled_at` if it took
    /// several sightings.
    pub since: Timestamp,
    /// The sweep that found it. An agent has one transition per sweep at most,
    /// so this identifies it.
    pub scheduled_at: Timestamp,
    /// Why the agent is down or starting.
    pub trouble: Option<Trouble>,
    /// What is degraded from then on.
    pub degraded: Vec<String>,
    /// What was degraded before.
    pub degraded_from: Vec<String>,
}

impl Transition {
    /// Whether it is a recovery: the agent is up and nothing is degraded.
    pub fn is_recovery(&self) -> bool {
        self.to == Condition::Up && self.degraded.is_empty()
    }

    /// Whether the agent stays up and its degradation has grown.
    pub fn is_degradation(&self) -> bool {
        self.from == Some(Condition::Up) && self.to == Condition::Up && !self.degraded.is_empty()
    }

    /// Whether something is degraded that was not before.
    pub(super) fn has_new_cause(&self) -> bool {
        let is_new = |cause| !self.degraded_from.contains(cause);
        self.degraded.iter().any(is_new)
    }
}

/// A time range in which no sweep saw an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// A transition and its agent, for whoever announces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    pub instance: InstanceId,
    pub owner: UserId,
    pub transition: Transition,
}
