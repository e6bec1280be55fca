//! Incidents: when a large part of the fleet fails at once, there is one alert
//! and not hundreds.

use jiff::{SignedDuration, Timestamp};

/// The thresholds above which many failures are one incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FleetPolicy {
    /// How many agents have to go down, at least.
    pub min: u32,
    /// What share of those that were up or starting has to, in percent.
    pub share: u32,
    /// For how long no sweep may find it going on until it is closed: each
    /// process sees its own part of the fleet only.
    pub quiet: SignedDuration,
}

impl Default for FleetPolicy {
    fn default() -> Self {
        Self {
            min: 10,
            share: 20,
            quiet: SignedDuration::from_mins(2),
        }
    }
}

/// A failure of a large part of the fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// The sweep that found it, which identifies it.
    pub opened: Timestamp,
    /// When the first of its agents went down.
    pub since: Timestamp,
    /// The last sweep that found it still open.
    pub extended: Timestamp,
    /// The sweep that closed it.
    pub closed: Option<Timestamp>,
    /// How many agents had gone down when it was opened.
    pub went_down: u32,
    /// How many agents should have been up then.
    pub expected_up: u32,
}

impl Incident {
    pub fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    /// Whether transitions found by this sweep belong to it.
    pub fn covers(&self, sweep: Timestamp) -> bool {
        sweep >= self.opened && self.closed.is_none_or(|closed| sweep <= closed)
    }
}

/// What a sweep found in its part of the fleet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FleetCount {
    pub up_or_starting: u32,
    /// Agents that went down lately, or since the open incident began.
    pub went_down: u32,
    /// When the first of those went down.
    pub since: Option<Timestamp>,
    /// Whether all agents were visited.
    pub complete: bool,
}

impl FleetCount {
    /// Agents that should be up.
    pub fn expected_up(&self) -> u32 {
        self.up_or_starting.saturating_add(self.went_down)
    }

    /// Whether so many went down that it is one incident.
    pub fn is_incident(&self, policy: &FleetPolicy) -> bool {
        let share = u64::from(self.went_down) * 100;
        self.went_down >= policy.min
            && share >= u64::from(policy.share) * u64::from(self.expected_up())
    }
}

/// What a count means for the fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FleetNews {
    None,
    Opens(Incident),
    Lasts,
    Ends,
}

/// Judges a count by the last incident. An incident ends when no sweep has
/// found it still open for [`FleetPolicy::quiet`].
pub fn judge_fleet(
    last: Option<&Incident>,
    count: &FleetCount,
    sweep: Timestamp,
    policy: &FleetPolicy,
) -> FleetNews {
    match last.filter(|incident| incident.is_open()) {
        Some(_) if count.is_incident(policy) => FleetNews::Lasts,
        Some(open) => {
            let quiet = sweep.duration_since(open.extended) >= policy.quiet;
            // Agents that were not visited may still be down.
            if quiet && count.complete {
                FleetNews::Ends
            } else {
                FleetNews::None
            }
        }
        None if count.is_incident(policy) => FleetNews::Opens(Incident {
            opened: sweep,
            since: count.since.unwrap_or(sweep),
            extended: sweep,
            closed: None,
            went_down: count.went_down,
            expected_up: count.expected_up(),
        }),
        None => FleetNews::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        let start: Timestamp = "2026-04-04T03:00:00Z".parse().unwrap();
        start + SignedDuration::from_mins(minute)
    }

    fn incident(closed: Option<i64>) -> Incident {
        Incident {
            opened: at(0),
            since: at(-2),
            extended: at(5),
            closed: closed.map(at),
            went_down: 60,
            expected_up: 100,
        }
    }

    fn count(up_or_starting: u32, went_down: u32) -> FleetCount {
        FleetCount {
            up_or_starting,
            went_down,
            since: (went_down > 0).then(|| at(-3)),
            complete: true,
        }
    }

    #[test]
    fn an_incident_is_many_agents_and_a_large_share_of_them() {
        for (up_or_starting, went_down, opens) in [
            (0, 0, false),
            (100, 0, false),
            // A large share of few.
            (0, 9, false),
            // Many, and a small share.
            (10_000, 2_000, false),
            (8_000, 2_000, true),
            (40, 10, true),
            (0, 10, true),
        ] {
            let news = judge_fleet(
                None,
                &count(up_or_starting, went_down),
                at(10),
                &FleetPolicy::default(),
            );
            let expected = if opens {
                FleetNews::Opens(Incident {
                    opened: at(10),
                    since: at(-3),
                    extended: at(10),
                    closed: None,
                    went_down,
                    expected_up: up_or_starting + went_down,
                })
            } else {
                FleetNews::None
            };
            assert_eq!(news, expected, "{went_down} beside {up_or_starting}");
        }
    }

    #[test]
    fn an_incident_ends_once_it_was_over_for_a_while_and_everybody_was_looked_at() {
        let partly = FleetCount {
            complete: false,
            ..count(95, 5)
        };
        for (last, count, minute, expected) in [
            (incident(None), count(50, 50), 6, FleetNews::Lasts),
            (incident(None), count(95, 5), 6, FleetNews::None),
            (incident(None), count(95, 5), 7, FleetNews::Ends),
            (incident(None), partly, 9, FleetNews::None),
            (incident(Some(7)), count(95, 5), 8, FleetNews::None),
        ] {
            let news = judge_fleet(Some(&last), &count, at(minute), &FleetPolicy::default());
            assert_eq!(news, expected, "minute {minute}");
        }
        // The next one is another one.
        let news = judge_fleet(
            Some(&incident(Some(7))),
            &count(50, 50),
            at(8),
            &FleetPolicy::default(),
        );
        assert!(matches!(news, FleetNews::Opens(_)), "{news:?}");
    }

    #[test]
    fn what_was_found_while_it_lasted_is_a_part_of_it() {
        for (closed, minute, covered) in [
            (None, -1, false),
            (None, 0, true),
            (None, 99, true),
            (Some(7), 7, true),
            (Some(7), 8, false),
        ] {
            assert_eq!(
                incident(closed).covers(at(minute)),
                covered,
                "{closed:?} {minute}"
            );
        }
    }
}
