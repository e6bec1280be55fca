//! Instance records.

use std::fmt::Display;
use std::str::FromStr;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::connection::Item;
use super::{Connection, Lease, StoreError, corrupt, parse};
use crate::clock::iso8601;
use crate::model::{AgentUrl, Image, Instance, InstanceId, UserId};

pub(super) const KEY: &str = "instanceId";
const OWNER: &str = "ownerId";
const OWNER_INDEX: &str = "by-owner";

/// The table of instance records.
#[derive(Clone, Debug)]
pub struct Instances {
    pub(super) connection: Connection,
    pub(super) table: String,
}

/// What a write does to one attribute.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Change<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

/// What the platform registers about an instance. Fields that are left out stay
/// as they are.
#[derive(Clone, Debug)]
pub struct Registration {
    pub owner: UserId,
    pub openclaw_url: Change<AgentUrl>,
    pub plan: Change<String>,
    pub runtime_service_id: Change<String>,
    pub subscription_status: Change<String>,
    pub provisioned_at: Change<Timestamp>,
    pub metadata: Change<Map<String, Value>>,
}

/// The outcome of a registration.
#[derive(Clone, Debug)]
pub struct Saved {
    pub instance: Instance,
    /// Whether the record is new.
    pub created: bool,
}

impl Registration {
    /// A registration that sets the owner and nothing else.
    pub fn of_owner(owner: UserId) -> Self {
        Self {
            owner,
            openclaw_url: Change::Keep,
            plan: Change::Keep,
            runtime_service_id: Change::Keep,
            subscription_status: Change::Keep,
            provisioned_at: Change::Keep,
            metadata: Change::Keep,
        }
    }

    fn changes(self) -> [(&'static str, Change<AttributeValue>); 7] {
        [
            (OWNER, Change::Set(self.owner).into_attribute()),
            ("openclawUrl", self.openclaw_url.into_attribute()),
            ("plan", self.plan.into_attribute()),
            ("runtimeServiceId", self.runtime_service_id.into_attribute()),
            (
                "subscriptionStatus",
                self.subscription_status.into_attribute(),
            ),
            ("provisionedAt", self.provisioned_at.into_attribute()),
            (
                "metadata",
                self.metadata.map(Value::Object).into_attribute(),
            ),
        ]
    }
}

impl<T> Change<T> {
    fn map<U>(self, f: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Self::Keep => Change::Keep,
            Self::Clear => Change::Clear,
            Self::Set(value) => Change::Set(f(value)),
        }
    }
}

impl<T: ToString> Change<T> {
    fn into_attribute(self) -> Change<AttributeValue> {
        self.map(|value| AttributeValue::S(value.to_string()))
    }
}

impl Instances {
    pub fn new(connection: Connection, table: String) -> Self {
        Self { connection, table }
    }

    /// The instance of this id.
    ///
    /// # Errors
    /// When DynamoDB fails, or the record is damaged.
    pub async fn get(&self, id: &InstanceId) -> Result<Option<Instance>, StoreError> {
        let key = [(KEY, id.as_str())];
        let item = self.connection.item(&self.table, &key).await?;
        item.map(|item| self.decode(item)).transpose()
    }

    /// The instance of this owner; of several, the one created last: a platform
    /// that provisions again means the new one. It is found through an index,
    /// which may lag behind a write by a moment, and then read consistently.
    ///
    /// # Errors
    /// When DynamoDB fails, or the record is damaged.
    pub async fn of_owner(&self, owner: &UserId) -> Result<Option<Instance>, StoreError> {
        let mut pages = self
            .connection
            .client
            .query()
            .table_name(&self.table)
            .index_name(OWNER_INDEX)
            .key_condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", OWNER)
            .expression_attribute_values(":owner", AttributeValue::S(owner.to_string()))
            .into_paginator()
            .items()
            .send();
        let mut latest: Option<(Option<Timestamp>, InstanceId)> = None;
        while let Some(item) = pages.next().await {
            let found = self.indexed(item.map_err(StoreError::failed("Query"))?)?;
            latest = latest.max(Some(found));
        }
        let Some((_, id)) = latest else {
            return Ok(None);
        };
        let instance = self.get(&id).await?;
        Ok(instance.filter(|instance| instance.owner == *owner))
    }

    /// Creates a record, or updates the fields that the registration has, in
    /// one write.
    ///
    /// # Errors
    /// When DynamoDB fails, or the record is damaged in an attribute that the
    /// registration leaves alone.
    pub async fn register(
        &self,
        id: &InstanceId,
        registration: Registration,
        now: Timestamp,
    ) -> Result<Saved, StoreError> {
        let changes = registration.changes();
        let now = AttributeValue::S(now.to_string());
        let mut set = vec!["createdAt = if_not_exists(createdAt, :createdAt)".to_owned()];
        let mut remove = Vec::new();
        let mut request = self
            .update(id)
            .expression_attribute_values(":createdAt", now.clone())
            .return_values(ReturnValue::AllOld);
        for (name, change) in &changes {
            match change {
                Change::Keep => continue,
                Change::Clear => remove.push(format!("#{name}")),
                Change::Set(value) => {
                    set.push(format!("#{name} = :{name}"));
                    request =
                        request.expression_attribute_values(format!(":{name}"), value.clone());
                }
            }
            request = request.expression_attribute_names(format!("#{name}"), *name);
        }
        let mut expression = format!("SET {}", set.join(", "));
        if !remove.is_empty() {
            expression.push_str(&format!(" REMOVE {}", remove.join(", ")));
        }
        let answer = request
            .update_expression(expression)
            .send()
            .await
            .map_err(StoreError::failed("UpdateItem"))?;

        // The old item and the change together are the new one, with no second
        // read in between which could see somebody else's write.
        let mut item = answer.attributes.unwrap_or_default();
        // Of an item that was not there, DynamoDB tells nothing and the embedded
        // one tells the key.
        let created = item.keys().all(|name| name == KEY);
        item.insert(KEY.to_owned(), AttributeValue::S(id.to_string()));
        item.entry("createdAt".to_owned()).or_insert(now);
        for (name, change) in changes {
            match change {
                Change::Keep => {}
                Change::Clear => {
                    item.remove(name);
                }
                Change::Set(value) => {
                    item.insert(name.to_owned(), value);
                }
            }
        }
        Ok(Saved {
            instance: self.decode(item)?,
            created,
        })
    }

    /// An update of the item of an instance, without its condition.
    pub(super) fn update(&self, id: &InstanceId) -> UpdateItemFluentBuilder {
        let request = self.connection.client.update_item();
        request
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(id.to_string()))
    }

    /// Records which Railway service runs an instance, unless one is on record.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn record_service(&self, id: &InstanceId, service: &str) -> Result<(), StoreError> {
        let answer = self
            .update(id)
            // An instance that was deleted meanwhile must not come back as a
            // fragment.
            .condition_expression(
                "attribute_exists(instanceId) AND attribute_not_exists(runtimeServiceId)",
            )
            .update_expression("SET runtimeServiceId = :service")
            .expression_attribute_values(":service", AttributeValue::S(service.to_owned()))
            .send()
            .await;
        StoreError::unless_refused(answer)
    }

    /// Records that an instance was deployed: what it reported before may no
    /// longer be true.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn record_deployment(
        &self,
        id: &InstanceId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let answer = self
            .update(id)
            .condition_expression("attribute_exists(instanceId)")
            .update_expression("SET deployedAt = :at")
            .expression_attribute_values(":at", AttributeValue::S(iso8601(at)))
            .send()
            .await;
        StoreError::unless_refused(answer)
    }

    /// Records the image that an instance was told to run, unless the holder of
    /// a later lease did so meanwhile.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn record_image(&self, lease: &Lease, image: &Image) -> Result<(), StoreError> {
        let version = image.version().to_string();
        let answer = self
            .update(&lease.instance)
            .condition_expression(
                "attribute_exists(instanceId) \
                 AND (attribute_not_exists(imageFence) OR imageFence <= :fence)",
            )
            .update_expression(
                "SET image = :image, openclawVersion = :version, imageFence = :fence",
            )
            .expression_attribute_values(":image", AttributeValue::S(image.to_string()))
            .expression_attribute_values(":version", AttributeValue::S(version))
            .expression_attribute_values(":fence", AttributeValue::N(lease.fence.to_string()))
            .send()
            .await;
        StoreError::unless_refused(answer)
    }

    /// When an instance of the index was created, and its id.
    fn indexed(&self, item: Item) -> Result<(Option<Timestamp>, InstanceId), StoreError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Indexed {
            instance_id: String,
            created_at: Option<String>,
        }

        let Indexed {
            instance_id,
            created_at,
        } = serde_dynamo::from_item(item)
            .map_err(|error| corrupt(&self.table, OWNER_INDEX, error.to_string()))?;
        let corrupt = |reason| corrupt(&self.table, &instance_id, reason);
        Ok((
            optional("createdAt", created_at).map_err(corrupt)?,
            parse("instanceId", &instance_id).map_err(corrupt)?,
        ))
    }

    pub(super) fn decode(&self, item: Item) -> Result<Instance, StoreError> {
        let key = match item.get(KEY) {
            Some(AttributeValue::S(id)) => id.clone(),
            _ => "without an id".to_owned(),
        };
        let corrupt = |reason| corrupt(&self.table, &key, reason);
        match serde_dynamo::from_item::<_, InstanceRecord>(item) {
            Ok(record) => Instance::try_from(record).map_err(corrupt),
            Err(error) => Err(corrupt(error.to_string())),
        }
    }
}

/// An item as stored, not yet validated.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InstanceRecord {
    instance_id: String,
    owner_id: String,
    openclaw_url: Option<String>,
    plan: Option<String>,
    runtime_service_id: Option<String>,
    subscription_status: Option<String>,
    created_at: Option<String>,
    registered_at: Option<String>,
    provisioned_at: Option<String>,
    last_seen_at: Option<String>,
    gateway_process_status: Option<String>,
    reported_version: Option<String>,
    openclaw_version: Option<String>,
    deployed_at: Option<String>,
    observed: Option<Observed>,
    /// JSON text: DynamoDB's own maps allow less nesting and smaller numbers.
    metadata: Option<String>,
}

/// The part of the sweep's record that is shown with the instance.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Observed {
    seen_at: String,
    #[serde(default)]
    degraded: Vec<String>,
}

impl TryFrom<InstanceRecord> for Instance {
    /// The error names the attribute and the rule that it breaks.
    type Error = String;

    fn try_from(record: InstanceRecord) -> Result<Self, Self::Error> {
        Ok(Self {
            id: parse("instanceId", &record.instance_id)?,
            owner: parse("ownerId", &record.owner_id)?,
            openclaw_url: optional("openclawUrl", record.openclaw_url)?,
            plan: record.plan,
            runtime_service_id: record.runtime_service_id,
            subscription_status: record.subscription_status,
            created_at: optional("createdAt", record.created_at)?,
            registered_at: optional("registeredAt", record.registered_at)?,
            provisioned_at: optional("provisionedAt", record.provisioned_at)?,
            last_seen_at: optional("lastSeenAt", record.last_seen_at)?,
            gateway_process_status: record.gateway_process_status,
            reported_version: optional("reportedVersion", record.reported_version)?,
            // An image may have a tag that is no release.
            told_version: record.openclaw_version.and_then(|text| text.parse().ok()),
            deployed_at: optional("deployedAt", record.deployed_at)?,
            observed_at: record
                .observed
                .as_ref()
                .map(|observed| parse("observed.seenAt", &observed.seen_at))
                .transpose()?,
            degraded: record
                .observed
                .map_or_else(Vec::new, |observed| observed.degraded),
            metadata: record
                .metadata
                .map(|text| serde_json::from_str(&text))
                .transpose()
                .map_err(|error| format!("metadata is no JSON object: {error}"))?,
        })
    }
}

fn optional<T: FromStr<Err: Display>>(
    name: &str,
    text: Option<String>,
) -> Result<Option<T>, String> {
    text.map(|text| parse(name, &text)).transpose()
}
