//! What does not work of an agent that is up, once single sightings are smoothed
//! out.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Policy;

/// What is on record of that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Degraded {
    /// The names of what does not work, in their order.
    pub causes: Vec<String>,
    /// What speaks against them. Without any there is no streak, as an agent that
    /// is degraded steadily needs no write.
    pub streaks: Vec<CauseStreak>,
}

/// Sightings in a row that speak against the causes on record: with one that is
/// not among them, or without one that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseStreak {
    /// The cause.
    pub cause: String,
    /// How many: at least one, and fewer than it takes.
    pub count: u32,
    /// The first of them.
    pub since: Timestamp,
}

impl Degraded {
    /// The record after a sighting that saw these causes. If it was enough to
    /// change them, also since when that is so.
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

    /// The record after a sighting that could not tell.
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
