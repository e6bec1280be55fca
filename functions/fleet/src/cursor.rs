//! Where a page of instances begins.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::model::InstanceId;

/// Before every id in a cursor, so that another kind of cursor is none.
const KIND: &str = "after:";

/// The place behind an instance, in the order of their ids: instances that come
/// and go meanwhile move nobody to another page.
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
