//! Agents' memories.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};

use super::connection::{BATCH, Item};
use super::{Connection, StoreError};
use crate::model::UserId;

/// The table of memories.
#[derive(Clone, Debug)]
pub struct Memories {
    connection: Connection,
    table: String,
}

impl Memories {
    pub fn new(connection: Connection, table: String) -> Self {
        Self { connection, table }
    }

    /// Deletes every memory of an owner, page by page, and returns how many
    /// there were. Items that DynamoDB leaves unprocessed are sent again.
    ///
    /// # Errors
    /// When DynamoDB fails, or keeps leaving items unprocessed. Some memories
    /// may be deleted then; another call deletes the rest.
    pub async fn delete_all(&self, owner: &UserId) -> Result<usize, StoreError> {
        let mut pages = self
            .connection
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("ownerId = :owner")
            .expression_attribute_values(":owner", AttributeValue::S(owner.to_string()))
            .projection_expression("ownerId, memoryId")
            .consistent_read(true)
            .into_paginator()
            .send();
        let mut deleted = 0;
        while let Some(page) = pages.next().await {
            let keys = page
                .map_err(StoreError::failed("Query"))?
                .items
                .unwrap_or_default();
            for batch in keys.chunks(BATCH) {
                self.delete(batch).await?;
                deleted += batch.len();
            }
        }
        Ok(deleted)
    }

    async fn delete(&self, keys: &[Item]) -> Result<(), StoreError> {
        let mut requests = Vec::new();
        for key in keys {
            let request = DeleteRequest::builder()
                .set_key(Some(key.clone()))
                .build()
                .map_err(StoreError::build)?;
            requests.push(WriteRequest::builder().delete_request(request).build());
        }
        // The table answers "unprocessed" while it is throttled: each wait is
        // longer than the one before, as its documentation asks.
        for wait_ms in [0, 100, 200, 400, 800, 1600] {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            let answer = self
                .connection
                .client
                .batch_write_item()
                .request_items(&self.table, requests)
                .send()
                .await
                .map_err(StoreError::failed("BatchWriteItem"))?;
            requests = answer
                .unprocessed_items
                .and_then(|mut tables| tables.remove(&self.table))
                .unwrap_or_default();
            if requests.is_empty() {
                return Ok(());
            }
        }
        Err(StoreError::Failed {
            operation: "BatchWriteItem",
            cause: format!("{} items stayed unprocessed", requests.len()),
        })
    }
}
