//! Where plugins have their settings.

use serde_json::{Map, Value};

use super::json::{Misshapen, fill_missing, make_object, object, set_missing};

const ENTRIES: [&str; 2] = ["plugins", "entries"];

/// Gives a plugin the settings that it lacks. It is turned on or off as
/// `enabled` says, unless its own entry says so already.
pub(super) fn configure(
    configuration: &mut Map<String, Value>,
    plugin: &str,
    part: &str,
    settings: Map<String, Value>,
    enabled: bool,
) -> Result<(), Misshapen> {
    enable(configuration, plugin, enabled)?;
    let [plugins, entries] = ENTRIES;
    let part = make_object(configuration, &[plugins, entries, plugin, "config", part])?;
    fill_missing(part, settings);
    Ok(())
}

/// Turns a plugin on or off, unless its own entry says so already.
pub(super) fn enable(
    configuration: &mut Map<String, Value>,
    plugin: &str,
    enabled: bool,
) -> Result<(), Misshapen> {
    let [plugins, entries] = ENTRIES;
    let entry = make_object(configuration, &[plugins, entries, plugin])?;
    set_missing(entry, "enabled", Value::Bool(enabled));
    Ok(())
}

/// Whether the owner wants this plugin, or all of them, never to run.
pub(super) fn is_refused(configuration: &Map<String, Value>, plugin: &str) -> bool {
    let Some(plugins) = object(configuration, &["plugins"]) else {
        return false;
    };
    let denied = plugins.get("deny").and_then(Value::as_array);
    plugins.get("enabled") == Some(&Value::Bool(false))
        || denied.is_some_and(|denied| denied.iter().any(|name| name == plugin))
}
