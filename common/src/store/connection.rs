//! The connection to DynamoDB, made once per process.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

use super::StoreError;
use crate::aws::Aws;

/// A client that all stores of a process share.
#[derive(Clone, Debug)]
pub struct Connection {
    pub(super) client: Client,
}

/// An item of a table.
pub(super) type Item = HashMap<String, AttributeValue>;

impl Connection {
    /// The item of this key, as it was after the last write: an eventually
    /// consistent read could miss what its caller has just written.
    pub(super) async fn item(
        &self,
        table: &str,
        key: &[(&str, &str)],
    ) -> Result<Option<Item>, StoreError> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let key = key
            .iter()
            .map(|(name, value)| ((*name).to_owned(), text(value)));
        let answer = self
            .client
            .get_item()
            .table_name(table)
            .set_key(Some(key.collect()))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::failed("GetItem"))?;
        Ok(answer.item)
    }

    /// Prepares the client; the first request opens the connection.
    pub async fn open(aws: &Aws) -> Self {
        Self {
            client: Client::new(aws.config().await),
        }
    }
}
