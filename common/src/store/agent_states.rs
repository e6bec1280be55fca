//! The states of agents, as sweeps record them: an attribute of the instance's
//! own item, and with each transition an item of the history.
//!
//! The state is in the instance's item so that one scan gives a sweep all it
//! needs, and an endpoint that shows the state needs no second read.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use jiff::Timestamp;
use serde::Serialize;

use super::connection::Item;
use super::pending_alert::PendingAlertRecord;
use super::state_record::StateRecord;
use super::{History, Instances, StoreError, corrupt, instances};
use crate::model::{Instance, InstanceId};
use crate::watch::{AgentState, AlertOutbox, Judgement, RemediationState};

const OBSERVED: &str = "observed";

/// The attributes that a sweep reads: no more than it needs.
const PROJECTION: &str =
    "instanceId, ownerId, openclawUrl, runtimeServiceId, observed, owed, alerted, healing";

/// The states of agents.
#[derive(Clone, Debug)]
pub struct AgentStates {
    pub(super) instances: Instances,
    pub(super) history: History,
}

/// A part of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Counts from 0.
    pub number: u32,
    /// How many segments there are; at least 1.
    pub of: u32,
}

impl Segment {
    /// The whole table.
    pub const ALL: Self = Self { number: 0, of: 1 };
}

/// Where a page ended.
#[derive(Clone, Debug)]
pub struct Cursor(Item);

/// A page of instances.
#[derive(Debug)]
pub struct Page {
    /// Instances, and errors for records that are damaged.
    pub instances: Vec<Result<Watched, StoreError>>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<Cursor>,
}

/// An instance with what sweeps have on record about it. Of the instance itself
/// it has only the id, the owner, the address and the service.
#[derive(Clone, Debug)]
pub struct Watched {
    pub instance: Instance,
    /// `None` until a sweep has seen it.
    pub state: Option<AgentState>,
    pub outbox: AlertOutbox,
    pub remediation: RemediationState,
}

/// The outcome of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    Written,
    /// The record has changed since it was read: to this, or to none.
    Overtaken(Option<AgentState>),
    /// The instance has been deleted.
    Gone,
}

impl AgentStates {
    pub fn new(instances: Instances, history: History) -> Self {
        Self { instances, history }
    }

    /// The next instances of a segment. The read is eventually consistent: a
    /// write that was based on an old state is refused.
    ///
    /// # Errors
    /// When DynamoDB fails. A damaged record does not fail the page.
    pub async fn page(
        &self,
        segment: Segment,
        size: i32,
        after: Option<Cursor>,
    ) -> Result<Page, StoreError> {
        // The whole table is read without segments: for each page of one, even of the
        // only one, the embedded DynamoDB sorts all items.
        let part = |number: u32| {
            (segment != Segment::ALL).then(|| i32::try_from(number).unwrap_or(i32::MAX))
        };
        let answer = self
            .instances
            .connection
            .client
            .scan()
            .table_name(&self.instances.table)
            .projection_expression(PROJECTION)
            .set_segment(part(segment.number))
            .set_total_segments(part(segment.of))
            .limit(size)
            .set_exclusive_start_key(after.map(|cursor| cursor.0))
            .send()
            .await
            .map_err(StoreError::failed("Scan"))?;
        let items = answer.items.unwrap_or_default().into_iter();
        Ok(Page {
            instances: items.map(|item| self.watched(item)).collect(),
            next: answer.last_evaluated_key.map(Cursor),
        })
    }

    /// An instance with what sweeps have on record about it. The read is
    /// consistent.
    ///
    /// # Errors
    /// When DynamoDB fails, or the record is damaged.
    pub async fn get(&self, id: &InstanceId) -> Result<Option<Watched>, StoreError> {
        let key = [(instances::KEY, id.as_str())];
        let table = &self.instances.table;
        let item = self.instances.connection.item(table, &key).await?;
        item.map(|item| self.watched(item)).transpose()
    }

    /// Writes a judgement, if the record is still the one that was judged,
    /// which the sweep `read` wrote. So a record never goes back to an older
    /// sweep, and of all processes that find the same transition one writes it,
    /// into the history too, in the same transaction. `alert` says whether its
    /// alert becomes pending; any other transition removes a pending alert.
    ///
    /// # Errors
    /// When DynamoDB fails: nothing was written, or the response was lost.
    pub async fn save(
        &self,
        id: &InstanceId,
        read: Option<Timestamp>,
        judgement: &Judgement,
        alert: bool,
    ) -> Result<Stored, StoreError> {
        let write = Write::of(read, judgement, alert)?;
        let events = self.history.events(id, judgement)?;
        if events.is_empty() {
            self.update(id, write).await
        } else {
            self.transact(id, write, events).await
        }
    }

    async fn update(&self, id: &InstanceId, write: Write) -> Result<Stored, StoreError> {
        let answer = self
            .instances
            .update(id)
            .condition_expression(write.condition)
            .update_expression(write.update)
            .set_expression_attribute_values(Some(write.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Stored::Written),
            Err(error) => self.overtaken(id, StoreError::refused_item(error)?),
        }
    }

    async fn transact(
        &self,
        id: &InstanceId,
        write: Write,
        events: Vec<Item>,
    ) -> Result<Stored, StoreError> {
        let update = Update::builder()
            .table_name(&self.instances.table)
            .key(instances::KEY, AttributeValue::S(id.to_string()))
            .condition_expression(write.condition)
            .update_expression(write.update)
            .set_expression_attribute_values(Some(write.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(StoreError::build)?;
        let mut request = self
            .instances
            .connection
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().update(update).build());
        for event in events {
            let put = Put::builder()
                .table_name(&self.history.table)
                .set_item(Some(event))
                .build()
                .map_err(StoreError::build)?;
            request = request.transact_items(TransactWriteItem::builder().put(put).build());
        }
        let Err(error) = request.send().await else {
            return Ok(Stored::Written);
        };
        let refused = match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => cancelled
                .cancellation_reasons()
                .first()
                .filter(|reason| reason.code() == Some("ConditionalCheckFailed"))
                .map(|reason| reason.item.clone()),
            _ => None,
        };
        match refused {
            Some(item) => self.overtaken(id, item),
            None => Err(StoreError::failed("TransactWriteItems")(error)),
        }
    }

    /// The record that refused a write.
    fn overtaken(&self, id: &InstanceId, item: Option<Item>) -> Result<Stored, StoreError> {
        match item.filter(|item| item.contains_key(instances::KEY)) {
            None => Ok(Stored::Gone),
            Some(mut item) => Ok(Stored::Overtaken(self.state(id.as_str(), &mut item)?)),
        }
    }

    fn watched(&self, mut item: Item) -> Result<Watched, StoreError> {
        let key = match item.get(instances::KEY) {
            Some(AttributeValue::S(id)) => id.clone(),
            _ => "without an id".to_owned(),
        };
        let state = self.state(&key, &mut item)?;
        let outbox = self.outbox(&key, &mut item)?;
        let remediation = self.remediation(&key, &mut item)?;
        let mut instance = self.instances.decode(item)?;
        if let Some(state) = &state {
            instance.observed_at = Some(state.seen_at);
            instance.degraded.clone_from(&state.degraded.causes);
        }
        Ok(Watched {
            instance,
            state,
            outbox,
            remediation,
        })
    }

    fn state(&self, key: &str, item: &mut Item) -> Result<Option<AgentState>, StoreError> {
        let corrupt = |reason: String| {
            let reason = format!("{OBSERVED}: {reason}");
            corrupt(&self.instances.table, key, reason)
        };
        let Some(value) = item.remove(OBSERVED) else {
            return Ok(None);
        };
        let record: StateRecord = serde_dynamo::from_attribute_value(value)
            .map_err(|error| corrupt(error.to_string()))?;
        AgentState::try_from(record).map(Some).map_err(corrupt)
    }
}

/// A conditional write of a state.
struct Write {
    condition: &'static str,
    update: &'static str,
    values: HashMap<String, AttributeValue>,
}

impl Write {
    fn of(read: Option<Timestamp>, judgement: &Judgement, alert: bool) -> Result<Self, StoreError> {
        let next = value(StateRecord::from(&judgement.next))?;
        let mut values = HashMap::from([(":next".to_owned(), next)]);
        let update = match &judgement.transition {
            None => "SET observed = :next",
            Some(transition) if alert => {
                values.insert(
                    ":owed".to_owned(),
                    value(PendingAlertRecord::of(transition))?,
                );
                "SET observed = :next, owed = :owed"
            }
            Some(_) => "SET observed = :next REMOVE owed",
        };
        // An instance that was deleted meanwhile must not come back as a fragment.
        let condition = match read {
            None => "attribute_exists(instanceId) AND attribute_not_exists(observed)",
            Some(sweep) => {
                values.insert(":read".to_owned(), AttributeValue::S(sweep.to_string()));
                "observed.sweep = :read"
            }
        };
        Ok(Self {
            condition,
            update,
            values,
        })
    }
}

fn value(record: impl Serialize) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(record).map_err(|error| StoreError::Failed {
        operation: "writing a state",
        cause: error.to_string(),
    })
}
