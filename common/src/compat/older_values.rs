//! Settings whose values later releases spell differently.

use serde_json::{Map, Value};

use super::json::{Fixing, make_object, object_mut, set_missing};

/// The time after which a session ends is one of the ways to end it, and the one
/// that is meant where no other is.
pub(super) fn move_idle_minutes(configuration: &mut Map<String, Value>) -> Fixing {
    let session = object_mut(configuration, &["session"]);
    let Some(minutes) = session.and_then(|session| session.remove("idleMinutes")) else {
        return Ok(());
    };
    let is_only = object_mut(configuration, &["session", "reset"]).is_none();
    let reset = make_object(configuration, &["session", "reset"])?;
    set_missing(reset, "idleMinutes", minutes);
    if is_only {
        set_missing(reset, "mode", "idle".into());
    }
    Ok(())
}

/// Whether an agent may write to other conversations is asked in two parts: what is
/// answered there stays, so that nothing is allowed that was not.
pub(super) fn divide_cross_context(configuration: &mut Map<String, Value>) -> Fixing {
    divide(configuration);
    let agents = object_mut(configuration, &["agents", "entries"]);
    let agents = agents.into_iter().flatten();
    let agents = agents.filter_map(|(_, agent)| agent.as_object_mut());
    agents.for_each(divide);
    Ok(())
}

/// Where the parts have no place it stays, and the release's refusal names it.
fn divide(of: &mut Map<String, Value>) {
    let Some(message) = object_mut(of, &["tools", "message"]) else {
        return;
    };
    if message.get("allowCrossContextSend") == Some(&Value::Bool(true)) {
        let Ok(parts) = make_object(message, &["crossContext"]) else {
            return;
        };
        set_missing(parts, "allowWithinProvider", true.into());
        set_missing(parts, "allowAcrossProviders", true.into());
    }
    message.remove("allowCrossContextSend");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn idle_minutes_are_a_reset_and_one_that_is_there_wins() {
        for (before, after) in [
            (
                json!({"idleMinutes": 45}),
                json!({"reset": {"mode": "idle", "idleMinutes": 45}}),
            ),
            (
                json!({"idleMinutes": 45, "reset": {"mode": "daily"}}),
                json!({"reset": {"mode": "daily", "idleMinutes": 45}}),
            ),
            (
                json!({"idleMinutes": 45, "reset": {"idleMinutes": 3}}),
                json!({"reset": {"idleMinutes": 3}}),
            ),
        ] {
            let mut configuration = Map::from_iter([("session".to_owned(), before)]);
            move_idle_minutes(&mut configuration).unwrap();
            assert_eq!(configuration.get("session"), Some(&after));
        }
    }

    #[test]
    fn sending_to_other_contexts_is_allowed_in_two_parts_and_never_more_than_before() {
        for (before, after) in [
            (
                json!({"allowCrossContextSend": true}),
                json!({"crossContext": {"allowWithinProvider": true, "allowAcrossProviders": true}}),
            ),
            (
                json!({
                    "allowCrossContextSend": true, "crossContext": {"allowWithinProvider": false},
                }),
                json!({
                    "crossContext": {"allowWithinProvider": false, "allowAcrossProviders": true},
                }),
            ),
            (json!({"allowCrossContextSend": false}), json!({})),
        ] {
            let tools = |message: Value| json!({"message": message});
            let all = |message: Value| {
                let tools = tools(message);
                json!({"tools": tools, "agents": {"entries": {"main": {"tools": tools}}}})
            };
            let mut configuration = all(before).as_object().unwrap().clone();
            divide_cross_context(&mut configuration).unwrap();
            assert_eq!(Value::Object(configuration), all(after));
        }
    }
}
