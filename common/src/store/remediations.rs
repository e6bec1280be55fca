//! What self-healing has done about an agent: an attribute of the instance's own
//! item, so that a sweep reads it with the state.
//!
//! Every write of it counts up a revision and expects the one that was read: of
//! two sweeps that conclude the same, one writes it.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::connection::Item;
use super::{Observations, StoreError, corrupt, instances, parse};
use crate::model::InstanceId;
use crate::watch::{End, Healing, Step, Try, Why};

const HEALING: &str = "healing";

/// The attribute, before its rules are checked. Times are texts.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HealingRecord {
    revision: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    crashes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tries: Vec<TryRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<EndRecord>,
}

#[derive(Serialize, Deserialize)]
struct TryRecord {
    step: Step,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct EndRecord {
    why: Why,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    owed: Option<String>,
}

impl From<&Healing> for HealingRecord {
    fn from(healing: &Healing) -> Self {
        let text = |at: &jiff::Timestamp| at.to_string();
        let tries = healing.tries.iter().map(|it| TryRecord {
            step: it.step,
            at: text(&it.at),
            failure: it.failure.clone(),
        });
        Self {
            revision: healing.revision,
            process: healing.process.as_ref().map(text),
            crashes: healing.crashes.iter().map(text).collect(),
            since: healing.since.as_ref().map(text),
            tries: tries.collect(),
            end: healing.end.as_ref().map(|end| EndRecord {
                why: end.why,
                at: text(&end.at),
                owed: end.owed.as_ref().map(text),
            }),
        }
    }
}

impl TryFrom<HealingRecord> for Healing {
    /// Which attribute breaks which rule.
    type Error = String;

    fn try_from(record: HealingRecord) -> Result<Self, Self::Error> {
        let optional = |name: &str, text: Option<String>| {
            let time = text.map(|text| parse(name, &text));
            time.transpose()
        };
        let tries = record.tries.into_iter().map(|it| {
            Ok::<_, String>(Try {
                step: it.step,
                at: parse("healing.tries.at", &it.at)?,
                failure: it.failure,
            })
        });
        let crashes = record.crashes.iter();
        let crashes = crashes.map(|at| parse("healing.crashes", at));
        let end = record.end.map(|end| {
            Ok::<_, String>(End {
                why: end.why,
                at: parse("healing.end.at", &end.at)?,
                owed: optional("healing.end.owed", end.owed)?,
            })
        });
        Ok(Self {
            revision: record.revision,
            process: optional("healing.process", record.process)?,
            crashes: crashes.collect::<Result<_, _>>()?,
            since: optional("healing.since", record.since)?,
            tries: tries.collect::<Result<_, _>>()?,
            end: end.transpose()?,
        })
    }
}

impl Observations {
    /// Writes what self-healing knows of an agent, unless the record is not the
    /// one of this revision any more, or the instance is gone. The record as it is
    /// then.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn save_healing(
        &self,
        id: &InstanceId,
        healing: &Healing,
    ) -> Result<Option<Healing>, StoreError> {
        let read = healing.revision;
        let next = Healing {
            revision: read.saturating_add(1),
            ..healing.clone()
        };
        let record = serde_dynamo::to_attribute_value(HealingRecord::from(&next));
        let record = record.map_err(|error| StoreError::Failed {
            operation: "writing what self-healing knows",
            cause: error.to_string(),
        })?;
        let mut request = self
            .instances
            .connection
            .client
            .update_item()
            .table_name(&self.instances.table)
            .key(instances::KEY, AttributeValue::S(id.to_string()))
            .update_expression("SET healing = :next")
            .expression_attribute_values(":next", record);
        request = if read == 0 {
            request.condition_expression(
                "attribute_exists(instanceId) AND attribute_not_exists(healing)",
            )
        } else {
            request
                .condition_expression("healing.#revision = :read")
                .expression_attribute_names("#revision", "revision")
                .expression_attribute_values(":read", AttributeValue::N(read.to_string()))
        };
        match request.send().await {
            Ok(_) => Ok(Some(next)),
            Err(error) => StoreError::refused_item(error).map(|_| None),
        }
    }

    /// Takes the attribute out of an item.
    pub(super) fn healing(&self, key: &str, item: &mut Item) -> Result<Healing, StoreError> {
        let Some(value) = item.remove(HEALING) else {
            return Ok(Healing::default());
        };
        let corrupt = |reason: String| corrupt(&self.instances.table, key, reason);
        let record: HealingRecord = serde_dynamo::from_attribute_value(value)
            .map_err(|error| corrupt(format!("{HEALING}: {error}")))?;
        Healing::try_from(record).map_err(corrupt)
    }
}
