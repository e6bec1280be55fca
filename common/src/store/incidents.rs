//! The last incident of the fleet: one item in the table of history. Every
//! change of it is a conditional write, so of all processes that find the same,
//! one sends the alert.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::Deserialize;

use super::{History, StoreError, corrupt, history_keys, parse};
use crate::watch::Incident;

/// Ids of instances contain no `#`.
const PARTITION: &str = "#fleet";
const SORT_KEY: &str = "incident";

/// The record of the last incident.
#[derive(Clone, Debug)]
pub struct Incidents {
    history: History,
}

/// The last incident, and whether its alert is pending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentRecord {
    pub incident: Incident,
    /// The sweep that claimed the alert, while that is pending. The attribute
    /// is named `owed`.
    pub pending: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredIncident {
    opened: String,
    since: String,
    /// `extended` and `of` are reserved words of DynamoDB.
    going_on_at: String,
    closed: Option<String>,
    fallen: u32,
    out_of: u32,
    #[serde(rename = "owed")]
    pending: Option<String>,
}

impl TryFrom<StoredIncident> for IncidentRecord {
    type Error = String;

    fn try_from(stored: StoredIncident) -> Result<Self, Self::Error> {
        let time = |name, text: Option<String>| text.map(|text| parse(name, &text)).transpose();
        Ok(Self {
            incident: Incident {
                opened: parse("opened", &stored.opened)?,
                since: parse("since", &stored.since)?,
                extended: parse("goingOnAt", &stored.going_on_at)?,
                closed: time("closed", stored.closed)?,
                went_down: stored.fallen,
                expected_up: stored.out_of,
            },
            pending: time("owed", stored.pending)?,
        })
    }
}

impl Incidents {
    pub fn new(history: History) -> Self {
        Self { history }
    }

    /// The last incident.
    ///
    /// # Errors
    /// When DynamoDB fails, or the record is damaged.
    pub async fn last(&self) -> Result<Option<IncidentRecord>, StoreError> {
        let key = [
            (history_keys::KEY, PARTITION),
            (history_keys::SORT_KEY, SORT_KEY),
        ];
        let item = self.history.connection.item(&self.history.table, &key);
        let Some(item) = item.await? else {
            return Ok(None);
        };
        let damaged = |reason| corrupt(&self.history.table, PARTITION, reason);
        let stored: StoredIncident =
            serde_dynamo::from_item(item).map_err(|error| damaged(error.to_string()))?;
        IncidentRecord::try_from(stored).map(Some).map_err(damaged)
    }

    /// Opens an incident with a pending alert, unless one is open or was closed
    /// later. Returns whether it was opened.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn open(&self, incident: &Incident) -> Result<bool, StoreError> {
        let number = |number: u32| AttributeValue::N(number.to_string());
        self.update(
            "attribute_not_exists(opened) OR closed < :opened",
            "SET opened = :opened, since = :since, goingOnAt = :opened, owed = :opened, \
             fallen = :fallen, outOf = :outOf REMOVE closed",
            [
                (":opened", text(incident.opened)),
                (":since", text(incident.since)),
                (":fallen", number(incident.went_down)),
                (":outOf", number(incident.expected_up)),
            ],
        )
        .await
    }

    /// Records that an incident is still open.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn extend(
        &self,
        incident: &Incident,
        scheduled_at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.update(
            "opened = :opened AND attribute_not_exists(closed) AND goingOnAt < :sweep",
            "SET goingOnAt = :sweep",
            [
                (":opened", text(incident.opened)),
                (":sweep", text(scheduled_at)),
            ],
        )
        .await
    }

    /// Closes an incident with a pending alert, unless it was closed or
    /// extended meanwhile. Returns whether it was closed.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn close(
        &self,
        incident: &Incident,
        scheduled_at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.update(
            "opened = :opened AND goingOnAt = :read AND attribute_not_exists(closed)",
            "SET closed = :sweep, owed = :sweep",
            [
                (":opened", text(incident.opened)),
                (":read", text(incident.extended)),
                (":sweep", text(scheduled_at)),
            ],
        )
        .await
    }

    /// Claims the alert that another sweep has not delivered. Returns whether
    /// no other process did.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn claim(
        &self,
        pending: Timestamp,
        scheduled_at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.update(
            "owed = :owed",
            "SET owed = :sweep",
            [(":owed", text(pending)), (":sweep", text(scheduled_at))],
        )
        .await
    }

    /// Records that the alert was delivered.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn mark_delivered(&self, pending: Timestamp) -> Result<(), StoreError> {
        let marked = self.update("owed = :owed", "REMOVE owed", [(":owed", text(pending))]);
        marked.await.map(drop)
    }

    async fn update<const N: usize>(
        &self,
        condition: &str,
        update: &str,
        values: [(&str, AttributeValue); N],
    ) -> Result<bool, StoreError> {
        let mut request = self
            .history
            .connection
            .client
            .update_item()
            .table_name(&self.history.table)
            .key(history_keys::KEY, AttributeValue::S(PARTITION.to_owned()))
            .key(
                history_keys::SORT_KEY,
                AttributeValue::S(SORT_KEY.to_owned()),
            )
            .condition_expression(condition)
            .update_expression(update);
        for (name, value) in values {
            request = request.expression_attribute_values(name, value);
        }
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) => StoreError::refused_item(error).map(|_| false),
        }
    }
}

/// Times of sweeps are whole seconds, so as strings they sort as times do.
fn text(at: Timestamp) -> AttributeValue {
    AttributeValue::S(at.to_string())
}
