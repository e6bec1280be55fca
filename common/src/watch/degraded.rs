//! Degradation: what does not work although an agent is up, with single
//! sightings smoothed out.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Policy;

/// An agent's degradation, as it is on record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Degraded {
    /// The names of what does not work, sorted.
    pub causes: Vec<String>,
    /// Sightings that contradict `causes`. An agent that is steadily degraded
    /// has none and needs no write.
    pub streaks: Vec<CauseStreak>,
}

/// Consecutive sightings that contradict the causes on record: with a new
/// cause, or without a known one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseStreak {
    pub cause: String,
    /// At least one, and fewer than it takes to change the causes.
    pub count: u32,
    /// The first sighting.
    pub since: Timestamp,
}

impl Degraded {
    /// The record after a sighting with these causes; and since when they have
    /// changed, if they have.
    pub(super) fn after(
        &self,
        seen: &[String],
        at: Timestamp,
        policy: &Policy,
    ) -> (Self, Option<Timestamp>) {
        let mut next = Self::default();
        let mut changed: Option<Timestamp> = None;
        let all: BTreeSet<&String> = self.causes.iter().chain(seen).collect();
        for cause in all {
            let is_known = self.causes.contains(cause);
            if is_known && seen.contains(cause) {
                next.causes.push(cause.clone());
                continue;
            }
            let streak = self.longer(cause, at);
            let enough = match is_known {
                true => policy.successes,
                false => policy.failures,
            };
            let is_enough = streak.count >= enough;
            if is_known != is_enough {
                next.causes.push(cause.clone());
            }
            if is_enough {
                changed = Some(changed.map_or(streak.since, |it| it.min(streak.since)));
            } else {
                next.streaks.push(streak);
            }
        }
        (next, changed)
    }

    /// The record after a sighting that says nothing about degradation.
    pub(super) fn after_unknown(&self) -> Self {
        Self {
            causes: self.causes.clone(),
            streaks: Vec::new(),
        }
    }

    fn longer(&self, cause: &str, at: Timestamp) -> CauseStreak {
        let mut streaks = self.streaks.iter();
        let (count, since) = streaks
            .find(|streak| streak.cause == cause)
            .map_or((0, at), |streak| (streak.count, streak.since));
        CauseStreak {
            cause: cause.to_owned(),
            count: count.saturating_add(1),
            since,
        }
    }
}
