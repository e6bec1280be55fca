//! How an agent is set up, as far as the platform keeps it.

use std::fmt;

use serde_json::{Map, Value};

/// What an agent starts with. Both parts hold secrets and belong to OpenClaw,
/// so they are kept as they are, fields that nobody here knows included, and
/// are never shown.
#[derive(Clone, Default, PartialEq)]
pub struct AgentSetup {
    /// The agent's `openclaw.json`.
    pub configuration: Map<String, Value>,
    /// The agent's own record among its paired devices, if it has one.
    pub device: Option<Map<String, Value>>,
}

impl fmt::Debug for AgentSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgentSetup(…)")
    }
}
