//! What all clients of AWS in a process share: credentials, limits, and one
//! pool of connections.

mod sdk_client;

use std::error::Error;
use std::fmt::{Debug, Write};
use std::sync::OnceLock;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::config::{Environment, ProcessEnvironment};

pub use sdk_client::SdkClient;

/// Where AWS is.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// AWS itself, or what `AWS_ENDPOINT_URL_DYNAMODB` and its like say. Region
    /// and credentials are those of the standard variables, which is where
    /// Lambda has them.
    Standard,
    /// A server on this machine that takes any credentials.
    Local(String),
    /// A server on this machine that wants this access key.
    Keyed {
        /// Its base URL.
        url: String,
        access_key: String,
    },
}

/// AWS, as far as a process knows it. Nothing is read before a client needs it.
#[derive(Debug)]
pub struct Aws {
    endpoint: Endpoint,
    config: OnceLock<SdkConfig>,
}

impl Aws {
    /// AWS at this place.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            config: OnceLock::new(),
        }
    }

    /// AWS as the SDK finds it on a developer's machine: profiles, roles, and
    /// whatever else it knows. No function links all that.
    pub async fn found() -> Self {
        let found = aws_config::defaults(BehaviorVersion::latest())
            .http_client(SdkClient::default())
            .timeout_config(timeouts());
        Self {
            endpoint: Endpoint::Standard,
            config: OnceLock::from(found.load().await),
        }
    }

    /// What a client is made of.
    pub(crate) fn config(&self) -> &SdkConfig {
        self.config.get_or_init(|| load(&self.endpoint))
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

fn load(endpoint: &Endpoint) -> SdkConfig {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(SdkClient::default())
        .retry_config(RetryConfig::standard())
        .timeout_config(timeouts());
    match endpoint {
        Endpoint::Standard => config
            .region(region())
            .credentials_provider(SharedCredentialsProvider::new(
                EnvironmentVariableCredentialsProvider::new(),
            ))
            .service_config(EndpointUrls),
        Endpoint::Local(url) => local(config, url, "local"),
        Endpoint::Keyed { url, access_key } => local(config, url, access_key),
    }
    .build()
}

fn local(
    config: aws_types::sdk_config::Builder,
    url: &str,
    key: &str,
) -> aws_types::sdk_config::Builder {
    let credentials = Credentials::new(key, "local", None, None, "local");
    config
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
}

/// What `AWS_REGION` says, which Lambda sets, or `AWS_DEFAULT_REGION`.
fn region() -> Option<Region> {
    let set = |name| ProcessEnvironment.get(name);
    set("AWS_REGION")
        .or_else(|| set("AWS_DEFAULT_REGION"))
        .map(Region::new)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(3))
        .operation_timeout(Duration::from_secs(8))
        .build()
}

/// `AWS_ENDPOINT_URL_DYNAMODB` and its like, and `AWS_ENDPOINT_URL` for all others.
#[derive(Debug)]
struct EndpointUrls;

impl LoadServiceConfig for EndpointUrls {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        let set = |name: &str| ProcessEnvironment.get(name).filter(|url| !url.is_empty());
        set(&format!("{}_{service}", key.env())).or_else(|| set(key.env()))
    }
}
