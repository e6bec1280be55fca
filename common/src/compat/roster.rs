//! `agents.list`, which is now `agents.entries`, by the agents' ids.

use serde_json::{Map, Value};

use super::json::{Fixing, Misshapen, make_object, object_mut, set_missing};

/// The agent that is the default one where nothing says so.
const MAIN: &str = "main";

/// Moves the agents, and writes down which of several is the default one: the
/// entries have no order and no `default`.
pub(super) fn apply(configuration: &mut Map<String, Value>) -> Fixing {
    let agents = object_mut(configuration, &["agents"]);
    let Some(list) = agents.and_then(|agents| agents.remove("list")) else {
        return Ok(());
    };
    let wrong = || {
        Misshapen::new(
            &["configuration", "agents", "list"],
            "a list of agents with ids",
        )
    };
    let Value::Array(list) = list else {
        return Err(wrong());
    };
    let mut default = None;
    let mut ids = Vec::new();
    for agent in list {
        let Value::Object(mut agent) = agent else {
            return Err(wrong());
        };
        let Some(Value::String(id)) = agent.remove("id") else {
            return Err(wrong());
        };
        if agent.remove("default") == Some(Value::Bool(true)) {
            default.get_or_insert_with(|| id.clone());
        }
        let entries = make_object(configuration, &["agents", "entries"])?;
        set_missing(entries, &id, Value::Object(agent));
        ids.push(id);
    }
    let Some(first) = ids.first() else {
        return Ok(());
    };
    let default = default.as_ref().unwrap_or(first);
    if ids.len() > 1 {
        let agents = make_object(configuration, &["agents"])?;
        set_missing(agents, "ownership", "explicit".into());
        own(
            configuration,
            &["agents", "defaults", "systemAgent"],
            default,
        )?;
        own(configuration, &["talk"], default)?;
        if default != MAIN {
            own(
                configuration,
                &["agents", "defaults", "authInheritance"],
                default,
            )?;
            if object_mut(configuration, &["agents", "defaults", "heartbeat"]).is_some() {
                own(configuration, &["agents", "defaults", "heartbeat"], default)?;
            }
        }
    }
    Ok(())
}

fn own(configuration: &mut Map<String, Value>, path: &[&str], agent: &str) -> Fixing {
    let owned = make_object(configuration, path)?;
    set_missing(owned, "agentId", agent.into());
    Ok(())
}
