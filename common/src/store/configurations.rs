//! Agents' configurations, in a table of its own: they contain keys.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Connection, StoreError, corrupt};
use crate::model::{AgentSetup, InstanceId};

const KEY: &str = "instanceId";

/// The largest setup as JSON, in bytes: below the 400 KB of a DynamoDB item,
/// with room for attributes of later versions.
const LIMIT: usize = 320 * 1024;

/// How often a change is retried when others write first.
const ATTEMPTS: usize = 16;

/// The table of agents' setups.
#[derive(Clone, Debug)]
pub struct Configurations {
    connection: Connection,
    table: String,
}

/// A setup as it is stored.
#[derive(Clone, Debug)]
pub struct StoredSetup {
    pub setup: AgentSetup,
    /// Incremented by each change.
    pub revision: u64,
}

/// JSON is stored as text: DynamoDB's own maps allow less nesting and smaller
/// numbers.
#[derive(Deserialize)]
struct SetupRecord {
    configuration: String,
    device: Option<String>,
    revision: u64,
}

impl Configurations {
    pub fn new(connection: Connection, table: String) -> Self {
        Self { connection, table }
    }

    /// The setup of an agent.
    ///
    /// # Errors
    /// When DynamoDB fails, or the record is damaged.
    pub async fn get(&self, instance: &InstanceId) -> Result<Option<StoredSetup>, StoreError> {
        let key = [(KEY, instance.as_str())];
        let item = self.connection.item(&self.table, &key).await?;
        let Some(item) = item else {
            return Ok(None);
        };
        // Causes are left out: they could repeat a part of a secret.
        let damaged = |what: &str| corrupt(&self.table, instance.as_str(), what.to_owned());
        let record: SetupRecord =
            serde_dynamo::from_item(item).map_err(|_| damaged("an attribute"))?;
        let object = |name: &str, text: String| {
            serde_json::from_str::<Map<String, Value>>(&text)
                .map_err(|_| damaged(&format!("{name} is no JSON object")))
        };
        Ok(Some(StoredSetup {
            setup: AgentSetup {
                configuration: object("configuration", record.configuration)?,
                device: record
                    .device
                    .map(|text| object("device", text))
                    .transpose()?,
            },
            revision: record.revision,
        }))
    }

    /// Changes a setup. `change` gets the stored one, and returns `None` to
    /// leave it as it is; it is called again if somebody else writes in
    /// between, so no change is lost. Returns what is stored then.
    ///
    /// # Errors
    /// When DynamoDB fails, the record is damaged, others keep writing first,
    /// or the setup is too large to be stored.
    pub async fn update(
        &self,
        instance: &InstanceId,
        now: Timestamp,
        mut change: impl FnMut(Option<&AgentSetup>) -> Option<AgentSetup>,
    ) -> Result<Option<StoredSetup>, StoreError> {
        for _ in 0..ATTEMPTS {
            let stored = self.get(instance).await?;
            let Some(setup) = change(stored.as_ref().map(|stored| &stored.setup)) else {
                return Ok(stored);
            };
            let read = stored.map_or(0, |stored| stored.revision);
            let next = StoredSetup {
                setup,
                revision: read.saturating_add(1),
            };
            if self.replace(instance, &next, read, now).await? {
                return Ok(Some(next));
            }
        }
        Err(StoreError::Failed {
            operation: "UpdateItem",
            cause: format!("the setup changed {ATTEMPTS} times while it was being changed"),
        })
    }

    /// Writes a setup if the stored one still has the revision that was read; 0
    /// means that there was none.
    async fn replace(
        &self,
        instance: &InstanceId,
        next: &StoredSetup,
        read: u64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let text = |object: &Map<String, Value>| {
            serde_json::to_string(object).map_err(|error| StoreError::Failed {
                operation: "writing JSON",
                cause: error.to_string(),
            })
        };
        let configuration = text(&next.setup.configuration)?;
        let device = next.setup.device.as_ref().map(text).transpose()?;
        let size = configuration.len() + device.as_ref().map_or(0, String::len);
        if size > LIMIT {
            return Err(StoreError::Failed {
                operation: "UpdateItem",
                cause: format!("a setup of {size} bytes is larger than {LIMIT}"),
            });
        }
        let (set_device, remove_device) = match device {
            Some(_) => (", device = :device", ""),
            None => ("", " REMOVE device"),
        };
        let answer = self
            .connection
            .client
            .update_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(instance.to_string()))
            .condition_expression(match read {
                0 => "attribute_not_exists(revision)",
                _ => "revision = :read",
            })
            .update_expression(format!(
                "SET configuration = :configuration, revision = :next, updatedAt = :now\
                 {set_device}{remove_device}"
            ))
            .set_expression_attribute_values(Some(
                [
                    Some((":configuration", AttributeValue::S(configuration))),
                    Some((":next", number(next.revision))),
                    Some((":now", AttributeValue::S(now.to_string()))),
                    device.map(|text| (":device", AttributeValue::S(text))),
                    (read > 0).then(|| (":read", number(read))),
                ]
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            ))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(error) => StoreError::refused_item(error).map(|_| false),
        }
    }
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
