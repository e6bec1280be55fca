//! Where a page of instances begins.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::model::InstanceId;

/// The prefix of every cursor, which tells it from other values.
const KIND: &str = "after:";

/// The position after an instance, in the order of ids: instances that are
/// added or removed meanwhile move no other to another page.
pub(crate) struct Cursor(pub(crate) InstanceId);

impl Cursor {
    /// The cursor as callers get it.
    pub(crate) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{KIND}{}", self.0))
    }
}

#[derive(Debug)]
pub(crate) struct InvalidCursor;

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let text = String::from_utf8(bytes).map_err(|_| InvalidCursor)?;
        let id = text.strip_prefix(KIND).ok_or(InvalidCursor)?;
        id.parse().map(Self).map_err(|_| InvalidCursor)
    }
}
