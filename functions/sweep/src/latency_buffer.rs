//! Buffers the figures of probes until they are written.
//!
//! A write for each probe would be most of a sweep's cost. So figures are added
//! up here and written with each agent's refresh, and after its transitions. A
//! process that ends loses one refresh interval of them at most, and no uptime,
//! which is computed from transitions. An agent takes a few hundred bytes.
//!
//! What this process measured of an agent in an hour is one item of the
//! history. It is written as a whole each time, so a write whose response is
//! lost counts once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::model::InstanceId;
use common::random;
use common::store::{Bucket, PartialBucket};
use common::watch::{Histogram, Policy};
use jiff::Timestamp;
use uuid::Uuid;

/// The figures of all agents that this process has probed.
pub(crate) struct LatencyBuffer {
    /// Identifies this process in the history.
    process: Uuid,
    agents: Mutex<HashMap<InstanceId, Figures>>,
}

/// The figures of an agent.
struct Figures {
    /// The sweep of the oldest figure that is not written; `None` if all are.
    begun: Option<Timestamp>,
    /// Whether the agent has changed, so that its figures do not wait for the
    /// refresh.
    hastened: bool,
    /// By hour, oldest first: those that are not written, and the last one.
    hours: Vec<Hour>,
}

struct Hour {
    bucket: Bucket,
    written: bool,
}

impl LatencyBuffer {
    pub(crate) fn new() -> Self {
        Self {
            process: random::unique_id(),
            agents: Mutex::default(),
        }
    }

    /// Adds a probe: how long the agent took to answer well, or `None` if it
    /// did not.
    pub(crate) fn record(
        &self,
        agent: &InstanceId,
        scheduled_at: Timestamp,
        at: Timestamp,
        well: Option<Duration>,
    ) {
        let mut latency = Histogram::default();
        if let Some(took) = well {
            latency.record(took);
        }
        let bucket = Bucket {
            hour: hour_of(at),
            probes: 1,
            failures: u64::from(well.is_none()),
            latency,
        };
        let mut agents = self.lock();
        let figures = agents.entry(agent.clone()).or_insert_with(|| Figures {
            begun: None,
            hastened: false,
            hours: Vec::with_capacity(1),
        });
        figures.begun.get_or_insert(scheduled_at);
        match figures
            .hours
            .iter_mut()
            .find(|it| it.bucket.hour == bucket.hour)
        {
            Some(hour) => {
                hour.bucket.merge(&bucket);
                hour.written = false;
            }
            None => {
                figures.hours.retain(|hour| !hour.written);
                figures.hours.push(Hour {
                    bucket,
                    written: false,
                });
            }
        }
    }

    /// Makes the figures of an agent due now.
    pub(crate) fn hasten(&self, agent: &InstanceId) {
        if let Some(figures) = self.lock().get_mut(agent) {
            figures.hastened = figures.begun.is_some();
        }
    }

    /// The agents whose figures are due. Agents that this process no longer
    /// sweeps are included, and forgotten an hour after their last figure.
    pub(crate) fn due(&self, scheduled_at: Timestamp, policy: &Policy) -> Vec<InstanceId> {
        let mut agents = self.lock();
        let goes_on = |hour: &Hour| hour.bucket.hour >= hour_of(scheduled_at);
        agents.retain(|_, figures| figures.begun.is_some() || figures.hours.iter().any(goes_on));
        let due = agents.iter().filter(|(agent, figures)| {
            let is_due =
                |begun| figures.hastened || policy.heartbeat_is_due(agent, begun, scheduled_at);
            figures.begun.is_some_and(is_due)
        });
        due.map(|(agent, _)| agent.clone()).collect()
    }

    /// The figures of these agents that are not written.
    pub(crate) fn parts(&self, of: &[InstanceId]) -> Vec<PartialBucket> {
        let agents = self.lock();
        let buffer = of.iter().filter_map(|agent| agents.get_key_value(agent));
        let parts = buffer.flat_map(|(agent, figures)| {
            let hours = figures.hours.iter().filter(|hour| !hour.written);
            hours.map(|hour| PartialBucket {
                agent: agent.clone(),
                writer: self.process,
                bucket: hour.bucket.clone(),
            })
        });
        parts.collect()
    }

    /// Notes that an item is written. If figures were added to it meanwhile, it
    /// is written again.
    pub(crate) fn written(&self, part: &PartialBucket) {
        let mut agents = self.lock();
        let Some(figures) = agents.get_mut(&part.agent) else {
            return;
        };
        for hour in &mut figures.hours {
            hour.written |= hour.bucket == part.bucket;
        }
        if figures.hours.iter().all(|hour| hour.written) {
            figures.begun = None;
            figures.hastened = false;
        }
    }

    /// A panic of another holder leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, HashMap<InstanceId, Figures>> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hour_of(at: Timestamp) -> Timestamp {
    let second = at.as_second().div_euclid(3600) * 3600;
    Timestamp::from_second(second).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        let start: Timestamp = "2026-04-04T03:00:00Z".parse().unwrap();
        start + jiff::SignedDuration::from_mins(minute)
    }

    fn agent() -> InstanceId {
        "agent".parse().unwrap()
    }

    /// Probes the agent in a minute, and tells whether its figures are due.
    fn probe(buffer: &LatencyBuffer, minute: i64) -> bool {
        buffer.record(&agent(), at(minute), at(minute), Some(Duration::ZERO));
        buffer.due(at(minute), &Policy::default()) == [agent()]
    }

    fn probes(parts: &[PartialBucket]) -> Vec<(String, u64)> {
        let parts = parts.iter().map(|it| &it.bucket);
        parts.map(|it| (it.hour.to_string(), it.probes)).collect()
    }

    #[test]
    fn a_part_is_due_once_a_heartbeat_and_has_all_of_its_hour() {
        let buffer = LatencyBuffer::new();
        let mut written = Vec::new();
        for minute in 0..45 {
            if probe(&buffer, minute) {
                let parts = buffer.parts(&[agent()]);
                parts.iter().for_each(|part| buffer.written(part));
                let [only] = &parts[..] else {
                    panic!("{parts:?}");
                };
                assert_eq!(only.bucket.probes, u64::try_from(minute).unwrap() + 1);
                written.push(minute);
            }
        }
        let [first, second, third] = written[..] else {
            panic!("{written:?}");
        };
        assert_eq!((second - first, third - second), (15, 15));
    }

    #[test]
    fn what_is_not_written_stays_due_and_goes_with_what_comes_to_it() {
        let buffer = LatencyBuffer::new();
        probe(&buffer, 58);
        buffer.hasten(&agent());
        assert_eq!(buffer.due(at(58), &Policy::default()), [agent()]);
        let lost = buffer.parts(&[agent()]);
        assert!(probe(&buffer, 59));
        assert!(probe(&buffer, 60));
        let parts = buffer.parts(&[agent()]);
        let three = ("2026-04-04T03:00:00Z".to_owned(), 2);
        let four = ("2026-04-04T04:00:00Z".to_owned(), 1);
        assert_eq!(probes(&parts), [three.clone(), four]);
        // An answer that comes late is about less than there is now.
        lost.iter().for_each(|part| buffer.written(part));
        assert_eq!(buffer.parts(&[agent()]), parts);
        buffer.written(&parts[1]);
        assert_eq!(probes(&buffer.parts(&[agent()])), [three]);
        assert!(probe(&buffer, 61));
    }

    #[test]
    fn an_agent_that_is_not_asked_any_more_is_forgotten_once_all_is_written() {
        let buffer = LatencyBuffer::new();
        let policy = Policy::default();
        probe(&buffer, 50);
        assert_eq!(buffer.due(at(70), &policy), [agent()]);
        let parts = buffer.parts(&[agent()]);
        parts.iter().for_each(|part| buffer.written(part));
        assert_eq!(buffer.lock().len(), 1);
        buffer.hasten(&agent());
        assert_eq!(buffer.due(at(71), &policy), []);
        assert_eq!(buffer.lock().len(), 0);
    }
}
