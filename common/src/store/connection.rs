//! The connection to DynamoDB, made once per process.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::AppName;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::AttributeValue;

use super::StoreError;
use crate::aws::Aws;

/// How many items DynamoDB writes or deletes in one request.
pub const BATCH: usize = 25;

/// A client that all stores of a process share.
#[derive(Clone, Debug)]
pub struct Connection {
    pub(super) client: Client,
}

/// An item of a table.
pub(super) type Item = HashMap<String, AttributeValue>;

impl Connection {
    /// The item of this key, by a consistent read: an eventually consistent one
    /// could miss what its caller has just written.
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
    pub fn open(aws: &Aws) -> Self {
        Self {
            client: Client::new(aws.config()),
        }
    }

    /// The same connection with a name, which each request has in its
    /// `User-Agent` as `app/NAME`. The SDK accepts letters, digits and hyphens;
    /// any other name is left out.
    #[must_use]
    pub fn named(&self, name: &'static str) -> Self {
        let mut config = self.client.config().to_builder();
        config.set_app_name(AppName::new(name).ok());
        Self {
            client: Client::from_conf(config.build()),
        }
    }

    /// The same connection for work that nobody waits for: a request that is
    /// throttled or gets no response is retried more often, within the time
    /// limit of all its attempts.
    #[must_use]
    pub fn persistent(&self) -> Self {
        const ATTEMPTS: u32 = 6;
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
        let config = self.client.config().to_builder().retry_config(retries);
        Self {
            client: Client::from_conf(config.build()),
        }
    }
}
