//! AlertOutbox people that something is wrong.
//!
//! [`Alerts`] are the platform's support's: one never delays or fails what raised
//! it, and is sent in the background. [`Webhooks`] get those of the fleet, which
//! [`plan`] decides about; a sweep waits for them, and keeps what nobody took.

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

/// For how long the same alert is not sent again by one process: whoever presses
/// a button ten times has one problem.
const QUIET: SignedDuration = SignedDuration::from_mins(5);

/// Something that support should know. It names no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in a few words.
    pub title: String,
    /// What is known of it.
    pub text: String,
    /// The agent that it is about, if it is about one.
    pub instance: Option<InstanceId>,
    /// When it was found.
    pub time: Timestamp,
    /// The same for every alert about the same problem.
    pub dedup_key: String,
}

impl Alert {
    /// Writes it to the log.
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

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something is well again.
    Info,
    /// It works less well than it should.
    Warning,
    /// It does not work.
    Critical,
}

/// Where alerts go. Clones share what they remember.
#[derive(Clone, Debug)]
pub struct Alerts {
    webhook: Option<Webhook>,
    background: Background,
    sent: Arc<Mutex<HashMap<String, Timestamp>>>,
}

impl Alerts {
    /// Alerts that are logged, and sent to a webhook where there is one.
    pub fn new(webhook: Option<Webhook>, background: Background) -> Self {
        Self {
            webhook,
            background,
            sent: Arc::default(),
        }
    }

    /// Logs an alert, and has it sent unless the same one just was.
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
                // Nobody was told, so the next one is news again.
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
