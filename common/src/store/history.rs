//! The history of agents, which is kept for ninety days.
//!
//! An instance has three kinds of items: transitions (`transition#` and the
//! sweep that found it), gaps in which no sweep saw it (`gap#` and the end),
//! and hourly [figures](super::Bucket) (`hour#`). Transitions and gaps are
//! written together with the state, by [`AgentStates`](super::AgentStates).

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::connection::Item;
use super::history_keys::{EXPIRES_AT, KEY, SORT_KEY, expiry, hour_key};
use super::{Bucket, Connection, PartialBucket, StoreError, corrupt, figures, parse};
use crate::model::InstanceId;
use crate::watch::{Condition, Gap, Judgement, Symptom, Transition, Trouble};

/// The table of agents' history.
#[derive(Clone, Debug)]
pub struct History {
    pub(super) connection: Connection,
    pub(super) table: String,
}

/// The history of a time range.
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
    pub fn new(connection: Connection, table: String) -> Self {
        Self { connection, table }
    }

    /// The history of an instance since a time, with the whole of the hour that
    /// it lies in.
    ///
    /// # Errors
    /// When DynamoDB fails, or a record is damaged.
    pub async fn since(&self, id: &InstanceId, from: Timestamp) -> Result<Record, StoreError> {
        let (transitions, gaps, buckets) = tokio::try_join!(
            self.items(id, "transition#", from.to_string()),
            self.items(id, "gap#", from.to_string()),
            self.items(id, figures::KIND, hour_key(from)),
        )?;
        Ok(Record {
            transitions: self.decode(transitions, TransitionRecord::decode)?,
            gaps: self.decode(gaps, GapRecord::decode)?,
            buckets: figures::added_up(self.decode(buckets, figures::bucket)?),
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

    /// Writes figures, at most [`BATCH`](super::BATCH) of them, and returns
    /// those that DynamoDB did not accept because it is throttling.
    ///
    /// # Errors
    /// When DynamoDB fails: some or all may have been written.
    pub async fn put<'a>(
        &self,
        parts: &'a [PartialBucket],
    ) -> Result<Vec<&'a PartialBucket>, StoreError> {
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
        let is_left = |part: &&PartialBucket| {
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
            let key = transition_key(transition.scheduled_at);
            let record = TransitionRecord::from(transition);
            items.push(item(id, key, transition.scheduled_at, &record)?);
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

pub(super) fn trouble(symptom: Option<Symptom>, reason: Option<String>) -> Option<Trouble> {
    Some(Trouble {
        symptom: symptom?,
        reason: reason?,
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    degraded: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    degraded_from: Vec<String>,
}

impl From<&Transition> for TransitionRecord {
    fn from(transition: &Transition) -> Self {
        let trouble = transition.trouble.as_ref();
        Self {
            from: transition.from,
            from_since: transition.from_since.map(|at| at.to_string()),
            to: transition.to,
            since: transition.since.to_string(),
            sweep: transition.scheduled_at.to_string(),
            symptom: trouble.map(|trouble| trouble.symptom),
            reason: trouble.map(|trouble| trouble.reason.clone()),
            degraded: transition.degraded.clone(),
            degraded_from: transition.degraded_from.clone(),
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
            scheduled_at: parse("sweep", &record.sweep)?,
            trouble: trouble(record.symptom, record.reason),
            degraded: record.degraded,
            degraded_from: record.degraded_from,
        })
    }
}
