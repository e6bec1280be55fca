//! `tools.web.fetch.firecrawl`, which is now a plugin.

use serde_json::{Map, Value};

use super::json::{Fixing, Misshapen, object_mut};
use super::plugins;
use super::web_tools::{WEB, adopt, any_section};

const PLUGIN: &str = "firecrawl";

/// Moves the settings to the plugin. `enabled` belongs into the plugin's entry:
/// `doctor` forgets it, and so turns on what its owner had turned off.
pub(super) fn apply(configuration: &mut Map<String, Value>) -> Fixing {
    let is_legacy = |fetch: &Map<String, Value>| fetch.get(PLUGIN).is_some_and(Value::is_object);
    if !any_section(configuration, "fetch", is_legacy) {
        return Ok(());
    }
    adopt(configuration, "fetch")?;
    let [tools, web] = WEB;
    let fetch = object_mut(configuration, &[tools, web, "fetch"]);
    let Some(Value::Object(mut settings)) = fetch.and_then(|fetch| fetch.remove(PLUGIN)) else {
        return Ok(());
    };
    let enabled = match settings.remove("enabled") {
        None | Some(Value::Null) => true,
        Some(Value::Bool(enabled)) => enabled,
        Some(_) => {
            let path = ["configuration", tools, web, "fetch", PLUGIN, "enabled"];
            return Err(Misshapen::new(&path, "true or false"));
        }
    };
    match (settings.is_empty(), enabled) {
        // A provider that is on and has no settings is none that was chosen.
        (true, true) => Ok(()),
        (true, false) => plugins::enable(configuration, PLUGIN, false),
        (false, _) => plugins::configure(configuration, PLUGIN, "webFetch", settings, enabled),
    }
}
