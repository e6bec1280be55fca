//! A pending alert, as stored in the agent's item.

use serde::{Deserialize, Serialize};

use crate::watch::Transition;

/// Times are strings.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PendingAlertRecord {
    pub(super) transition: String,
    #[serde(rename = "takenBy")]
    pub(super) claimed_by: String,
}

impl PendingAlertRecord {
    pub(super) fn of(transition: &Transition) -> Self {
        Self {
            transition: transition.scheduled_at.to_string(),
            claimed_by: transition.scheduled_at.to_string(),
        }
    }
}
