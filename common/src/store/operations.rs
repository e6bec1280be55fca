//! Operations on agents, and the idempotency keys that were used for them.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::connection::Item;
use super::{Connection, StoreError, corrupt, parse};
use crate::model::{
    Control, Failure, FailureKind, IdempotencyKey, Image, InstanceId, Operation, OperationId,
    OperationState,
};

const KEY: &str = "instanceId";
const SORT_KEY: &str = "sortKey";
const EXPIRES_AT: &str = "expiresAt";

const KEY_MEMORY: SignedDuration = SignedDuration::from_hours(24);

/// How long an operation is on record.
const RECORD: SignedDuration = SignedDuration::from_hours(24 * 365);

/// The table of operations. An instance has three kinds of items in it: its
/// operations (`op#…`, which sort by time), its lease, and the idempotency keys
/// that were used (`key#…`).
#[derive(Clone, Debug)]
pub struct Operations {
    pub(super) connection: Connection,
    pub(super) table: String,
}

/// What an idempotency key was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedKey {
    pub control: Control,
    pub operation: OperationId,
}

/// A page of operations, newest first.
#[derive(Clone, Debug)]
pub struct OperationPage {
    pub operations: Vec<Operation>,
    /// The last of them, if there are more.
    pub next: Option<OperationId>,
}

impl Operations {
    pub fn new(connection: Connection, table: String) -> Self {
        Self { connection, table }
    }

    /// Creates or updates an operation.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn save(&self, operation: &Operation) -> Result<(), StoreError> {
        let update = self.update_of(operation);
        update
            .send()
            .await
            .map_err(StoreError::failed("UpdateItem"))?;
        Ok(())
    }

    /// Writes the outcome of an operation, unless another caller has written
    /// one since `before` was read: the first one counts.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn conclude(
        &self,
        operation: &Operation,
        before: &OperationState,
    ) -> Result<(), StoreError> {
        let update = self
            .update_of(operation)
            .condition_expression("#state = :before")
            .expression_attribute_values(":before", AttributeValue::S(word_of(before).to_owned()));
        StoreError::unless_refused(update.send().await)
    }

    fn update_of(&self, operation: &Operation) -> UpdateItemFluentBuilder {
        let mut attributes = vec![
            ("operationId", Some(operation.id.to_string())),
            ("control", Some(operation.control.to_string())),
            ("requestedBy", Some(operation.requested_by.to_string())),
            ("startedAt", Some(operation.started_at.to_string())),
            ("finishedAt", operation.finished_at.map(|at| at.to_string())),
            ("serviceId", operation.service_id.clone()),
            ("deploymentId", operation.deployment_id.clone()),
            ("image", operation.image.as_ref().map(Image::to_string)),
        ];
        if let OperationState::Failed(failure) = &operation.state {
            let kind = match failure.kind {
                FailureKind::NotLocated => "not-located",
                FailureKind::NotDone => "not-done",
                FailureKind::NotSettled => "not-settled",
            };
            attributes.push(("failure", Some(kind.to_owned())));
            attributes.push(("reason", Some(failure.reason.clone())));
        }
        attributes.push(("state", Some(word_of(&operation.state).to_owned())));

        let mut request = self
            .connection
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(&operation.instance, &operation_key(operation.id))))
            .expression_attribute_names("#expiresAt", EXPIRES_AT)
            .expression_attribute_values(
                ":expiresAt",
                AttributeValue::N((operation.started_at + RECORD).as_second().to_string()),
            );
        let mut set = vec!["#expiresAt = :expiresAt".to_owned()];
        for (name, value) in attributes {
            if let Some(value) = value {
                set.push(format!("#{name} = :{name}"));
                request = request
                    .expression_attribute_names(format!("#{name}"), name)
                    .expression_attribute_values(format!(":{name}"), AttributeValue::S(value));
            }
        }
        request.update_expression(format!("SET {}", set.join(", ")))
    }

    /// An operation of an instance.
    ///
    /// # Errors
    /// When DynamoDB fails, or the record is damaged.
    pub async fn get(
        &self,
        instance: &InstanceId,
        id: &OperationId,
    ) -> Result<Option<Operation>, StoreError> {
        let item = self.item(instance, &operation_key(id)).await?;
        item.map(|item| self.decode(instance, item)).transpose()
    }

    /// The operations of an instance, newest first, those before `after` only.
    ///
    /// # Errors
    /// When DynamoDB fails, or a record is damaged.
    pub async fn list(
        &self,
        instance: &InstanceId,
        limit: i32,
        after: Option<&OperationId>,
    ) -> Result<OperationPage, StoreError> {
        let answer = self
            .connection
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("instanceId = :instance AND begins_with(sortKey, :kind)")
            .expression_attribute_values(":instance", AttributeValue::S(instance.to_string()))
            .expression_attribute_values(":kind", AttributeValue::S(operation_key("")))
            .scan_index_forward(false)
            // One more than is wanted: at its limit DynamoDB does not know
            // whether there is more.
            .limit(limit + 1)
            .set_exclusive_start_key(after.map(|id| key(instance, &operation_key(id))))
            .send()
            .await
            .map_err(StoreError::failed("Query"))?;
        let items = answer.items.unwrap_or_default();
        let wanted = usize::try_from(limit).unwrap_or_default();
        let more = items.len() > wanted || answer.last_evaluated_key.is_some();
        let operations: Vec<Operation> = items
            .into_iter()
            .take(wanted)
            .map(|item| self.decode(instance, item))
            .collect::<Result<_, _>>()?;
        let next = operations.last().map(|last| last.id).filter(|_| more);
        Ok(OperationPage { operations, next })
    }

    /// What a key was used for, unless that has expired.
    ///
    /// # Errors
    /// When DynamoDB fails, or the record is damaged.
    pub async fn used_key(
        &self,
        instance: &InstanceId,
        used: &IdempotencyKey,
        now: Timestamp,
    ) -> Result<Option<UsedKey>, StoreError> {
        let Some(item) = self.item(instance, &idempotency_key(used)).await? else {
            return Ok(None);
        };
        let corrupt = |reason: String| corrupt(&self.table, instance.as_str(), reason);
        let record: UsedKeyRecord =
            serde_dynamo::from_item(item).map_err(|error| corrupt(error.to_string()))?;
        if record.expires_at <= now.as_second() {
            return Ok(None);
        }
        let operation = parse("operationId", &record.operation_id).map_err(corrupt)?;
        Ok(Some(UsedKey {
            control: record.control,
            operation,
        }))
    }

    /// Records what a key was used for.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn remember_key(
        &self,
        used: &IdempotencyKey,
        operation: &Operation,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let expires_at = (now + KEY_MEMORY).as_second().to_string();
        self.connection
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(key(&operation.instance, &idempotency_key(used))))
            .item("operationId", AttributeValue::S(operation.id.to_string()))
            .item("control", AttributeValue::S(operation.control.to_string()))
            .item(EXPIRES_AT, AttributeValue::N(expires_at))
            .send()
            .await
            .map_err(StoreError::failed("PutItem"))?;
        Ok(())
    }

    async fn item(
        &self,
        instance: &InstanceId,
        sort_key: &str,
    ) -> Result<Option<Item>, StoreError> {
        let key = [(KEY, instance.as_str()), (SORT_KEY, sort_key)];
        self.connection.item(&self.table, &key).await
    }

    fn decode(&self, instance: &InstanceId, item: Item) -> Result<Operation, StoreError> {
        let corrupt = |reason: String| corrupt(&self.table, instance.as_str(), reason);
        let record: OperationRecord =
            serde_dynamo::from_item(item).map_err(|error| corrupt(error.to_string()))?;
        record.decode(instance).map_err(corrupt)
    }
}

pub(super) fn key(instance: &InstanceId, sort_key: &str) -> Item {
    Item::from([
        (KEY.to_owned(), AttributeValue::S(instance.to_string())),
        (SORT_KEY.to_owned(), AttributeValue::S(sort_key.to_owned())),
    ])
}

/// A state as it is stored.
fn word_of(state: &OperationState) -> &'static str {
    match state {
        OperationState::Running => "running",
        OperationState::Accepted => "accepted",
        OperationState::Succeeded => "succeeded",
        OperationState::Failed(_) => "failed",
    }
}

fn operation_key(id: impl std::fmt::Display) -> String {
    format!("op#{id}")
}

fn idempotency_key(key: &IdempotencyKey) -> String {
    format!("key#{}", key.digest())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UsedKeyRecord {
    control: Control,
    operation_id: String,
    expires_at: i64,
}

/// An item as stored, not yet validated.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OperationRecord {
    operation_id: String,
    control: Control,
    requested_by: String,
    started_at: String,
    finished_at: Option<String>,
    state: String,
    reason: Option<String>,
    failure: Option<FailureKind>,
    service_id: Option<String>,
    deployment_id: Option<String>,
    image: Option<String>,
}

impl OperationRecord {
    /// The error names the attribute and the rule that it breaks.
    fn decode(self, instance: &InstanceId) -> Result<Operation, String> {
        let state = match self.state.as_str() {
            "running" => OperationState::Running,
            "accepted" => OperationState::Accepted,
            "succeeded" => OperationState::Succeeded,
            "failed" => OperationState::Failed(Failure {
                reason: self.reason.unwrap_or_default(),
                kind: self.failure.ok_or("failure is missing")?,
            }),
            _ => return Err("state must be running, accepted, succeeded or failed".to_owned()),
        };
        Ok(Operation {
            id: parse("operationId", &self.operation_id)?,
            instance: instance.clone(),
            control: self.control,
            requested_by: parse("requestedBy", &self.requested_by)?,
            started_at: parse("startedAt", &self.started_at)?,
            finished_at: self
                .finished_at
                .map(|at| parse("finishedAt", &at))
                .transpose()?,
            state,
            service_id: self.service_id,
            deployment_id: self.deployment_id,
            image: self.image.map(|image| parse("image", &image)).transpose()?,
        })
    }
}
