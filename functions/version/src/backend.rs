//! Asks the backend for the version, when that is another process.

use std::str::FromStr;
use std::time::Duration;

use common::client::{self, ClientError, ReadError};
use common::http::InternalKey;
use common::model::Image;
use common::net::{NotConfidential, check_confidential};
use http::StatusCode;
use reqwest::{Client, Url, redirect};
use serde_json::Value;

/// The contract's time limit for asking the backend.
const LIMIT: Duration = Duration::from_secs(8);

/// The backend's `GET /api/openclaw/version`.
#[derive(Clone, Debug)]
pub(crate) struct Backend {
    http: Client,
    url: BackendUrl,
    key: InternalKey,
}

/// The base URL of a backend, without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BackendUrl(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidBackendUrl {
    #[error("must be an http or https URL")]
    NotHttp,
    #[error(transparent)]
    NotConfidential(#[from] NotConfidential),
}

impl FromStr for BackendUrl {
    type Err = InvalidBackendUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| InvalidBackendUrl::NotHttp)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidBackendUrl::NotHttp);
        }
        // Each question carries the platform's key.
        check_confidential(url.scheme(), url.host())?;
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

/// The valid fields of the backend's answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) openclaw_version: Option<String>,
    pub(crate) image: Option<Image>,
    pub(crate) deployed_at: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum BackendError {
    #[error("no answer")]
    NoAnswer(#[source] reqwest::Error),
    #[error("the answer {0}")]
    Unreadable(ReadError),
    #[error("HTTP {0}")]
    Refused(StatusCode),
    #[error("the answer is not a JSON object")]
    NotJson,
    #[error("no answer within {} s", LIMIT.as_secs())]
    TimedOut,
}

impl Backend {
    /// Builds the client, once per process.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub(crate) fn new(url: BackendUrl, key: InternalKey) -> Result<Self, ClientError> {
        let http = client::builder()
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self { http, url, key })
    }

    pub(crate) async fn version(&self) -> Result<Answer, BackendError> {
        tokio::time::timeout(LIMIT, self.ask())
            .await
            .unwrap_or(Err(BackendError::TimedOut))
    }

    async fn ask(&self) -> Result<Answer, BackendError> {
        let response = self
            .http
            .get(format!("{}/api/openclaw/version", self.url.0))
            .bearer_auth(self.key.reveal())
            .send()
            .await
            .map_err(|error| BackendError::NoAnswer(error.without_url()))?;
        if !response.status().is_success() {
            return Err(BackendError::Refused(response.status()));
        }
        let body = client::read_bounded(response)
            .await
            .map_err(BackendError::Unreadable)?;
        match serde_json::from_slice(&body) {
            Ok(Value::Object(answer)) => {
                let text = |field: &str| answer.get(field).and_then(Value::as_str);
                Ok(Answer {
                    openclaw_version: text("openclawVersion").map(str::to_owned),
                    image: text("image").and_then(|image| image.parse().ok()),
                    deployed_at: text("deployedAt")
                        .filter(|at| at.parse::<jiff::Timestamp>().is_ok())
                        .map(str::to_owned),
                })
            }
            _ => Err(BackendError::NotJson),
        }
    }
}
