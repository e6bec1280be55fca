//! Leases: which operation may control an instance.
//!
//! Each is an item of its own in the table of operations, so mutual exclusion
//! needs no access to another table.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::operations::{self, Operations};
use super::{StoreError, corrupt};
use crate::model::{Control, InstanceId, OperationId};

/// How long a lease lasts unless it is released: longer than a function may
/// run, so only the lease of a dead holder ever expires.
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);

const SORT_KEY: &str = "lease";

/// The right to control an instance, until it expires or is released.
#[derive(Debug)]
pub struct Lease {
    pub instance: InstanceId,
    pub operation: OperationId,
    /// A fencing token: it grows with every lease of an instance, and a write
    /// with a smaller number comes from a holder whose lease is over.
    pub fence: u64,
    pub expires_at: Timestamp,
}

/// The operation that holds the lease now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub control: Control,
    pub operation: String,
    pub expires_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LeaseRecord {
    control: Control,
    operation_id: String,
    /// In milliseconds since 1970.
    expires_at_ms: i64,
    fence: u64,
}

impl Operations {
    /// Acquires the lease of an instance in one conditional write, or returns
    /// its holder.
    ///
    /// # Errors
    /// When DynamoDB fails, or the record is damaged.
    pub async fn lease(
        &self,
        instance: &InstanceId,
        operation: OperationId,
        control: Control,
        now: Timestamp,
    ) -> Result<Result<Lease, Holder>, StoreError> {
        let expires_at = now + LEASE;
        let answer = self
            .connection
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(operations::key(instance, SORT_KEY)))
            // The SDK may send this twice, if the first response is lost: an
            // operation may acquire its own lease again.
            .condition_expression(
                "attribute_not_exists(operationId) OR expiresAtMs <= :now \
                 OR operationId = :operation",
            )
            .update_expression(
                "SET operationId = :operation, #control = :control, expiresAtMs = :expires, \
                 fence = if_not_exists(fence, :none) + :one",
            )
            .expression_attribute_names("#control", "control")
            .expression_attribute_values(":now", number(now.as_millisecond()))
            .expression_attribute_values(":expires", number(expires_at.as_millisecond()))
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":operation", AttributeValue::S(operation.to_string()))
            .expression_attribute_values(":control", AttributeValue::S(control.to_string()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let (item, taken) = match answer {
            Ok(answer) => (answer.attributes, true),
            Err(error) => (StoreError::refused_item(error)?, false),
        };
        let corrupt = |reason: String| corrupt(&self.table, instance.as_str(), reason);
        let record: LeaseRecord = serde_dynamo::from_item(item.unwrap_or_default())
            .map_err(|error| corrupt(error.to_string()))?;
        let expires_at = Timestamp::from_millisecond(record.expires_at_ms)
            .map_err(|error| corrupt(format!("expiresAtMs {error}")))?;
        Ok(if taken {
            Ok(Lease {
                instance: instance.clone(),
                operation,
                fence: record.fence,
                expires_at,
            })
        } else {
            Err(Holder {
                control: record.control,
                operation: record.operation_id,
                expires_at,
            })
        })
    }

    /// Releases a lease, unless it has expired and another operation has it.
    /// The fencing token stays in the item, so that the next lease has a higher
    /// one.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn release_lease(&self, lease: Lease) -> Result<(), StoreError> {
        let answer = self
            .connection
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(operations::key(&lease.instance, SORT_KEY)))
            .condition_expression("operationId = :operation AND fence = :fence")
            .update_expression("REMOVE operationId, #control, expiresAtMs")
            .expression_attribute_names("#control", "control")
            .expression_attribute_values(
                ":operation",
                AttributeValue::S(lease.operation.to_string()),
            )
            .expression_attribute_values(":fence", AttributeValue::N(lease.fence.to_string()))
            .send()
            .await;
        StoreError::unless_refused(answer)
    }
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
