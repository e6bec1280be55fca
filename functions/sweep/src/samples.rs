//! Figures of probes that are not written yet.
//!
//! A write for each probe would be most of a sweep's bill. So they are added up
//! here and written once a heartbeat of each agent, and with its transitions. A
//! process that ends takes at most a heartbeat of them with it, and no uptime:
//! that is made of transitions. An agent takes a few hundred bytes.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::model::InstanceId;
use common::store::Bucket;
use common::watch::{Histogram, Policy};
use jiff::Timestamp;

/// The figures of all agents that this process has asked.
#[derive(Default)]
pub(crate) struct Samples(Mutex<HashMap<InstanceId, Sample>>);

/// The figures of an agent.
struct Sample {
    /// The sweep of the oldest one.
    begun: Timestamp,
    /// By hour, oldest first.
    buckets: Vec<Bucket>,
}

impl Samples {
    /// Adds a probe: how long the agent took to answer well, or none if it did
    /// not.
    pub(crate) fn record(
        &self,
        agent: &InstanceId,
        sweep: Timestamp,
        at: Timestamp,
        well: Option<Duration>,
    ) {
        let mut latency = Histogram::default();
        if let Some(took) = well {
            latency.record(took);
        }
        self.add(
            agent,
            sweep,
            Bucket {
                hour: hour_of(at),
                probes: 1,
                failures: u64::from(well.is_none()),
                latency,
            },
        );
    }

    /// Adds figures, also such as could not be written.
    pub(crate) fn add(&self, agent: &InstanceId, sweep: Timestamp, bucket: Bucket) {
        let mut samples = self.lock();
        let sample = samples.entry(agent.clone()).or_insert_with(|| Sample {
            begun: sweep,
            buckets: Vec::with_capacity(1),
        });
        sample.begun = sample.begun.min(sweep);
        match sample.buckets.iter_mut().find(|it| it.hour == bucket.hour) {
            Some(known) => {
                known.probes += bucket.probes;
                known.failures += bucket.failures;
                known.latency.merge(&bucket.latency);
            }
            None => sample.buckets.push(bucket),
        }
    }

    /// Takes an agent's figures out, to write them.
    pub(crate) fn take(&self, agent: &InstanceId) -> Vec<Bucket> {
        let taken = self.lock().remove(agent);
        taken.map(|sample| sample.buckets).unwrap_or_default()
    }

    /// Whether an agent's figures are due.
    pub(crate) fn is_due(&self, agent: &InstanceId, sweep: Timestamp, policy: &Policy) -> bool {
        let samples = self.lock();
        let sample = samples.get(agent);
        sample.is_some_and(|sample| policy.heartbeat_is_due(agent, sample.begun, sweep))
    }

    /// The agents whose figures are due: also such as this process does not
    /// sweep any more.
    pub(crate) fn due(&self, sweep: Timestamp, policy: &Policy) -> Vec<InstanceId> {
        let samples = self.lock();
        let due = |(agent, sample): &(&InstanceId, &Sample)| {
            policy.heartbeat_is_due(agent, sample.begun, sweep)
        };
        samples
            .iter()
            .filter(due)
            .map(|(agent, _)| agent.clone())
            .collect()
    }

    /// A panic of another holder leaves nothing half-done here.
    fn lock(&self) -> MutexGuard<'_, HashMap<InstanceId, Sample>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hour_of(at: Timestamp) -> Timestamp {
    let second = at.as_second().div_euclid(3600) * 3600;
    Timestamp::from_second(second).unwrap_or(at)
}
