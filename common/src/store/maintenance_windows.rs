//! Maintenance windows, in the table of history.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use jiff::SignedDuration;
use serde::Deserialize;

use super::connection::Item;
use super::{History, StoreError, corrupt, history_keys, parse};
use crate::model::{MaintenanceWindow, WindowId};

/// Ids of instances contain no `#`.
const PARTITION: &str = "#maintenance-windows";

/// How long a window is kept after its end.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The maintenance windows.
#[derive(Clone, Debug)]
pub struct MaintenanceWindows {
    history: History,
}

#[derive(Deserialize)]
struct StoredWindow {
    #[serde(rename = "sortKey")]
    id: String,
    from: String,
    until: String,
    /// The agent; `instanceId` is the name of the partition key.
    agent: Option<String>,
}

impl TryFrom<StoredWindow> for MaintenanceWindow {
    type Error = String;

    fn try_from(stored: StoredWindow) -> Result<Self, Self::Error> {
        Ok(Self {
            id: parse("sortKey", &stored.id)?,
            from: parse("from", &stored.from)?,
            until: parse("until", &stored.until)?,
            instance: stored
                .agent
                .map(|agent| parse("agent", &agent))
                .transpose()?,
        })
    }
}

impl MaintenanceWindows {
    pub fn new(history: History) -> Self {
        Self { history }
    }

    /// All windows, sorted by id; past ones are kept for a week.
    ///
    /// # Errors
    /// When DynamoDB fails, or a record is damaged.
    pub async fn all(&self) -> Result<Vec<MaintenanceWindow>, StoreError> {
        let mut pages = self
            .history
            .connection
            .client
            .query()
            .table_name(&self.history.table)
            .consistent_read(true)
            .key_condition_expression("instanceId = :partition")
            .expression_attribute_values(":partition", AttributeValue::S(PARTITION.to_owned()))
            .into_paginator()
            .items()
            .send();
        let mut windows = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(StoreError::failed("Query"))?;
            let damaged = |reason| corrupt(&self.history.table, PARTITION, reason);
            let stored: StoredWindow =
                serde_dynamo::from_item(item).map_err(|error| damaged(error.to_string()))?;
            windows.push(MaintenanceWindow::try_from(stored).map_err(damaged)?);
        }
        Ok(windows)
    }

    /// Stores a window, and replaces the one with its id. Returns whether it is
    /// new.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn store(&self, window: &MaintenanceWindow) -> Result<bool, StoreError> {
        let expires = window.until.as_second().saturating_add(KEPT.as_secs());
        let text = |text: String| AttributeValue::S(text);
        let mut item = key(&window.id);
        item.extend([
            ("from".to_owned(), text(window.from.to_string())),
            ("until".to_owned(), text(window.until.to_string())),
            (
                "expiresAt".to_owned(),
                AttributeValue::N(expires.to_string()),
            ),
        ]);
        if let Some(agent) = &window.instance {
            item.insert("agent".to_owned(), text(agent.to_string()));
        }
        let answer = self
            .history
            .connection
            .client
            .put_item()
            .table_name(&self.history.table)
            .set_item(Some(item))
            .return_values(ReturnValue::AllOld)
            .send()
            .await
            .map_err(StoreError::failed("PutItem"))?;
        Ok(answer.attributes.is_none())
    }

    /// Removes a window. Returns whether it existed.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn remove(&self, id: &WindowId) -> Result<bool, StoreError> {
        let answer = self
            .history
            .connection
            .client
            .delete_item()
            .table_name(&self.history.table)
            .set_key(Some(key(id)))
            .return_values(ReturnValue::AllOld)
            .send()
            .await
            .map_err(StoreError::failed("DeleteItem"))?;
        Ok(answer.attributes.is_some())
    }
}

fn key(id: &WindowId) -> Item {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    Item::from([
        (history_keys::KEY.to_owned(), text(PARTITION)),
        (history_keys::SORT_KEY.to_owned(), text(id.as_str())),
    ])
}
