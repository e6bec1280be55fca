//! What all clients of AWS in a process share: credentials, limits, and one
//! pool of connections.

use std::error::Error;
use std::fmt::{Debug, Write};
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::result::SdkError;
use tokio::sync::OnceCell;

/// Where AWS is.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// Whatever the SDK's standard variables say: AWS itself, or
    /// `AWS_ENDPOINT_URL_DYNAMODB` and its like.
    Standard,
    /// A server on this machine that takes any credentials.
    Local(String),
}

/// AWS, as far as a process knows it. Nothing is read before a client needs it.
#[derive(Debug)]
pub struct Aws {
    endpoint: Endpoint,
    config: OnceCell<SdkConfig>,
}

impl Aws {
    /// AWS at this place.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            config: OnceCell::new(),
        }
    }

    /// What a client is made of.
    pub(crate) async fn config(&self) -> &SdkConfig {
        self.config.get_or_init(|| load(&self.endpoint)).await
    }
}

/// An error and what caused it. The SDK's `Display` shows only its outermost
/// word, and its `Debug` whole answers, in which secrets may be.
pub(crate) fn chain<E, R>(error: &SdkError<E, R>) -> String
where
    E: Error + 'static,
    R: Debug + 'static,
{
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

async fn load(endpoint: &Endpoint) -> SdkConfig {
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
    match endpoint {
        Endpoint::Standard => loader,
        Endpoint::Local(url) => loader
            .endpoint_url(url)
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("local", "local", None, None, "local")),
    }
    .load()
    .await
}
