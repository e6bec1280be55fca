//! Resource usage of all services, as Railway measures it: one request.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::client::Railway;
use super::documents::{Metrics as MetricsQuery, metrics};
use super::error::ResolveError;
use crate::model::{Bytes, Usage};

/// How far back the newest sample of what is used now may lie, and how often
/// Railway samples it.
const USAGE_WINDOW: SignedDuration = SignedDuration::from_mins(3);
const USAGE_RATE: SignedDuration = SignedDuration::from_secs(30);

/// How far back traffic is summed up, and of what time each sample is the sum.
/// Finer samples of a day would be many megabytes for a large fleet.
const TRAFFIC_WINDOW: SignedDuration = SignedDuration::from_hours(24);
const TRAFFIC_RATE: SignedDuration = SignedDuration::from_hours(1);

/// What every service of the environment uses, by the service's id.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    by_service: HashMap<String, ServiceMetrics>,
    asked_at: Option<Timestamp>,
}

/// What one service uses. What Railway did not measure is missing.
#[derive(Clone, Debug, Default, PartialEq)]
struct ServiceMetrics {
    cpu: Option<Sample>,
    memory: Option<Sample>,
    memory_limit: Option<Sample>,
    disk: Option<Sample>,
    received: Vec<Sample>,
    sent: Vec<Sample>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    at: Timestamp,
    value: f64,
}

impl Metrics {
    /// The usage of the service with this id, whose container began at `since`;
    /// `None` if Railway measured neither CPU nor memory in the last minutes.
    ///
    /// Traffic counts from the container's beginning, for a day at the most,
    /// and by whole hours.
    pub fn of(&self, service_id: &str, since: Timestamp) -> Option<Usage> {
        let metrics = self.by_service.get(service_id)?;
        let (cpu, memory) = (metrics.cpu?, metrics.memory?);
        let memory_bytes = |sample: Sample| Bytes::of_binary_gb(sample.value);
        let begun = |sample: &&Sample| sample.at + TRAFFIC_RATE > since;
        let sum = |samples: &[Sample]| {
            let counted = samples.iter().filter(begun);
            // The sum of nothing is a negative zero.
            Bytes::of_decimal_gb(counted.fold(0.0, |sum, sample| sum + sample.value))
        };
        Some(Usage {
            measured_at: cpu.at.max(memory.at),
            vcpus: cpu.value,
            memory: memory_bytes(memory),
            memory_limit: metrics
                .memory_limit
                .filter(|limit| limit.value > 0.0)
                .map(memory_bytes),
            received: sum(&metrics.received),
            sent: sum(&metrics.sent),
            has_volume: metrics.disk.is_some(),
        })
    }

    /// When Railway was asked.
    pub fn asked_at(&self) -> Option<Timestamp> {
        self.asked_at
    }
}

impl Railway {
    /// Reads the usage of all services, in one request.
    ///
    /// # Errors
    /// When a variable is not set, or Railway fails.
    pub async fn metrics(&self, now: Timestamp) -> Result<Metrics, ResolveError> {
        let access = self.access.clone()?;
        let variables = metrics::Variables {
            project_id: access.project_id.clone(),
            environment_id: access.environment_id.clone(),
            usage_from: now - USAGE_WINDOW,
            usage_rate: USAGE_RATE.as_secs(),
            traffic_from: now - TRAFFIC_WINDOW,
            traffic_rate: TRAFFIC_RATE.as_secs(),
        };
        let answer = self
            .read::<MetricsQuery>(&access, variables, self.deadline())
            .await?;
        Ok(Metrics::new(answer.data, now))
    }
}

impl Metrics {
    fn new(data: metrics::ResponseData, now: Timestamp) -> Self {
        use metrics::MetricMeasurement as Measurement;

        let mut by_service: HashMap<String, ServiceMetrics> = HashMap::new();
        for series in data.usage.into_iter().chain(data.traffic) {
            // Series without a service, or of one that is gone, are dropped.
            let Some(service) = series.tags.service_id else {
                continue;
            };
            let samples: Vec<Sample> = series.values.iter().filter_map(Sample::of).collect();
            let newest = samples.iter().copied().max_by_key(|sample| sample.at);
            let metrics = by_service.entry(service).or_default();
            match series.measurement {
                Measurement::CPU_USAGE => metrics.cpu = newest,
                Measurement::MEMORY_USAGE_GB => metrics.memory = newest,
                Measurement::MEMORY_LIMIT_GB => metrics.memory_limit = newest,
                Measurement::DISK_USAGE_GB => metrics.disk = newest,
                Measurement::NETWORK_RX_GB => metrics.received = samples,
                Measurement::NETWORK_TX_GB => metrics.sent = samples,
                _ => {}
            }
        }
        Self {
            by_service,
            asked_at: Some(now),
        }
    }
}

impl Sample {
    /// A sample that can be one: below zero nothing is used.
    fn of(sample: &metrics::SeriesValues) -> Option<Self> {
        let value = Some(sample.value).filter(|value| value.is_finite() && *value >= 0.0)?;
        let at = Timestamp::from_second(sample.ts).ok()?;
        Some(Self { at, value })
    }
}
