//! Alerts to people, sent to webhooks.
//!
//! [`Alerts`] go to the platform's support: they are sent in the background,
//! and never delay or fail the request that raised them. Alerts about the fleet
//! go to [`Webhooks`]; [`plan`] decides which are sent. A sweep waits for
//! those, and an alert that no webhook accepted stays pending.

mod body;
mod policy;
mod remediation;
mod webhook;
mod webhooks;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

pub use policy::{Plan, Situation, of_incident, plan};
pub use remediation::of_remediation;
pub use webhook::{AlertError, InvalidWebhookUrl, Webhook, WebhookUrl};
pub use webhooks::{InvalidWebhookUrls, WebhookUrls, Webhooks};

use crate::background::Background;
use crate::model::InstanceId;

/// For how long one process does not send the same alert again: ten clicks on a
/// button are one problem.
const QUIET: SignedDuration = SignedDuration::from_mins(5);

/// Something that people should know. It contains no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    pub severity: Severity,
    pub title: String,
    /// The details.
    pub text: String,
    /// The agent that it is about, if it is about one in particular.
    pub instance: Option<InstanceId>,
    /// When the problem was found.
    pub time: Timestamp,
    /// Equal for all alerts about the same problem.
    pub dedup_key: String,
}

impl Alert {
    fn log(&self) {
        tracing::warn!(
            severity = ?self.severity,
            instance = self.instance.as_ref().map(tracing::field::display),
            key = self.dedup_key,
            text = self.text,
            "alert: {}",
            self.title
        );
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something has recovered.
    Info,
    /// Something works less well than it should.
    Warning,
    /// Something does not work.
    Critical,
}

/// Sends alerts to support. Clones share what they remember of sent ones.
#[derive(Clone, Debug)]
pub struct Alerts {
    webhook: Option<Webhook>,
    background: Background,
    sent: Arc<Mutex<HashMap<String, Timestamp>>>,
}

impl Alerts {
    /// Logs alerts, and sends them to a webhook if there is one.
    pub fn new(webhook: Option<Webhook>, background: Background) -> Self {
        Self {
            webhook,
            background,
            sent: Arc::default(),
        }
    }

    /// Logs an alert, and sends it in the background unless the same one was
    /// sent a moment ago.
    pub fn raise(&self, alert: Alert) {
        alert.log();
        let Some(webhook) = self.webhook.clone() else {
            return;
        };
        if !self.is_news(&alert) {
            return;
        }
        let sent = self.sent.clone();
        self.background.spawn(async move {
            if let Err(error) = webhook.send(&alert).await {
                tracing::error!(%error, key = alert.dedup_key, "an alert was not delivered");
                // Nobody has it, so the next one is sent.
                let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
                sent.remove(&alert.dedup_key);
            }
        });
    }

    fn is_news(&self, alert: &Alert) -> bool {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.retain(|_, time| alert.time.duration_since(*time) < QUIET);
        let key = alert.dedup_key.clone();
        sent.insert(key, alert.time).is_none()
    }
}
