//! Why a gateway refuses requests, by its own error.

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
    /// Reads `error.type`; `None` if it is missing or a different one.
    pub(super) fn of(body: &Value) -> Option<Self> {
        match body.get("error")?.get("type")?.as_str()? {
            "unauthorized" => Some(Self::Token),
            "proxy_attribution_required" => Some(Self::ProxyAttribution),
            _ => None,
        }
    }
}
