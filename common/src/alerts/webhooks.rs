//! The webhooks that all get the alerts about the fleet.

use std::str::FromStr;

use futures_util::future::join_all;

use super::{Alert, AlertError, InvalidWebhookUrl, Webhook, WebhookUrl};
use crate::client::ClientError;
use crate::clock::SharedClock;

/// Comma-separated URLs of webhooks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookUrls(Vec<WebhookUrl>);

/// The text is no list of webhooks' URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be https URLs without a user, or http URLs on this machine, with commas between them"
)]
pub struct InvalidWebhookUrls;

impl FromStr for WebhookUrls {
    type Err = InvalidWebhookUrls;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let urls = text.split(',').map(|url| url.trim().parse());
        let urls: Result<_, InvalidWebhookUrl> = urls.collect();
        urls.map(Self).map_err(|_| InvalidWebhookUrls)
    }
}

#[derive(Clone, Debug, Default)]
pub struct Webhooks(Vec<Webhook>);

impl Webhooks {
    /// Makes their clients, once for a process.
    ///
    /// # Errors
    /// When a client cannot be made.
    pub fn new(urls: WebhookUrls, clock: &SharedClock) -> Result<Self, ClientError> {
        let all = urls.0.into_iter();
        all.map(|url| Webhook::new(url, clock.clone()))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Logs an alert and sends it to all webhooks, each with its own retries.
    /// It is delivered if one of them accepts it, or if there are none: a
    /// webhook that never answers must not make the others receive it again and
    /// again.
    ///
    /// # Errors
    /// When no webhook accepted it: one of the reasons.
    pub async fn send(&self, alert: &Alert) -> Result<(), AlertError> {
        alert.log();
        let sent = join_all(self.0.iter().map(|webhook| webhook.send(alert))).await;
        let mut failure = None;
        let mut taken = self.0.is_empty();
        for (webhook, sent) in self.0.iter().zip(sent) {
            match sent {
                Ok(()) => taken = true,
                Err(error) => {
                    tracing::error!(%error, ?webhook, key = alert.dedup_key, "an alert was not delivered");
                    failure = Some(error);
                }
            }
        }
        match failure {
            Some(error) if !taken => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_commas_between_them_and_one_bad_one_spoils_all() {
        let urls: WebhookUrls = "https://a.example/x, http://127.0.0.1:9/y".parse().unwrap();
        assert_eq!(urls.0.len(), 2);
        for text in [
            "",
            "https://a.example/x,",
            "https://a.example/secret,http://b.example/",
        ] {
            let error = text.parse::<WebhookUrls>().unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
