//! Sends alerts, each one once per process.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::alerts::{Alert, Webhooks};
use common::clock::SharedClock;
use jiff::{SignedDuration, Timestamp};

/// How long the run that claimed an alert has to deliver it: longer than an
/// invocation lasts. Afterwards a later run may claim it.
pub(crate) const CLAIM: SignedDuration = SignedDuration::from_secs(60);

/// How long a process remembers what it sent.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

/// Sends alerts, and remembers them: if the delivery could not be recorded,
/// this process does not send the alert twice.
pub(crate) struct AlertSender {
    webhooks: Webhooks,
    clock: SharedClock,
    sent: SentKeys,
}

/// The deduplication keys of sent alerts, and when they were sent.
#[derive(Default)]
struct SentKeys(Mutex<HashMap<String, Timestamp>>);

impl AlertSender {
    pub(crate) fn new(webhooks: Webhooks, clock: SharedClock) -> Self {
        Self {
            webhooks,
            clock,
            sent: SentKeys::default(),
        }
    }

    /// The keys of the alerts that this process sent lately.
    pub(crate) fn sent_keys(&self) -> HashSet<String> {
        self.sent.since(self.clock.now())
    }

    /// Sends an alert. Returns whether it was delivered.
    pub(crate) async fn send(&self, alert: &Alert) -> bool {
        let delivered = self.webhooks.send(alert).await.is_ok();
        if delivered {
            self.sent.insert(&alert.dedup_key, self.clock.now());
        }
        delivered
    }

    /// Sends an alert, unless this process sent it lately. Returns whether it
    /// is delivered.
    pub(crate) async fn send_once(&self, alert: &Alert) -> bool {
        self.sent_keys().contains(&alert.dedup_key) || self.send(alert).await
    }
}

impl SentKeys {
    /// Those that are remembered at this time. Forgets all others.
    fn since(&self, now: Timestamp) -> HashSet<String> {
        let mut sent = self.lock();
        sent.retain(|_, at| now.duration_since(*at) < REMEMBERED);
        sent.keys().cloned().collect()
    }

    fn insert(&self, key: &str, now: Timestamp) {
        self.lock().insert(key.to_owned(), now);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
