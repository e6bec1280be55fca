//! The connection to DynamoDB, made once per process.

use std::collections::HashMap;

use aws_config::Region;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::AttributeValue;

use super::StoreError;
use crate::aws;

/// Where DynamoDB is.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// Whatever the SDK's standard variables say: AWS itself, or
    /// `AWS_ENDPOINT_URL_DYNAMODB`.
    Standard,
    /// A server on this machine that takes any credentials.
    Local(String),
}

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
    pub async fn open(endpoint: Endpoint) -> Self {
        let loader = aws::config();
        let config = match endpoint {
            Endpoint::Standard => loader,
            Endpoint::Local(url) => loader
                .endpoint_url(url)
                .region(Region::from_static("us-east-1"))
                .credentials_provider(Credentials::new("local", "local", None, None, "local")),
        }
        .load()
        .await;
        Self {
            client: Client::new(&config),
        }
    }

    /// The same connection for somebody whom nobody waits for: a request that is
    /// throttled or gets no answer is repeated more often, and for as long as
    /// all attempts of a request may take together.
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
