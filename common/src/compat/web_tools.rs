//! The settings of the web tools, `tools.web`, and their older spelling
//! `core.tools.web`, which OpenClaw refuses to start with.

use serde_json::{Map, Value};

use super::json::{Fixing, fill_missing, make_object, object, object_mut, set_missing};

/// Where they are.
pub(super) const WEB: [&str; 2] = ["tools", "web"];

/// Where they were.
pub(super) const OLDER: [&str; 3] = ["core", "tools", "web"];

/// Whether a section is there, in either spelling, and `holds` for it.
pub(super) fn any_section(
    configuration: &Map<String, Value>,
    section: &str,
    holds: impl Fn(&Map<String, Value>) -> bool,
) -> bool {
    [&WEB[..], &OLDER[..]]
        .into_iter()
        .filter_map(|path| object(object(configuration, path)?, &[section]))
        .any(holds)
}

/// Moves a section from the older spelling, if it is there: what the newer one
/// has already stays.
pub(super) fn adopt(configuration: &mut Map<String, Value>, section: &str) -> Fixing {
    let older = object_mut(configuration, &OLDER);
    let Some(moved) = older.and_then(|web| web.remove(section)) else {
        return Ok(());
    };
    remove_emptied(configuration);
    let [tools, web] = WEB;
    match moved {
        Value::Object(moved) => {
            fill_missing(make_object(configuration, &[tools, web, section])?, moved);
        }
        moved => set_missing(make_object(configuration, &WEB)?, section, moved),
    }
    Ok(())
}

/// Moves all sections that no other fix had a reason to move.
pub(super) fn adopt_all(configuration: &mut Map<String, Value>) -> Fixing {
    let Some(older) = object(configuration, &OLDER) else {
        return Ok(());
    };
    let sections: Vec<String> = older.keys().cloned().collect();
    for section in sections {
        adopt(configuration, &section)?;
    }
    remove_emptied(configuration);
    Ok(())
}

/// Removes what the older spelling leaves behind: OpenClaw knows no `core`.
fn remove_emptied(configuration: &mut Map<String, Value>) {
    for (depth, name) in OLDER.iter().enumerate().rev() {
        let Some(parent) = object_mut(configuration, OLDER.get(..depth).unwrap_or_default()) else {
            continue;
        };
        let emptied = parent.get(*name).and_then(Value::as_object);
        if !emptied.is_some_and(Map::is_empty) {
            return;
        }
        parent.remove(*name);
    }
}
