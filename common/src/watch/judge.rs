//! The rules by which a sighting changes an agent's state.

use jiff::Timestamp;

use super::policy::drain_may_last;
use super::state::{AgentState, Condition, Gap, Streak, StreakOf, Transition, Trouble};
use super::{Degraded, Policy};
use crate::model::InstanceId;

/// What one sweep saw of one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The time for which the sweep was scheduled.
    pub scheduled_at: Timestamp,
    pub at: Timestamp,
    pub finding: Finding,
    /// When the agent's last deployment was created, if known.
    pub deployed_at: Option<Timestamp>,
    /// Whether that deployment is still in progress.
    pub deploying: bool,
}

impl Sighting {
    /// Whether a deployment is in progress, or so recent that failures do not
    /// count.
    pub fn is_in_grace(&self, policy: &Policy) -> bool {
        let young = |at: Timestamp| self.at.duration_since(at) < policy.grace;
        self.deploying || self.deployed_at.is_some_and(young)
    }
}

/// What a sweep found an agent to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It answers well.
    Well,
    /// It is up, but these parts of it, or ways to it, do not work.
    Degraded(Vec<String>),
    /// It does not answer well, though it should.
    Failing(Trouble),
    /// It is draining: it finishes its work and then ends, as it was told to.
    Draining(Trouble),
    /// It waits to be configured.
    Setup,
    /// Its deployment was stopped on purpose.
    Stopped,
    /// Railway has put it to sleep.
    Sleeping,
}

/// What follows from a sighting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The state from now on.
    pub next: AgentState,
    /// The change of the condition or of its degradation, if there is one.
    pub transition: Option<Transition>,
    /// The time before the sighting in which no sweep saw the agent, if it was
    /// longer than a refresh may be late.
    pub gap: Option<Gap>,
    /// Whether `next` has to be written: something changed, or the refresh is
    /// due.
    pub write: bool,
}

/// Judges a sighting by the state on record. `None` if that is of the same
/// sweep or a later one, which a sighting never changes.
pub fn judge(
    agent: &InstanceId,
    previous: Option<&AgentState>,
    sighting: &Sighting,
    policy: &Policy,
) -> Option<Judgement> {
    if previous.is_some_and(|previous| previous.scheduled_at >= sighting.scheduled_at) {
        return None;
    }
    let gap = gap_before(sighting, previous);
    // Sightings before and after a gap are not consecutive.
    let unbroken = previous.filter(|_| gap.is_none());
    let before = previous.map(|previous| Before {
        condition: previous.condition,
        since: previous.since,
        streak: unbroken.and_then(|previous| previous.streak),
    });
    let draining_since = draining_since(unbroken, sighting);
    let sighting = &with_bounded_drain(sighting, draining_since);
    let (condition, since, streak) = condition_of(before.as_ref(), sighting, policy);
    let known = match unbroken {
        Some(previous) => previous.degraded.clone(),
        None => previous.map_or_else(Degraded::default, |it| it.degraded.after_unknown()),
    };
    let (degraded, degraded_since) = degraded_of(condition, &known, sighting, policy);
    let next = AgentState {
        condition,
        since,
        trouble: trouble_of(condition, previous, sighting),
        streak,
        degraded,
        draining_since,
        scheduled_at: sighting.scheduled_at,
        seen_at: sighting.at,
        expected_by: policy.expected_by(sighting.at),
    };
    let transition = transition(previous, &next, degraded_since);
    let write = transition.is_some()
        || gap.is_some()
        || previous.is_none_or(|previous| {
            differ(previous, &next)
                || policy.heartbeat_is_due(agent, previous.scheduled_at, sighting.scheduled_at)
        });
    Some(Judgement {
        next,
        transition,
        gap,
        write,
    })
}

/// The time before a sighting in which no sweep saw the agent, if it was longer
/// than a refresh may be late.
fn gap_before(sighting: &Sighting, previous: Option<&AgentState>) -> Option<Gap> {
    let overdue = previous.filter(|previous| previous.expected_by < sighting.at);
    overdue.map(|previous| Gap {
        from: previous.seen_at,
        until: sighting.at,
    })
}

/// Whether a state has to replace another one at once.
fn differ(previous: &AgentState, next: &AgentState) -> bool {
    previous.streak != next.streak
        || previous.since != next.since
        || previous.degraded != next.degraded
        || previous.draining_since != next.draining_since
}

/// Why the agent does not answer well, or did not.
fn trouble_of(
    condition: Condition,
    previous: Option<&AgentState>,
    sighting: &Sighting,
) -> Option<Trouble> {
    match &sighting.finding {
        Finding::Failing(trouble) | Finding::Draining(trouble) => Some(trouble.clone()),
        // The reason stays on record until the agent is up again.
        Finding::Well | Finding::Degraded(_) if condition == Condition::Down => {
            previous.and_then(|previous| previous.trouble.clone())
        }
        _ => None,
    }
}

/// The change between two states, if there is one.
fn transition(
    previous: Option<&AgentState>,
    next: &AgentState,
    degraded_since: Option<Timestamp>,
) -> Option<Transition> {
    let causes = previous.map_or(&[][..], |previous| &previous.degraded.causes);
    let is_other = previous.map(|previous| previous.condition) != Some(next.condition);
    (is_other || causes != next.degraded.causes).then(|| Transition {
        from: previous.map(|previous| previous.condition),
        from_since: previous.map(|previous| previous.since),
        to: next.condition,
        since: match is_other {
            true => next.since,
            false => degraded_since.unwrap_or(next.seen_at),
        },
        scheduled_at: next.scheduled_at,
        trouble: next.trouble.clone(),
        degraded: next.degraded.causes.clone(),
        degraded_from: causes.to_vec(),
    })
}

/// Since when the agent has been draining, or had been before it failed: it may
/// take a while to come back, with a new process that is no crash.
fn draining_since(unbroken: Option<&AgentState>, sighting: &Sighting) -> Option<Timestamp> {
    let before = unbroken.and_then(|previous| previous.draining_since);
    match sighting.finding {
        Finding::Draining(_) => before.or(Some(sighting.at)),
        Finding::Failing(_) => before,
        _ => None,
    }
}

/// The sighting, in which a drain that has lasted too long is a failure.
fn with_bounded_drain(sighting: &Sighting, draining_since: Option<Timestamp>) -> Sighting {
    let mut sighting = sighting.clone();
    if let Finding::Draining(trouble) = &sighting.finding
        && !drain_may_last(draining_since, sighting.at)
    {
        sighting.finding = Finding::Failing(trouble.clone());
    }
    sighting
}

/// What is degraded after a sighting, and since when if that has changed.
fn degraded_of(
    condition: Condition,
    known: &Degraded,
    sighting: &Sighting,
    policy: &Policy,
) -> (Degraded, Option<Timestamp>) {
    if condition != Condition::Up {
        return (Degraded::default(), None);
    }
    match &sighting.finding {
        Finding::Well => known.after(&[], sighting.at, policy),
        Finding::Degraded(causes) => known.after(causes, sighting.at, policy),
        _ => (known.after_unknown(), None),
    }
}

/// The part of the previous state that decides.
struct Before {
    condition: Condition,
    since: Timestamp,
    streak: Option<Streak>,
}

/// The condition after a sighting, since when it holds, and the streak of
/// sightings that contradict it.
fn condition_of(
    before: Option<&Before>,
    sighting: &Sighting,
    policy: &Policy,
) -> (Condition, Timestamp, Option<Streak>) {
    let now = sighting.at;
    let steady = |condition| match before {
        Some(before) if before.condition == condition => (condition, before.since, None),
        _ => (condition, now, None),
    };
    match &sighting.finding {
        // What Railway or the agent reports explicitly needs no confirmation.
        Finding::Stopped => steady(Condition::Stopped),
        Finding::Sleeping => steady(Condition::Sleeping),
        Finding::Setup => steady(Condition::Setup),
        Finding::Well | Finding::Degraded(_) => match before {
            Some(before) if before.condition == Condition::Down => {
                let streak = longer(before.streak, StreakOf::Successes, now);
                if streak.count >= policy.successes {
                    (Condition::Up, streak.since, None)
                } else {
                    (Condition::Down, before.since, Some(streak))
                }
            }
            _ => steady(Condition::Up),
        },
        // It is ending because it was told to, which is no failure.
        Finding::Draining(_) => match before {
            Some(before)
                if matches!(
                    before.condition,
                    Condition::Up | Condition::Starting | Condition::Down
                ) =>
            {
                let failures = |streak: &Streak| streak.of == StreakOf::Failures;
                (
                    before.condition,
                    before.since,
                    before.streak.filter(failures),
                )
            }
            _ => (Condition::Starting, now, None),
        },
        Finding::Failing(_) if sighting.is_in_grace(policy) => match before {
            // It came up, or went down, after the deployment was created.
            Some(before)
                if matches!(before.condition, Condition::Up | Condition::Down)
                    && sighting.deployed_at.is_some_and(|at| before.since >= at) =>
            {
                (before.condition, before.since, before.streak)
            }
            _ => steady(Condition::Starting),
        },
        Finding::Failing(_) => {
            let (condition, since) = match before {
                Some(before) if before.condition == Condition::Down => {
                    return (Condition::Down, before.since, None);
                }
                Some(before) if matches!(before.condition, Condition::Up | Condition::Starting) => {
                    (before.condition, before.since)
                }
                _ => (Condition::Starting, now),
            };
            let streak = before.and_then(|before| before.streak);
            let streak = longer(streak, StreakOf::Failures, now);
            if streak.count >= policy.failures {
                (Condition::Down, streak.since, None)
            } else {
                (condition, since, Some(streak))
            }
        }
    }
}

fn longer(streak: Option<Streak>, of: StreakOf, now: Timestamp) -> Streak {
    match streak {
        Some(streak) if streak.of == of => Streak {
            count: streak.count.saturating_add(1),
            ..streak
        },
        _ => Streak {
            of,
            count: 1,
            since: now,
        },
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
