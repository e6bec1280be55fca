//! Why a gateway lets nobody in, in its own words.

use serde_json::Value;

/// What a refusal of OpenClaw's gateway is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The token is missing or wrong.
    Token,
    /// The gateway cannot tell for whom a proxy asks.
    ProxyAttribution,
}

impl Refusal {
    /// Reads `error.type`; none where it is not there or another one.
    pub(super) fn of(body: &Value) -> Option<Self> {
        match body.get("error")?.get("type")?.as_str()? {
            "unauthorized" => Some(Self::Token),
            "proxy_attribution_required" => Some(Self::ProxyAttribution),
            _ => None,
        }
    }
}
