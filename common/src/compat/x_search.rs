//! `tools.web.x_search`, whose key now belongs to the xAI plugin.

use serde_json::{Map, Value};

use super::json::{Fixing, object_mut};
use super::plugins;
use super::web_tools::{OLDER, WEB, adopt};

const PLUGIN: &str = "xai";

/// Moves the key, and turns the plugin on that the tool lives in. All other
/// settings of the tool are valid where they are.
pub(super) fn apply(configuration: &mut Map<String, Value>) -> Fixing {
    adopt(configuration, "x_search")?;
    let Some(web) = object_mut(configuration, &WEB) else {
        return Ok(());
    };
    let Some(x_search) = object_mut(web, &["x_search"]) else {
        return Ok(());
    };
    match x_search.remove("apiKey") {
        Some(key) => {
            if x_search.is_empty() {
                web.remove("x_search");
            }
            let key = Map::from_iter([("apiKey".to_owned(), key)]);
            plugins::configure(configuration, PLUGIN, "webSearch", key, true)
        }
        None if plugins::is_refused(configuration, PLUGIN) => Ok(()),
        None => plugins::enable(configuration, PLUGIN, true),
    }
}

/// Removes all settings of the tool but its key, for releases without the tool.
pub(super) fn keep_key_alone(configuration: &mut Map<String, Value>) -> Fixing {
    for path in [&WEB[..], &OLDER[..]] {
        let Some(web) = object_mut(configuration, path) else {
            continue;
        };
        let Some(Value::Object(x_search)) = web.get_mut("x_search") else {
            continue;
        };
        x_search.retain(|name, _| name == "apiKey");
        if x_search.is_empty() {
            web.remove("x_search");
        }
    }
    Ok(())
}
