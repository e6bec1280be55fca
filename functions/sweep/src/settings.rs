//! The settings of the sweep.

use std::str::FromStr;
use std::time::Duration;

use common::config::{
    ALERT_FLEET_MIN, ALERT_FLEET_SHARE, Reader, SELF_HEALING, SELF_HEALING_AFTER,
    SELF_HEALING_PAUSE, SELF_HEALING_STEPS, SWEEP_CONCURRENCY, SWEEP_FAILURES, SWEEP_GRACE,
    SWEEP_HEARTBEAT, SWEEP_INTERVAL, SWEEP_LISTING_INTERVAL, SWEEP_LISTING_MAX_AGE, SWEEP_OUTDATED,
    SWEEP_SEGMENT_ABOVE, SWEEP_SUCCESSES, SWEEP_TIME_LIMIT,
};
use common::http::ControlsSwitch;
use common::watch::{FleetPolicy, Policy, RemediationPolicy};
use jiff::{SignedDuration, Timestamp};

/// The settings of a sweep.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The time between two runs.
    pub interval: SignedDuration,
    /// How long one invocation may take.
    pub time_limit: Duration,
    /// The age at which a segment is dropped.
    pub outdated: SignedDuration,
    /// How many agents are probed at the same time.
    pub concurrency: usize,
    /// Above how many instances the next run is divided into segments, and about how
    /// many instances each one has.
    pub segment_above: u32,
    /// The thresholds.
    pub policy: Policy,
    /// When many failures are one incident.
    pub fleet: FleetPolicy,
    /// The time between two listings of Railway's services.
    pub listing_interval: SignedDuration,
    /// For how long a listing is used while there is no newer one.
    pub listing_max_age: SignedDuration,
    /// Whether agents that fail are restarted and repaired.
    pub self_healing: bool,
    /// After how many failing runs an agent is restarted.
    pub self_healing_after: u32,
    /// The time between a step and the next one.
    pub self_healing_pause: SignedDuration,
    /// How many steps are taken after one run.
    pub self_healing_steps: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: SignedDuration::from_secs(60),
            time_limit: Duration::from_secs(50),
            outdated: SignedDuration::from_mins(2),
            concurrency: 256,
            segment_above: 5000,
            policy: Policy::default(),
            fleet: FleetPolicy::default(),
            listing_interval: SignedDuration::from_secs(60),
            listing_max_age: SignedDuration::from_mins(10),
            self_healing: false,
            self_healing_after: 5,
            self_healing_pause: SignedDuration::from_mins(5),
            self_healing_steps: 5,
        }
    }
}

/// A whole number from 1 to a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositiveInt(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from 1 to 1000000")]
pub struct NotPositiveInt;

impl FromStr for PositiveInt {
    type Err = NotPositiveInt;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.parse().map_err(|_| NotPositiveInt)?;
        (1..=1_000_000)
            .contains(&number)
            .then_some(Self(number))
            .ok_or(NotPositiveInt)
    }
}

/// A share in percent, from 1 to 100.
struct Percent(u32);

#[derive(Debug, thiserror::Error)]
#[error("must be a whole number from 1 to 100")]
struct NotPercent;

impl FromStr for Percent {
    type Err = NotPercent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let share = text.parse().map_err(|_| NotPercent)?;
        (1..=100)
            .contains(&share)
            .then_some(Self(share))
            .ok_or(NotPercent)
    }
}

/// Whether self-healing is on.
#[derive(PartialEq)]
enum SelfHealing {
    On,
    Off,
}

#[derive(Debug, thiserror::Error)]
#[error("must be on or off")]
struct NotSelfHealing;

impl FromStr for SelfHealing {
    type Err = NotSelfHealing;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err(NotSelfHealing),
        }
    }
}

impl Settings {
    /// Reads them. `None` means that a problem was noted.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let default = Self::default();
        let mut number = |name| reader.optional::<PositiveInt>(name);
        // All are read before the first `?`, so that every problem is noted.
        let interval = number(SWEEP_INTERVAL);
        let time_limit = number(SWEEP_TIME_LIMIT);
        let outdated = number(SWEEP_OUTDATED);
        let concurrency = number(SWEEP_CONCURRENCY);
        let segment_above = number(SWEEP_SEGMENT_ABOVE);
        let failures = number(SWEEP_FAILURES);
        let successes = number(SWEEP_SUCCESSES);
        let grace = number(SWEEP_GRACE);
        let heartbeat = number(SWEEP_HEARTBEAT);
        let listing_interval = number(SWEEP_LISTING_INTERVAL);
        let listing_max_age = number(SWEEP_LISTING_MAX_AGE);
        let fleet_min = number(ALERT_FLEET_MIN);
        let self_healing_after = number(SELF_HEALING_AFTER);
        let self_healing_pause = number(SELF_HEALING_PAUSE);
        let self_healing_steps = number(SELF_HEALING_STEPS);
        let fleet_share = reader.optional::<Percent>(ALERT_FLEET_SHARE);
        let self_healing = reader.optional::<SelfHealing>(SELF_HEALING);
        if matches!(self_healing, Some(None | Some(SelfHealing::Off))) {
            let settings = [
                (SELF_HEALING_AFTER, "5"),
                (SELF_HEALING_PAUSE, "300"),
                (SELF_HEALING_STEPS, "5"),
            ];
            reader.without_effect(&settings, "SELF_HEALING is not on");
        }
        let seconds = |given: Option<PositiveInt>, default| {
            given.map_or(default, |PositiveInt(number)| {
                SignedDuration::from_secs(number.into())
            })
        };
        let count = |given: Option<PositiveInt>, default| {
            given.map_or(default, |PositiveInt(number)| number)
        };
        let interval = seconds(interval?, default.interval);
        Some(Self {
            interval,
            time_limit: time_limit?.map_or(default.time_limit, |PositiveInt(number)| {
                Duration::from_secs(number.into())
            }),
            outdated: seconds(outdated?, default.outdated),
            concurrency: concurrency?
                .map_or(default.concurrency, |PositiveInt(number)| number as usize),
            segment_above: count(segment_above?, default.segment_above),
            policy: Policy {
                failures: count(failures?, default.policy.failures),
                successes: count(successes?, default.policy.successes),
                grace: seconds(grace?, default.policy.grace),
                // A refresh more often than the interval would make gaps.
                heartbeat: seconds(heartbeat?, default.policy.heartbeat).max(interval),
            },
            fleet: FleetPolicy {
                min: count(fleet_min?, default.fleet.min),
                share: fleet_share?.map_or(default.fleet.share, |Percent(share)| share),
                quiet: interval.saturating_mul(2),
            },
            listing_interval: seconds(listing_interval?, default.listing_interval),
            listing_max_age: seconds(listing_max_age?, default.listing_max_age),
            self_healing: self_healing?.is_some_and(|it| it == SelfHealing::On),
            self_healing_after: count(self_healing_after?, default.self_healing_after),
            self_healing_pause: seconds(self_healing_pause?, default.self_healing_pause),
            self_healing_steps: self_healing_steps?
                .map_or(default.self_healing_steps, |PositiveInt(number)| {
                    number as usize
                }),
        })
    }

    /// Whether self-healing is on: never while controls are off.
    pub fn self_healing_enabled(&self, switch: ControlsSwitch) -> bool {
        if self.self_healing && switch == ControlsSwitch::Off {
            tracing::warn!("controls are off, and with them self-healing");
        }
        self.self_healing && switch == ControlsSwitch::On
    }

    /// The thresholds of self-healing.
    pub fn remediation_policy(&self) -> RemediationPolicy {
        /// Longer than a flapping agent stays up.
        const STABLE: SignedDuration = SignedDuration::from_mins(30);

        // Of N failing sweeps the first and the last are N - 1 intervals apart;
        // half an interval is for sweeps that are a little early or late.
        let seconds = self.interval.as_secs();
        let after = i64::from(self.self_healing_after) * seconds - seconds * 3 / 2;
        RemediationPolicy {
            after: SignedDuration::from_secs(after),
            pause: self.self_healing_pause,
            grace: self.policy.grace,
            stable: STABLE,
        }
    }

    /// Sets the interval between runs, each with a listing of its own.
    pub fn every(&mut self, interval: Duration) {
        let seconds = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX).max(1);
        self.interval = SignedDuration::from_secs(seconds);
        self.policy.heartbeat = self.policy.heartbeat.max(self.interval);
        self.fleet.quiet = self.interval.saturating_mul(2);
        self.listing_interval = self.listing_interval.min(self.interval);
    }

    /// A time rounded down to the interval: the scheduled time of its run.
    pub fn slot(&self, at: Timestamp) -> Timestamp {
        let interval = self.interval.as_secs().max(1);
        let second = at.as_second().div_euclid(interval) * interval;
        Timestamp::from_second(second).unwrap_or(at)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn all_that_is_wrong_is_named() {
        let environment = BTreeMap::from([
            (SWEEP_INTERVAL, "0".to_owned()),
            (SWEEP_CONCURRENCY, "many".to_owned()),
            (SWEEP_FAILURES, "5".to_owned()),
            (SELF_HEALING, "true".to_owned()),
            (SELF_HEALING_PAUSE, "5m".to_owned()),
        ]);
        let mut reader = Reader::new(&environment);
        assert!(Settings::read(&mut reader).is_none());
        assert_eq!(
            reader.into_error().to_string(),
            "bad configuration: SWEEP_INTERVAL must be a whole number from 1 to 1000000; \
             SWEEP_CONCURRENCY must be a whole number from 1 to 1000000; SELF_HEALING_PAUSE \
             must be a whole number from 1 to 1000000; SELF_HEALING must be on or off"
        );
    }

    #[test]
    fn a_heartbeat_is_never_faster_than_the_sweep() {
        let environment = BTreeMap::from([(SWEEP_INTERVAL, "3600".to_owned())]);
        let settings = Settings::read(&mut Reader::new(&environment)).unwrap();
        assert_eq!(settings.policy.heartbeat, SignedDuration::from_hours(1));
    }

    #[test]
    fn nobody_is_healed_unless_it_is_wanted_and_controls_are_on() {
        use ControlsSwitch::{Off, On};
        for (value, switch, self_healing) in [
            (None, On, false),
            (Some("off"), On, false),
            (Some("on"), On, true),
            (Some("on"), Off, false),
        ] {
            let value = value.unwrap_or_default().to_owned();
            let environment = BTreeMap::from([(SELF_HEALING, value)]);
            let settings = Settings::read(&mut Reader::new(&environment)).unwrap();
            assert_eq!(
                settings.self_healing_enabled(switch),
                self_healing,
                "{environment:?}"
            );
        }
    }

    #[test]
    fn every_moment_of_a_minute_belongs_to_the_same_sweep() {
        let settings = Settings::default();
        for time in ["2026-04-04T03:10:00Z", "2026-04-04T03:10:59.9Z"] {
            let slot = settings.slot(time.parse().unwrap());
            assert_eq!(slot.to_string(), "2026-04-04T03:10:00Z", "{time}");
        }
    }
}
