//! `tools.web.search`, whose providers are now plugins.

use serde_json::{Map, Value};

use super::json::{Fixing, object_mut};
use super::plugins;
use super::web_tools::{WEB, adopt, any_section};

/// The provider of the key that names none, `tools.web.search.apiKey`.
const OF_THE_BARE_KEY: &str = "brave";

/// Moves the settings of one provider to its plugin.
pub(super) fn apply(
    configuration: &mut Map<String, Value>,
    provider: &str,
    plugin: &str,
) -> Fixing {
    if !any_section(configuration, "search", |search| {
        is_legacy(search, provider)
    }) {
        return Ok(());
    }
    adopt(configuration, "search")?;
    let [tools, web] = WEB;
    let Some(search) = object_mut(configuration, &[tools, web, "search"]) else {
        return Ok(());
    };
    let mut settings = match search.get(provider) {
        Some(Value::Object(_)) => search.remove(provider),
        _ => None,
    }
    .map(object_of)
    .unwrap_or_default();
    if provider == OF_THE_BARE_KEY
        && let Some(key) = search.remove("apiKey")
    {
        settings.insert("apiKey".to_owned(), key);
    }
    plugins::configure(configuration, plugin, "webSearch", settings, true)
}

fn is_legacy(search: &Map<String, Value>, provider: &str) -> bool {
    let settings = search.get(provider).and_then(Value::as_object);
    settings.is_some_and(|settings| !settings.is_empty())
        || (provider == OF_THE_BARE_KEY && search.contains_key("apiKey"))
}

fn object_of(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
