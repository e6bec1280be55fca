//! What became of agents over time, for ninety days.
//!
//! An instance has three kinds of items: its transitions (`transition#` and the
//! sweep that found it), the times in which nobody looked (`gap#` and its end),
//! and hourly figures (`hour#`). Transitions and gaps are written together with
//! the state, by [`Observations`](super::Observations).
//!
//! The figures of an hour are in an item for each process that saw the agent, and
//! whoever reads them adds them up. To add to one item instead would take a request
//! for each agent, where this way one has many, and a request whose answer is lost
//! could count twice.

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::connection::Item;
use super::{Connection, StoreError, corrupt, parse};
use crate::model::InstanceId;
use crate::watch::{Condition, Gap, Histogram, Judgement, Symptom, Transition, Trouble};

pub(super) const KEY: &str = "instanceId";
pub(super) const SORT_KEY: &str = "sortKey";
const EXPIRES_AT: &str = "expiresAt";

/// How long an item is kept.
pub const HISTORY_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Of the sort keys of figures.
const HOUR: &str = "hour#";

/// Of attributes that count a step of a [`Histogram`].
const STEP: &str = "step";

/// The table of what sweeps saw.
#[derive(Clone, Debug)]
pub struct History {
    pub(super) connection: Connection,
    pub(super) table: String,
}

/// The figures of an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The hour's beginning.
    pub hour: Timestamp,
    /// How often the agent was asked.
    pub probes: u64,
    /// How often it did not answer well.
    pub failures: u64,
    /// How long it took to answer well.
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

/// What one process saw of an agent in an hour, or has seen so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The agent.
    pub agent: InstanceId,
    /// The process. What it puts there again takes the place of what it put there.
    pub writer: Uuid,
    /// The figures.
    pub bucket: Bucket,
}

impl Part {
    fn sort_key(&self) -> String {
        let Self { writer, bucket, .. } = self;
        format!("{HOUR}{}#{writer}", hour_key(bucket.hour))
    }

    fn item(&self) -> Item {
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

/// All that is on record of a time.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Oldest first, by the sweep that found them.
    pub transitions: Vec<Transition>,
    /// Oldest first.
    pub gaps: Vec<Gap>,
    /// Oldest first; an hour without probes has none.
    pub buckets: Vec<Bucket>,
}

impl History {
    /// The history in `table`.
    pub fn new(connection: Connection, table: String) -> Self {
        Self { connection, table }
    }

    /// What is on record of an instance since a time; of the hour in which that
    /// lies, the whole.
    ///
    /// # Errors
    /// When DynamoDB fails, or a record is damaged.
    pub async fn since(&self, id: &InstanceId, from: Timestamp) -> Result<Record, StoreError> {
        let (transitions, gaps, buckets) = tokio::try_join!(
            self.items(id, "transition#", from.to_string()),
            self.items(id, "gap#", from.to_string()),
            self.items(id, HOUR, hour_key(from)),
        )?;
        Ok(Record {
            transitions: self.decode(transitions, TransitionRecord::decode)?,
            gaps: self.decode(gaps, GapRecord::decode)?,
            buckets: added_up(self.decode(buckets, bucket)?),
        })
    }

    /// The transition of an instance that a sweep found.
    ///
    /// # Errors
    /// When DynamoDB fails, or the record is damaged.
    pub async fn transition(
        &self,
        id: &InstanceId,
        sweep: Timestamp,
    ) -> Result<Option<Transition>, StoreError> {
        let sort_key = transition_key(sweep);
        let key = [(KEY, id.as_str()), (SORT_KEY, sort_key.as_str())];
        let item = self.connection.item(&self.table, &key).await?;
        let found = self.decode(item.into_iter().collect(), TransitionRecord::decode)?;
        Ok(found.into_iter().next())
    }

    /// Puts figures there, at most [`BATCH`](super::BATCH) of them, and gives those that the table
    /// did not take, because it is throttled.
    ///
    /// # Errors
    /// When DynamoDB fails: then some may have been put there, or all.
    pub async fn put<'a>(&self, parts: &'a [Part]) -> Result<Vec<&'a Part>, StoreError> {
        let mut requests = Vec::with_capacity(parts.len());
        for part in parts {
            let put = PutRequest::builder().set_item(Some(part.item())).build();
            let put = put.map_err(StoreError::build)?;
            requests.push(WriteRequest::builder().put_request(put).build());
        }
        let answer = self
            .connection
            .client
            .batch_write_item()
            .request_items(&self.table, requests)
            .send()
            .await
            .map_err(StoreError::failed("BatchWriteItem"))?;
        let tables = answer.unprocessed_items.unwrap_or_default();
        let left: Vec<&Item> = tables
            .get(&self.table)
            .into_iter()
            .flatten()
            .filter_map(|request| request.put_request().map(PutRequest::item))
            .collect();
        let is_left = |part: &&Part| {
            let key = [
                (KEY, AttributeValue::S(part.agent.to_string())),
                (SORT_KEY, AttributeValue::S(part.sort_key())),
            ];
            let is_it = |item: &&Item| {
                key.iter()
                    .all(|(name, value)| item.get(*name) == Some(value))
            };
            left.iter().any(is_it)
        };
        Ok(parts.iter().filter(is_left).collect())
    }

    /// The items that a judgement adds.
    pub(super) fn events(
        &self,
        id: &InstanceId,
        judgement: &Judgement,
    ) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        if let Some(transition) = &judgement.transition {
            let key = transition_key(transition.sweep);
            let record = TransitionRecord::from(transition);
            items.push(item(id, key, transition.sweep, &record)?);
        }
        if let Some(gap) = &judgement.gap {
            let record = GapRecord {
                from: gap.from.to_string(),
                until: gap.until.to_string(),
            };
            items.push(item(id, format!("gap#{}", gap.until), gap.until, &record)?);
        }
        Ok(items)
    }

    /// The items of a kind, from a key on.
    async fn items(
        &self,
        id: &InstanceId,
        kind: &str,
        from: String,
    ) -> Result<Vec<Item>, StoreError> {
        let mut pages = self
            .connection
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("instanceId = :instance AND sortKey BETWEEN :from AND :until")
            .expression_attribute_values(":instance", AttributeValue::S(id.to_string()))
            .expression_attribute_values(":from", AttributeValue::S(format!("{kind}{from}")))
            // Behind all digits, of which times are made.
            .expression_attribute_values(":until", AttributeValue::S(format!("{kind}~")))
            .into_paginator()
            .items()
            .send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(StoreError::failed("Query"))?);
        }
        Ok(items)
    }

    fn decode<T>(
        &self,
        items: Vec<Item>,
        decode: impl Fn(Item) -> Result<T, String>,
    ) -> Result<Vec<T>, StoreError> {
        items
            .into_iter()
            .map(|item| {
                let key = match (item.get(KEY), item.get(SORT_KEY)) {
                    (Some(AttributeValue::S(id)), Some(AttributeValue::S(key))) => {
                        format!("{id} {key}")
                    }
                    _ => "without a key".to_owned(),
                };
                decode(item).map_err(|reason| corrupt(&self.table, &key, reason))
            })
            .collect()
    }
}

fn transition_key(sweep: Timestamp) -> String {
    format!("transition#{sweep}")
}

/// `2026-04-04T03`, which sorts by time.
fn hour_key(at: Timestamp) -> String {
    at.to_string().chars().take(13).collect()
}

fn expiry(at: Timestamp) -> AttributeValue {
    let at = at.as_second().saturating_add(HISTORY_KEPT.as_secs());
    AttributeValue::N(at.to_string())
}

fn item(
    id: &InstanceId,
    sort_key: String,
    at: Timestamp,
    record: &impl Serialize,
) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(record).map_err(|error| StoreError::Failed {
        operation: "writing history",
        cause: error.to_string(),
    })?;
    item.insert(KEY.to_owned(), AttributeValue::S(id.to_string()));
    item.insert(SORT_KEY.to_owned(), AttributeValue::S(sort_key));
    item.insert(EXPIRES_AT.to_owned(), expiry(at));
    Ok(item)
}

/// Both are there, or neither.
pub(super) fn trouble(symptom: Option<Symptom>, reason: Option<String>) -> Option<Trouble> {
    Some(Trouble {
        symptom: symptom?,
        reason: reason?,
    })
}

/// Adds parts up, of which those of an hour follow each other.
fn added_up(parts: Vec<Bucket>) -> Vec<Bucket> {
    let mut hours: Vec<Bucket> = Vec::new();
    for part in parts {
        match hours.last_mut() {
            Some(last) if last.hour == part.hour => last.merge(&part),
            _ => hours.push(part),
        }
    }
    hours
}

fn bucket(item: Item) -> Result<Bucket, String> {
    let number = |name: &str| match item.get(name) {
        Some(AttributeValue::N(text)) => parse::<u64>(name, text),
        None => Ok(0),
        Some(_) => Err(format!("{name} is no number")),
    };
    let hour = match item.get(SORT_KEY) {
        Some(AttributeValue::S(key)) => key.strip_prefix(HOUR),
        _ => None,
    };
    let hour = hour.ok_or("sortKey is missing")?;
    // What an earlier version put there has no writer.
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

#[derive(Serialize, Deserialize)]
struct GapRecord {
    from: String,
    until: String,
}

impl GapRecord {
    fn decode(item: Item) -> Result<Gap, String> {
        let record: Self = serde_dynamo::from_item(item).map_err(|error| error.to_string())?;
        Ok(Gap {
            from: parse("from", &record.from)?,
            until: parse("until", &record.until)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TransitionRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Condition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_since: Option<String>,
    to: Condition,
    since: String,
    sweep: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    symptom: Option<Symptom>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<&Transition> for TransitionRecord {
    fn from(transition: &Transition) -> Self {
        let trouble = transition.trouble.as_ref();
        Self {
            from: transition.from,
            from_since: transition.from_since.map(|at| at.to_string()),
            to: transition.to,
            since: transition.since.to_string(),
            sweep: transition.sweep.to_string(),
            symptom: trouble.map(|trouble| trouble.symptom),
            reason: trouble.map(|trouble| trouble.reason.clone()),
        }
    }
}

impl TransitionRecord {
    fn decode(item: Item) -> Result<Transition, String> {
        let record: Self = serde_dynamo::from_item(item).map_err(|error| error.to_string())?;
        Ok(Transition {
            from: record.from,
            from_since: record
                .from_since
                .map(|at| parse("fromSince", &at))
                .transpose()?,
            to: record.to,
            since: parse("since", &record.since)?,
            sweep: parse("sweep", &record.sweep)?,
            trouble: trouble(record.symptom, record.reason),
        })
    }
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
            Part {
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
