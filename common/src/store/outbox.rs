//! The outbox of an agent's alerts: two attributes of the instance's own item.
//!
//! `owed` is the pending alert. It is set by the write that records the
//! transition and removed on delivery, so a process that ends in between loses
//! nothing: a later sweep claims it. `alerted` names the failure that was
//! announced last.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::connection::Item;
use super::pending_alert::PendingAlertRecord;
use super::{AgentStates, StoreError, corrupt, parse};
use crate::model::InstanceId;
use crate::watch::{AlertOutbox, PendingAlert, Transition};

const OWED: &str = "owed";
const ALERTED: &str = "alerted";

impl AgentStates {
    /// Claims a pending alert that another sweep has not delivered, and returns
    /// its transition. `None` if another process claimed it, or it is no longer
    /// pending.
    ///
    /// # Errors
    /// When DynamoDB fails, or the transition's record is damaged.
    pub async fn claim(
        &self,
        id: &InstanceId,
        pending: PendingAlert,
        sweep: Timestamp,
    ) -> Result<Option<Transition>, StoreError> {
        let values = [
            (":transition", pending.transition),
            (":read", pending.claimed_by),
            (":sweep", sweep),
        ];
        let taken = self
            .update_outbox(
                id,
                "owed.transition = :transition AND owed.takenBy = :read",
                "SET owed.takenBy = :sweep",
                &values,
            )
            .await?;
        if !taken {
            return Ok(None);
        }
        let transition = self.history.transition(id, pending.transition).await?;
        if transition.is_none() {
            self.drop_pending(id, pending.transition).await?;
        }
        Ok(transition)
    }

    /// Records that the alert about a failure was delivered.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn mark_alerted(
        &self,
        id: &InstanceId,
        transition: Timestamp,
    ) -> Result<(), StoreError> {
        self.settle(id, transition, "SET alerted = :transition REMOVE owed")
            .await
    }

    /// Records that a failure is over, whether that was announced or not.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn mark_over(
        &self,
        id: &InstanceId,
        transition: Timestamp,
    ) -> Result<(), StoreError> {
        self.settle(id, transition, "REMOVE owed, alerted").await
    }

    /// Records that a transition gets no alert of its own.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn drop_pending(
        &self,
        id: &InstanceId,
        transition: Timestamp,
    ) -> Result<(), StoreError> {
        self.settle(id, transition, "REMOVE owed").await
    }

    /// Does nothing if a newer transition has replaced this one.
    async fn settle(
        &self,
        id: &InstanceId,
        transition: Timestamp,
        update: &str,
    ) -> Result<(), StoreError> {
        let values = [(":transition", transition)];
        let condition = "owed.transition = :transition";
        self.update_outbox(id, condition, update, &values)
            .await
            .map(drop)
    }

    async fn update_outbox(
        &self,
        id: &InstanceId,
        condition: &str,
        update: &str,
        values: &[(&str, Timestamp)],
    ) -> Result<bool, StoreError> {
        let mut request = self
            .instances
            .update(id)
            .condition_expression(condition)
            .update_expression(update);
        for (name, at) in values {
            let at = AttributeValue::S(at.to_string());
            request = request.expression_attribute_values(*name, at);
        }
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) => StoreError::refused_item(error).map(|_| false),
        }
    }

    pub(super) fn outbox(&self, key: &str, item: &mut Item) -> Result<AlertOutbox, StoreError> {
        let corrupt = |reason: String| corrupt(&self.instances.table, key, reason);
        let pending = match item.remove(OWED) {
            None => None,
            Some(value) => {
                let record: PendingAlertRecord = serde_dynamo::from_attribute_value(value)
                    .map_err(|error| corrupt(format!("{OWED}: {error}")))?;
                Some(PendingAlert {
                    transition: parse("owed.transition", &record.transition).map_err(corrupt)?,
                    claimed_by: parse("owed.takenBy", &record.claimed_by).map_err(corrupt)?,
                })
            }
        };
        let alerted = match item.remove(ALERTED) {
            None => None,
            Some(AttributeValue::S(text)) => Some(parse(ALERTED, &text).map_err(corrupt)?),
            Some(_) => return Err(corrupt(format!("{ALERTED} is no text"))),
        };
        Ok(AlertOutbox { pending, alerted })
    }
}
