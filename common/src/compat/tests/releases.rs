//! Rules that begin with a release.

use serde_json::{Value, json};

use super::super::{RULES, fix, judge};
use super::{Edge, X_SEARCH, setup_of};
use crate::model::OpenclawVersion;

#[track_caller]
fn check_for(target: &str, before: Value, after: Value, fixes: &[&str]) {
    let target: OpenclawVersion = target.parse().unwrap();
    let fixed = fix(&setup_of(before, Value::Null), &target, &Edge::default()).unwrap();
    assert_eq!(Value::Object(fixed.setup.configuration.clone()), after);
    assert_eq!(fixed.fixes, fixes);
    let again = fix(&fixed.setup, &target, &Edge::default()).unwrap();
    assert_eq!(again.fixes, Vec::<String>::new());
    let verdict = judge(&fixed.setup, &target);
    assert_eq!(verdict.refusals, Vec::<String>::new());
}

#[test]
fn settings_move_for_the_release_that_moved_them_and_for_later_ones() {
    let before = json!({"messages": {"tts": {"provider": "openai"}}});
    for target in ["2026.4.11", "2026.6.11", "2026.7.1", "2026.8.1-beta.1"] {
        check_for(target, before.clone(), before.clone(), &[]);
    }
    for target in ["2026.8.1", "2026.8.2", "2026.9.3", "2026.9.6", "2027.1.1"] {
        let after = json!({"messages": {}, "tts": {"provider": "openai"}});
        check_for(
            target,
            before.clone(),
            after,
            &["Moved messages.tts to tts"],
        );
    }
}

#[test]
fn what_is_at_the_new_place_already_stays_and_is_filled_up() {
    check_for(
        "2026.9.6",
        json!({
            "session": {"maintenance": {"pruneDays": 30, "pruneAfter": "7d"}},
            "memory": {"search": {"provider": "local"}},
            "agents": {"defaults": {"memorySearch": {"provider": "openai", "enabled": true}}},
        }),
        json!({
            "session": {"maintenance": {"pruneAfter": "7d"}},
            "memory": {"search": {"provider": "local", "enabled": true}},
            "agents": {"defaults": {}},
        }),
        &[
            "Moved agents.defaults.memorySearch to memory.search",
            "Moved session.maintenance.pruneDays to session.maintenance.pruneAfter",
        ],
    );
}

#[test]
fn a_list_of_agents_becomes_entries_that_know_the_default_one() {
    check_for(
        "2026.9.6",
        json!({"agents": {"list": [{"id": "a", "name": "A"}]}}),
        json!({"agents": {"entries": {"a": {"name": "A"}}}}),
        &["Moved agents.list to agents.entries"],
    );
    check_for(
        "2026.9.6",
        json!({"agents": {
            "defaults": {"heartbeat": {"every": "30m"}},
            "list": [{"id": "a", "memorySearch": {"enabled": false}}, {"id": "b", "default": true}],
        }}),
        json!({
            "agents": {
                "ownership": "explicit",
                "defaults": {
                    "heartbeat": {"every": "30m", "agentId": "b"},
                    "systemAgent": {"agentId": "b"},
                    "authInheritance": {"agentId": "b"},
                },
                "entries": {"a": {"memory": {"search": {"enabled": false}}}, "b": {}},
            },
            "talk": {"agentId": "b"},
        }),
        &[
            "Moved agents.list to agents.entries",
            "Moved agents.entries.*.memorySearch to agents.entries.*.memory.search",
        ],
    );
}

#[test]
fn the_tool_x_search_goes_and_its_key_is_kept() {
    let after = json!({
        "tools": {"web": {}},
        "plugins": {"entries": {"xai": {"enabled": true, "config": {"webSearch": {"apiKey": "k"}}}}},
    });
    check_for(
        "2026.9.6",
        json!({"tools": {"web": {"x_search": {"apiKey": "k", "maxTurns": 3}}}}),
        after,
        &["Removed tools.web.x_search", X_SEARCH],
    );
    check_for(
        "2026.8.1",
        json!({"tools": {"web": {"x_search": {"model": "m"}}}}),
        json!({"tools": {"web": {}}}),
        &["Removed tools.web.x_search"],
    );
}

#[test]
fn each_rule_begins_with_the_first_release_that_refuses_the_old_place() {
    for rule in RULES {
        let target: OpenclawVersion = rule.since.parse().unwrap();
        let path: Vec<&str> = rule.from.split('.').collect();
        let mut configuration = json!({});
        for name in path.iter().rev() {
            configuration = json!({*name: configuration});
        }
        let setup = setup_of(configuration, Value::Null);
        let place = format!("configuration.{}", rule.from);
        let is_refused = |target: &OpenclawVersion| {
            let verdict = judge(&setup, target);
            verdict
                .refusals
                .iter()
                .any(|it| place.starts_with(it.split(' ').next().unwrap()))
        };
        // Nothing of channels is judged, and what was moved there moves on.
        let is_of_channels = rule.from.starts_with("channels.");
        // Known only since another rule moves it there.
        assert!(is_of_channels || is_refused(&target), "{}", rule.from);
    }
}
