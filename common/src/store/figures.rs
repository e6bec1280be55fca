//! Hourly figures of agents, in the history.
//!
//! Each process that probed an agent in an hour has an item of its own, and a
//! reader adds them up. Adding to one shared item would take a request for each
//! agent, where a batch has many, and a request whose response is lost could
//! count twice.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use uuid::Uuid;

use super::connection::Item;
use super::history_keys::{EXPIRES_AT, KEY, SORT_KEY, expiry, hour_key};
use super::parse;
use crate::model::InstanceId;
use crate::watch::Histogram;

/// The prefix of their sort keys.
pub(super) const KIND: &str = "hour#";

/// The prefix of attributes that count a bucket of a [`Histogram`].
const STEP: &str = "step";

/// The figures of an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The beginning of the hour.
    pub hour: Timestamp,
    /// How often the agent was probed.
    pub probes: u64,
    /// How often it did not answer well.
    pub failures: u64,
    /// How long the good answers took.
    pub latency: Histogram,
}

impl Bucket {
    /// Adds figures of the same hour.
    pub fn merge(&mut self, other: &Self) {
        self.probes += other.probes;
        self.failures += other.failures;
        self.latency.merge(&other.latency);
    }
}

/// The figures of one agent, hour and process, so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialBucket {
    pub agent: InstanceId,
    /// The process. A later write of it replaces an earlier one.
    pub writer: Uuid,
    pub bucket: Bucket,
}

impl PartialBucket {
    pub(super) fn sort_key(&self) -> String {
        let Self { writer, bucket, .. } = self;
        format!("{KIND}{}#{writer}", hour_key(bucket.hour))
    }

    pub(super) fn item(&self) -> Item {
        let number = |value: u64| AttributeValue::N(value.to_string());
        let Self { agent, bucket, .. } = self;
        let steps = bucket.latency.counted();
        let steps = steps.map(|(step, count)| (format!("{STEP}{step}"), number(count.into())));
        [
            (KEY, AttributeValue::S(agent.to_string())),
            (SORT_KEY, AttributeValue::S(self.sort_key())),
            (EXPIRES_AT, expiry(bucket.hour)),
            ("probes", number(bucket.probes)),
            ("failures", number(bucket.failures)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .chain(steps)
        .collect()
    }
}

/// Adds up the parts of each hour; those of an hour follow each other.
pub(super) fn added_up(parts: Vec<Bucket>) -> Vec<Bucket> {
    let mut hours: Vec<Bucket> = Vec::new();
    for part in parts {
        match hours.last_mut() {
            Some(last) if last.hour == part.hour => last.merge(&part),
            _ => hours.push(part),
        }
    }
    hours
}

pub(super) fn bucket(item: Item) -> Result<Bucket, String> {
    let number = |name: &str| match item.get(name) {
        Some(AttributeValue::N(text)) => parse::<u64>(name, text),
        None => Ok(0),
        Some(_) => Err(format!("{name} is no number")),
    };
    let hour = match item.get(SORT_KEY) {
        Some(AttributeValue::S(key)) => key.strip_prefix(KIND),
        _ => None,
    };
    let hour = hour.ok_or("sortKey is missing")?;
    // Items of an earlier version name no process.
    let hour = hour.split_once('#').map_or(hour, |(hour, _)| hour);
    let mut latency = Histogram::default();
    for name in item.keys() {
        if let Some(step) = name.strip_prefix(STEP) {
            let count = u32::try_from(number(name)?).unwrap_or(u32::MAX);
            latency.add(parse(name, step)?, count);
        }
    }
    Ok(Bucket {
        hour: parse("sortKey", &format!("{hour}:00:00Z"))?,
        probes: number("probes")?,
        failures: number("failures")?,
        latency,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_of_an_hour_are_added_up_with_and_without_a_writer() {
        let part = |hour: &str, writer: u128| {
            let mut latency = Histogram::default();
            latency.add(3, 2);
            let bucket = Bucket {
                hour: hour.parse().unwrap(),
                probes: 3,
                failures: 1,
                latency,
            };
            PartialBucket {
                agent: "agent".parse().unwrap(),
                writer: Uuid::from_u128(writer),
                bucket,
            }
        };
        let mut items = [
            part("2026-04-04T03:00:00Z", 1),
            part("2026-04-04T03:00:00Z", 2),
            part("2026-04-04T04:00:00Z", 1),
        ]
        .map(|part| part.item());
        let key = AttributeValue::S("hour#2026-04-04T03".to_owned());
        items[0].insert(SORT_KEY.to_owned(), key);
        let parts = items.map(|item| bucket(item).unwrap());
        let told: Vec<_> = added_up(parts.to_vec())
            .into_iter()
            .map(|it| (it.hour.to_string(), it.probes, it.failures, it.latency))
            .collect();
        let latency = |count| {
            let mut latency = Histogram::default();
            latency.add(3, count);
            latency
        };
        assert_eq!(
            told,
            [
                ("2026-04-04T03:00:00Z".to_owned(), 6, 2, latency(4)),
                ("2026-04-04T04:00:00Z".to_owned(), 3, 1, latency(2)),
            ]
        );
    }
}
