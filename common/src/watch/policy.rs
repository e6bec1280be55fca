//! The thresholds of the sweep, and when an unchanged state is due for a
//! refresh.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::{SignedDuration, Timestamp};

use crate::model::InstanceId;

/// How long an agent may be draining: a gateway that was told to end waits for
/// running work for 315 seconds at most.
pub(super) const DRAIN: SignedDuration = SignedDuration::from_secs(315);

/// Whether a drain that began at `since` may still go on at `at`.
pub(super) fn drain_may_last(since: Option<Timestamp>, at: Timestamp) -> bool {
    since.is_some_and(|since| at.duration_since(since) <= DRAIN)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How many failures in a row make an agent down, or degraded; at least 1.
    pub failures: u32,
    /// How many successes in a row bring it up again, or end a degradation; at
    /// least 1.
    pub successes: u32,
    /// For how long after a deployment was created failures do not count.
    pub grace: SignedDuration,
    /// How often an unchanged state is refreshed (`SWEEP_HEARTBEAT`).
    pub heartbeat: SignedDuration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            failures: 3,
            successes: 2,
            grace: SignedDuration::from_secs(180),
            heartbeat: SignedDuration::from_mins(15),
        }
    }
}

impl Policy {
    /// Whether a state that was last written at one time is due for a refresh
    /// at another. Each agent has its own offset within the interval, derived
    /// from its id, so that a fleet which was written at once is not due at
    /// once.
    pub fn heartbeat_is_due(&self, agent: &InstanceId, written: Timestamp, now: Timestamp) -> bool {
        let period = self.heartbeat.as_secs().max(1);
        let offset = offset(agent, period);
        let beat = |at: Timestamp| (at.as_second() + offset).div_euclid(period);
        beat(written) < beat(now)
    }

    /// By when the state of an agent that was seen is written again: a refresh
    /// may be late, but not by another interval.
    pub fn expected_by(&self, seen_at: Timestamp) -> Timestamp {
        let patience = self.heartbeat.saturating_mul(2);
        seen_at.saturating_add(patience).unwrap_or(Timestamp::MAX)
    }
}

/// Below `period`, and the same in every process.
fn offset(agent: &InstanceId, period: i64) -> i64 {
    let mut hasher = DefaultHasher::new();
    agent.as_str().hash(&mut hasher);
    let period = u64::try_from(period).unwrap_or(1).max(1);
    i64::try_from(hasher.finish() % period).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_agent_is_due_once_a_heartbeat_and_all_of_them_spread_over_it() {
        let policy = Policy::default();
        let start: Timestamp = "2026-04-04T03:10:00Z".parse().unwrap();
        let mut due_at_minute = [0_u32; 15];
        for number in 0..1500 {
            let agent: InstanceId = format!("agent-{number}").parse().unwrap();
            let mut times = 0;
            for (minute, due) in due_at_minute.iter_mut().enumerate() {
                let before = start + SignedDuration::from_mins(minute as i64);
                let now = before + SignedDuration::from_mins(1);
                if policy.heartbeat_is_due(&agent, before, now) {
                    times += 1;
                    *due += 1;
                }
            }
            assert_eq!(times, 1, "{agent}");
        }
        assert!(
            due_at_minute.iter().all(|due| (50..200).contains(due)),
            "{due_at_minute:?}"
        );
    }
}
