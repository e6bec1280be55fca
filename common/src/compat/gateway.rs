//! `gateway.bind`, which is a mode and was an address.

use serde_json::{Map, Value};

use super::json::{Fixing, object_mut};

/// Replaces the addresses that older versions took by the mode of the same
/// meaning.
pub(super) fn apply(configuration: &mut Map<String, Value>) -> Fixing {
    let gateway = object_mut(configuration, &["gateway"]);
    if let Some(Value::String(bind)) = gateway.and_then(|gateway| gateway.get_mut("bind")) {
        let mode = match bind.trim().to_ascii_lowercase().as_str() {
            "0.0.0.0" | "::" | "[::]" | "*" => "lan",
            "127.0.0.1" | "localhost" | "::1" | "[::1]" => "loopback",
            _ => return Ok(()),
        };
        mode.clone_into(bind);
    }
    Ok(())
}
