//! The connection to DynamoDB, made once per process.

use std::collections::HashMap;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use super::StoreError;

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
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(1))
            .operation_attempt_timeout(Duration::from_secs(3))
            .operation_timeout(Duration::from_secs(8))
            .build();
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .timeout_config(timeouts);
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
}
