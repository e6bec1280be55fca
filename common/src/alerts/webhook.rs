//! Sends alerts to a URL, which is itself a secret: whoever knows it can write
//! to the channel.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ::http::StatusCode;
use backon::{ExponentialBuilder, Retryable};
use reqwest::{Client, redirect};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::Alert;
use super::body::Receiver;
use crate::client::{self, ClientError};
use crate::clock::SharedClock;

/// How long one request may take.
const ATTEMPT: Duration = Duration::from_secs(3);

/// How long an alert may take, including retries.
const TOTAL: Duration = Duration::from_secs(10);

/// Where alerts are sent. Only its host is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.host_str().unwrap_or_default();
        write!(f, "WebhookUrl({host}/…)")
    }
}

/// The text is not a webhook's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an https URL without a user, or an http URL on this machine")]
pub struct InvalidWebhookUrl;

impl FromStr for WebhookUrl {
    type Err = InvalidWebhookUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url: Url = text.parse().map_err(|_| InvalidWebhookUrl)?;
        if client::is_confidential(&url) {
            Ok(Self(url))
        } else {
            Err(InvalidWebhookUrl)
        }
    }
}

/// Why an alert was not delivered. None of these names the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlertError {
    /// No connection, or no answer in time.
    #[error("the webhook cannot be reached")]
    Unreachable,
    #[error("the webhook's rate limit is reached")]
    RateLimited {
        /// How long to wait, if the response says so.
        retry_after: Option<Duration>,
    },
    #[error("the webhook answered HTTP {0}")]
    Failed(u16),
    /// It will not accept the alert, so it is not retried.
    #[error("the webhook refused the alert with HTTP {0}")]
    Refused(u16),
}

impl AlertError {
    fn may_pass(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => *retry_after,
            _ => None,
        }
    }
}

/// Sends alerts to one URL.
#[derive(Clone)]
pub struct Webhook {
    http: Client,
    url: WebhookUrl,
    receiver: Receiver,
    clock: SharedClock,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Webhook").field(&self.url).finish()
    }
}

impl Webhook {
    /// Makes the client, once for a process. It follows no redirects.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn new(url: WebhookUrl, clock: SharedClock) -> Result<Self, ClientError> {
        let http = client::builder()
            .redirect(redirect::Policy::none())
            // Connections do not survive Lambda's freezing the process.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self {
            http,
            receiver: Receiver::of(&url.0),
            url,
            clock,
        })
    }

    /// Sends an alert, and retries for ten seconds at most. If the receiver
    /// asks for a longer wait, it is given up.
    ///
    /// # Errors
    /// When the webhook did not accept it.
    pub async fn send(&self, alert: &Alert) -> Result<(), AlertError> {
        let body = self.receiver.body(alert);
        let deadline = Instant::now() + TOTAL;
        let backoff = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(200))
            .with_max_times(4)
            .with_jitter();
        (|| self.attempt(&body, deadline))
            .retry(backoff)
            .when(AlertError::may_pass)
            .adjust(|error, delay| {
                let delay = delay?.max(error.retry_after().unwrap_or_default());
                (Instant::now() + delay < deadline).then_some(delay)
            })
            .await
    }

    async fn attempt(&self, body: &serde_json::Value, deadline: Instant) -> Result<(), AlertError> {
        let limit = deadline.min(Instant::now() + ATTEMPT);
        let request = self.http.post(self.url.0.clone()).json(body).send();
        // reqwest's own errors contain the URL.
        let response = match timeout_at(limit, request).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) | Err(_) => return Err(AlertError::Unreachable),
        };
        match response.status() {
            status if status.is_success() => Ok(()),
            StatusCode::TOO_MANY_REQUESTS => Err(AlertError::RateLimited {
                retry_after: client::retry_after(response.headers(), self.clock.now()),
            }),
            status if status.is_server_error() => Err(AlertError::Failed(status.as_u16())),
            status => Err(AlertError::Refused(status.as_u16())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn of_a_url_only_its_host_is_shown() {
        let url: WebhookUrl = "https://hooks.slack.com/services/secret?key=secret"
            .parse()
            .unwrap();
        assert_eq!(format!("{url:?}"), "WebhookUrl(hooks.slack.com/…)");
        let webhook = Webhook::new(url, Arc::new(SystemClock)).unwrap();
        let shown = format!("{webhook:?}");
        assert_eq!(shown, "Webhook(WebhookUrl(hooks.slack.com/…))");
    }

    #[test]
    fn other_urls_are_refused_without_being_repeated() {
        for text in [
            "",
            "secret",
            "http://hooks.slack.com/secret",
            "https://user:secret@hooks.slack.com/",
            "file:///secret",
        ] {
            let error = text.parse::<WebhookUrl>().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        assert!("http://127.0.0.1:9/secret".parse::<WebhookUrl>().is_ok());
    }
}
