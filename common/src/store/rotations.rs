//! Pending gateway tokens, which replace the agent's token once they are
//! proved.
//!
//! A pending token is in the same item as the token, with its operation, so one
//! conditional write decides: the first caller promotes or withdraws it, and
//! all others get that outcome.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;

use super::tokens::{self, TOKEN};
use super::{StoreError, Tokens, corrupt, parse};
use crate::model::{GatewayToken, InstanceId, OperationId};

/// The status of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// This token is not proved yet.
    Pending(GatewayToken),
    /// Its token became the agent's.
    Done,
    /// Its token was withdrawn, or replaced by another pending one.
    GivenUp,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RotationRecord {
    pending_token: Option<String>,
    pending_operation: Option<String>,
    rotated_by: Option<String>,
}

impl Tokens {
    /// Stores a pending token, in place of any other.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn propose(
        &self,
        instance: &InstanceId,
        operation: &OperationId,
        new: &GatewayToken,
    ) -> Result<(), StoreError> {
        self.connection
            .client
            .update_item()
            .table_name(&self.table)
            .key(tokens::KEY, AttributeValue::S(instance.to_string()))
            .update_expression("SET pendingToken = :new, pendingOperation = :operation")
            .expression_attribute_values(":new", AttributeValue::S(new.reveal().to_owned()))
            .expression_attribute_values(":operation", AttributeValue::S(operation.to_string()))
            .send()
            .await
            .map_err(StoreError::failed("UpdateItem"))?;
        Ok(())
    }

    /// The operation whose token is pending, if there is one.
    ///
    /// # Errors
    /// When DynamoDB fails, or the record is damaged.
    pub async fn pending_rotation(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<OperationId>, StoreError> {
        let record = self.rotation_record(instance).await?;
        record
            .pending_operation
            .map(|id| parse("pendingOperation", &id))
            .transpose()
            .map_err(|reason| corrupt(&self.table, instance.as_str(), reason))
    }

    /// The status of an operation's rotation.
    ///
    /// # Errors
    /// When DynamoDB fails, or the record is damaged.
    pub async fn rotation(
        &self,
        instance: &InstanceId,
        operation: &OperationId,
    ) -> Result<Rotation, StoreError> {
        let record = self.rotation_record(instance).await?;
        let operation = Some(operation.to_string());
        if record.pending_operation == operation {
            let token = record.pending_token.unwrap_or_default();
            let token = parse("pendingToken", &token);
            let token = token.map_err(|reason| corrupt(&self.table, instance.as_str(), reason))?;
            return Ok(Rotation::Pending(token));
        }
        Ok(if record.rotated_by == operation {
            Rotation::Done
        } else {
            Rotation::GivenUp
        })
    }

    /// Makes the pending token of an operation the agent's, in one write, and
    /// returns the status then: another caller may have decided otherwise.
    ///
    /// # Errors
    /// When DynamoDB fails, or the record is damaged.
    pub async fn promote(
        &self,
        instance: &InstanceId,
        operation: &OperationId,
    ) -> Result<Rotation, StoreError> {
        let answer = self
            .connection
            .client
            .update_item()
            .table_name(&self.table)
            .key(tokens::KEY, AttributeValue::S(instance.to_string()))
            .condition_expression("pendingOperation = :operation")
            .update_expression(
                "SET #token = pendingToken, rotatedBy = :operation \
                 REMOVE pendingToken, pendingOperation",
            )
            .expression_attribute_names("#token", TOKEN)
            .expression_attribute_values(":operation", AttributeValue::S(operation.to_string()))
            .send()
            .await;
        StoreError::unless_refused(answer)?;
        self.rotation(instance, operation).await
    }

    /// Withdraws the pending token of an operation, and returns the status
    /// then: another caller may have decided otherwise.
    ///
    /// # Errors
    /// When DynamoDB fails, or the record is damaged.
    pub async fn withdraw(
        &self,
        instance: &InstanceId,
        operation: &OperationId,
    ) -> Result<Rotation, StoreError> {
        let answer = self
            .connection
            .client
            .update_item()
            .table_name(&self.table)
            .key(tokens::KEY, AttributeValue::S(instance.to_string()))
            .condition_expression("pendingOperation = :operation")
            .update_expression("REMOVE pendingToken, pendingOperation")
            .expression_attribute_values(":operation", AttributeValue::S(operation.to_string()))
            .send()
            .await;
        StoreError::unless_refused(answer)?;
        self.rotation(instance, operation).await
    }

    /// Withdraws any pending token, for controls that deploy the current one.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn withdraw_all(&self, instance: &InstanceId) -> Result<(), StoreError> {
        let answer = self
            .connection
            .client
            .update_item()
            .table_name(&self.table)
            .key(tokens::KEY, AttributeValue::S(instance.to_string()))
            .condition_expression("attribute_exists(pendingOperation)")
            .update_expression("REMOVE pendingToken, pendingOperation")
            .send()
            .await;
        StoreError::unless_refused(answer)
    }

    /// Whether an agent presents its token or its pending one. Without a
    /// record, or with a damaged one, nothing is accepted.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn accepts(
        &self,
        instance: &InstanceId,
        presented: &GatewayToken,
    ) -> Result<bool, StoreError> {
        let key = [(tokens::KEY, instance.as_str())];
        let item = self.connection.item(&self.table, &key).await?;
        let item = item.unwrap_or_default();
        let holds = |name: &str| {
            let token = item.get(name).and_then(|value| value.as_s().ok());
            let token = token.and_then(|text| text.parse::<GatewayToken>().ok());
            token.is_some_and(|token| token == *presented)
        };
        Ok(holds(TOKEN) | holds("pendingToken"))
    }

    async fn rotation_record(&self, instance: &InstanceId) -> Result<RotationRecord, StoreError> {
        let key = [(tokens::KEY, instance.as_str())];
        let Some(item) = self.connection.item(&self.table, &key).await? else {
            return Ok(RotationRecord::default());
        };
        // The cause is left out: it could contain a part of a token.
        let damaged = |_| corrupt(&self.table, instance.as_str(), "pendingToken".to_owned());
        serde_dynamo::from_item(item).map_err(damaged)
    }
}
