//! How much of a time range an agent was up.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Condition, Gap};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// A condition that begins; `None` from when on it is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConditionChange {
    pub at: Timestamp,
    pub to: Option<Condition>,
}

/// Seconds in each condition. They add up to the whole period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Availability {
    /// It answered well.
    pub up: i64,
    /// It was on its way up.
    pub starting: i64,
    /// It was down.
    pub down: i64,
    /// It waited to be configured.
    pub setup: i64,
    /// It was stopped on purpose.
    pub stopped: i64,
    /// It was asleep.
    pub sleeping: i64,
    /// No sweep saw the agent.
    pub unobserved: i64,
}

impl Availability {
    /// Adds up a range. `changes` and `gaps` are in order; before the first
    /// change the condition is unknown.
    pub fn of(range: TimeRange, changes: &[ConditionChange], gaps: &[Gap]) -> Self {
        let mut sum = Self::default();
        let ends = changes.iter().skip(1).map(|change| change.at);
        let mut unobserved = seconds(range.from, range.until);
        for (change, end) in changes.iter().zip(ends.chain([range.until])) {
            let Some(condition) = change.to else { continue };
            let from = change.at.clamp(range.from, range.until);
            let until = end.clamp(from, range.until);
            let blind: i64 = gaps
                .iter()
                .map(|gap| {
                    let gap_from = gap.from.clamp(from, until);
                    seconds(gap_from, gap.until.clamp(gap_from, until))
                })
                .sum();
            let seen = (seconds(from, until) - blind).max(0);
            *sum.of_condition(condition) += seen;
            unobserved -= seen;
        }
        sum.unobserved = unobserved;
        sum
    }

    /// The share of the time in which the agent should have answered well and
    /// did, from 0 to 100 with three decimals; none where there was no such
    /// time. Being started counts as not up: nobody could use the agent. Being
    /// stopped on purpose, asleep, not configured or not observed does not
    /// count at all.
    pub fn uptime_percent(&self) -> Option<f64> {
        let wanted = self.up + self.starting + self.down;
        #[expect(clippy::cast_precision_loss, reason = "seconds of at most some months")]
        (wanted > 0).then(|| (self.up as f64 / wanted as f64 * 100_000.0).round() / 1000.0)
    }

    fn of_condition(&mut self, condition: Condition) -> &mut i64 {
        match condition {
            Condition::Up => &mut self.up,
            Condition::Starting => &mut self.starting,
            Condition::Down => &mut self.down,
            Condition::Setup => &mut self.setup,
            Condition::Stopped => &mut self.stopped,
            Condition::Sleeping => &mut self.sleeping,
        }
    }
}

fn seconds(from: Timestamp, until: Timestamp) -> i64 {
    until.as_second() - from.as_second()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        let start: Timestamp = "2026-04-04T03:00:00Z".parse().unwrap();
        start + SignedDuration::from_mins(minute)
    }

    fn change(minute: i64, to: Condition) -> ConditionChange {
        ConditionChange {
            at: at(minute),
            to: Some(to),
        }
    }

    fn gap(from: i64, until: i64) -> Gap {
        Gap {
            from: at(from),
            until: at(until),
        }
    }

    const fn minutes(minutes: i64) -> i64 {
        minutes * 60
    }

    const HOUR: (i64, i64) = (0, 60);

    fn hour() -> TimeRange {
        TimeRange {
            from: at(HOUR.0),
            until: at(HOUR.1),
        }
    }

    #[test]
    fn time_up_down_and_starting_counts_and_all_other_time_does_not() {
        type Row<'r> = (&'r [ConditionChange], &'r [Gap], Availability, Option<f64>);
        let rows: [Row<'_>; 6] = [
            (
                &[],
                &[],
                Availability {
                    unobserved: minutes(60),
                    ..Availability::default()
                },
                None,
            ),
            (
                // Before the range already, and nothing else.
                &[change(-500, Condition::Up)],
                &[],
                Availability {
                    up: minutes(60),
                    ..Availability::default()
                },
                Some(100.0),
            ),
            (
                &[
                    change(-5, Condition::Up),
                    change(30, Condition::Down),
                    change(40, Condition::Starting),
                    change(50, Condition::Up),
                ],
                &[],
                Availability {
                    up: minutes(40),
                    down: minutes(10),
                    starting: minutes(10),
                    ..Availability::default()
                },
                Some(66.667),
            ),
            (
                &[
                    change(10, Condition::Setup),
                    change(20, Condition::Up),
                    change(30, Condition::Sleeping),
                    change(40, Condition::Stopped),
                ],
                &[],
                Availability {
                    setup: minutes(10),
                    up: minutes(10),
                    sleeping: minutes(10),
                    stopped: minutes(20),
                    unobserved: minutes(10),
                    ..Availability::default()
                },
                Some(100.0),
            ),
            (
                // A gap over a change, one inside of a condition, one at the end.
                &[change(-5, Condition::Up), change(30, Condition::Down)],
                &[gap(-10, 5), gap(25, 32), gap(55, 90)],
                Availability {
                    up: minutes(20),
                    down: minutes(23),
                    unobserved: minutes(17),
                    ..Availability::default()
                },
                Some(46.512),
            ),
            (
                &[change(-5, Condition::Sleeping)],
                &[],
                Availability {
                    sleeping: minutes(60),
                    ..Availability::default()
                },
                None,
            ),
        ];
        for (changes, gaps, expected, percent) in rows {
            let found = Availability::of(hour(), changes, gaps);
            assert_eq!(found, expected, "{changes:?} {gaps:?}");
            assert_eq!(found.uptime_percent(), percent, "{changes:?} {gaps:?}");
        }
    }

    proptest! {
        #[test]
        fn the_parts_are_the_whole_and_none_is_negative(
            mut times in proptest::collection::vec(-100_i64..200, 0..8),
            mut ends in proptest::collection::vec(-100_i64..200, 0..8),
        ) {
            times.sort_unstable();
            ends.sort_unstable();
            let conditions = [Condition::Up, Condition::Down, Condition::Sleeping];
            let changes: Vec<_> = times
                .iter()
                .zip(conditions.iter().cycle())
                .map(|(minute, condition)| change(*minute, *condition))
                .collect();
            let gaps: Vec<_> = ends.chunks_exact(2).map(|it| gap(it[0], it[1])).collect();
            let sum = Availability::of(hour(), &changes, &gaps);
            let parts = [sum.up, sum.down, sum.sleeping, sum.unobserved];
            prop_assert!(parts.iter().all(|part| *part >= 0), "{sum:?}");
            prop_assert_eq!(parts.iter().sum::<i64>(), minutes(60));
        }
    }
}
