//! What all items of the history have in common: keys and expiry.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};

pub(super) const KEY: &str = "instanceId";
pub(super) const SORT_KEY: &str = "sortKey";
pub(super) const EXPIRES_AT: &str = "expiresAt";

/// How long an item is kept.
pub const HISTORY_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// `2026-04-04T03`, which sorts by time.
pub(super) fn hour_key(at: Timestamp) -> String {
    at.to_string().chars().take(13).collect()
}

pub(super) fn expiry(at: Timestamp) -> AttributeValue {
    let at = at.as_second().saturating_add(HISTORY_KEPT.as_secs());
    AttributeValue::N(at.to_string())
}
