mod releases;

use serde_json::{Value, json};

use super::{Edge, Fixed, Misshapen};
use crate::model::{AgentSetup, OpenclawVersion};

fn fix(setup: &AgentSetup) -> Result<Fixed, Vec<Misshapen>> {
    super::fix(setup, &OpenclawVersion::BASELINE, &Edge::default())
}

fn setup_of(configuration: Value, device: Value) -> AgentSetup {
    let object = |value: Value| value.as_object().cloned();
    AgentSetup {
        configuration: object(configuration).unwrap(),
        device: object(device),
    }
}

/// Asserts what a configuration becomes, and that it then needs no more.
#[track_caller]
#[expect(
    clippy::needless_pass_by_value,
    reason = "callers write a json! literal"
)]
fn check(before: Value, after: Value, fixes: &[&str]) {
    let fixed = fix(&setup_of(before, Value::Null)).unwrap();
    assert_eq!(Value::Object(fixed.setup.configuration.clone()), after);
    assert_eq!(fixed.fixes, fixes);
    assert_eq!(fix(&fixed.setup).unwrap().fixes, Vec::<String>::new());
}

/// Asserts which places are told to be in the way.
#[track_caller]
fn check_refused(configuration: Value, device: Value, problems: &[&str]) {
    let refused = fix(&setup_of(configuration, device)).unwrap_err();
    let refused: Vec<String> = refused.iter().map(ToString::to_string).collect();
    assert_eq!(refused, problems);
}

const X_SEARCH: &str = "Migrated x_search plugin config";
const BRAVE: &str = "Migrated brave search plugin config";
const GROK: &str = "Migrated grok search plugin config";
const FIRECRAWL: &str = "Migrated firecrawl fetch plugin config";

#[test]
fn a_setup_as_it_should_be_stays() {
    for configuration in [
        json!({}),
        json!({"tools": {"web": {"search": {"provider": "grok"}, "fetch": {}}}}),
        json!({"gateway": {"bind": "lan"}, "plugins": {"entries": {"xai": {"enabled": false}}}}),
        json!({"tools": "none", "core": [], "gateway": null}),
    ] {
        check(configuration.clone(), configuration, &[]);
    }
}

#[test]
fn the_key_of_x_search_moves_to_the_xai_plugin() {
    check(
        json!({"tools": {"web": {"x_search": {"apiKey": "k"}}}}),
        json!({
            "tools": {"web": {}},
            "plugins": {"entries": {"xai": {"enabled": true, "config": {"webSearch": {"apiKey": "k"}}}}},
        }),
        &[X_SEARCH],
    );
}

#[test]
fn the_other_settings_of_x_search_stay_where_they_are() {
    check(
        json!({"tools": {"web": {"x_search": {"maxTurns": 3, "apiKey": "k", "enabled": false}}}}),
        json!({
            "tools": {"web": {"x_search": {"maxTurns": 3, "enabled": false}}},
            "plugins": {"entries": {"xai": {"enabled": true, "config": {"webSearch": {"apiKey": "k"}}}}},
        }),
        &[X_SEARCH],
    );
}

#[test]
fn x_search_without_a_key_turns_its_plugin_on_unless_that_is_refused() {
    let tools = json!({"web": {"x_search": {"model": "m"}}});
    check(
        json!({"tools": tools}),
        json!({"tools": tools, "plugins": {"entries": {"xai": {"enabled": true}}}}),
        &[X_SEARCH],
    );
    for plugins in [
        json!({"enabled": false}),
        json!({"deny": ["x", "xai"]}),
        json!({"entries": {"xai": {"enabled": false}}}),
    ] {
        let configuration = json!({"tools": tools, "plugins": plugins});
        check(configuration.clone(), configuration, &[]);
    }
}

#[test]
fn on_a_conflict_the_plugin_wins_and_what_it_lacks_is_filled_in() {
    check(
        json!({
            "tools": {"web": {
                "x_search": {"apiKey": "x"},
                "search": {"apiKey": "bare", "grok": {"apiKey": "g", "model": "m", "more": {"a": 1, "b": 1}}},
            }},
            "plugins": {"entries": {
                "brave": {"config": {"webSearch": {"apiKey": null, "mode": "web"}}},
                "xai": {"enabled": false, "note": 7, "config": {"webSearch": {"more": {"a": 2}}}},
            }},
        }),
        json!({
            "tools": {"web": {"search": {}}},
            "plugins": {"entries": {
                "brave": {"enabled": true, "config": {"webSearch": {"apiKey": "bare", "mode": "web"}}},
                "xai": {"enabled": false, "note": 7, "config": {"webSearch": {
                    "apiKey": "x", "model": "m", "more": {"a": 2, "b": 1},
                }}},
            }},
        }),
        &[X_SEARCH, BRAVE, GROK],
    );
}

#[test]
fn a_key_that_says_where_the_secret_is_is_never_mixed_with_another() {
    let of_plugin = json!({"source": "env", "id": "XAI"});
    check(
        json!({
            "tools": {"web": {"search": {"grok": {
                "apiKey": {"source": "exec", "id": "xai", "provider": "vault"},
            }}}},
            "plugins": {"entries": {"xai": {"enabled": true, "config": {"webSearch": {"apiKey": of_plugin}}}}},
        }),
        json!({
            "tools": {"web": {"search": {}}},
            "plugins": {"entries": {"xai": {"enabled": true, "config": {"webSearch": {"apiKey": of_plugin}}}}},
        }),
        &[GROK],
    );
}

#[test]
fn every_search_provider_moves_to_its_plugin() {
    for (provider, plugin) in [
        ("brave", "brave"),
        ("duckduckgo", "duckduckgo"),
        ("exa", "exa"),
        ("firecrawl", "firecrawl"),
        ("gemini", "google"),
        ("grok", "xai"),
        ("kimi", "moonshot"),
        ("minimax", "minimax"),
        ("ollama", "ollama"),
        ("perplexity", "perplexity"),
        ("searxng", "searxng"),
    ] {
        check(
            json!({"tools": {"web": {"search": {"provider": provider, provider: {"a": 1}}}}}),
            json!({
                "tools": {"web": {"search": {"provider": provider}}},
                "plugins": {"entries": {plugin: {"enabled": true, "config": {"webSearch": {"a": 1}}}}},
            }),
            &[&format!("Migrated {provider} search plugin config")],
        );
    }
}

#[test]
fn providers_that_are_not_plugins_in_disguise_stay() {
    let configuration = json!({"tools": {"web": {"search": {"openaiCodex": {"a": 1}, "tavily": {"b": 2}, "exa": {}}}}});
    check(configuration.clone(), configuration, &[]);
}

#[test]
fn firecrawl_stays_as_its_owner_had_turned_it() {
    for (legacy, entry, enabled) in [
        (json!(null), json!(null), true),
        (json!(true), json!(null), true),
        (json!(false), json!(null), false),
        (json!(true), json!(false), false),
        (json!(false), json!(true), true),
    ] {
        check(
            json!({
                "tools": {"web": {"fetch": {"maxChars": 9, "firecrawl": {"enabled": legacy, "apiKey": "f"}}}},
                "plugins": {"entries": {"firecrawl": {"enabled": entry}}},
            }),
            json!({
                "tools": {"web": {"fetch": {"maxChars": 9}}},
                "plugins": {"entries": {"firecrawl": {
                    "enabled": enabled, "config": {"webFetch": {"apiKey": "f"}},
                }}},
            }),
            &[FIRECRAWL],
        );
    }
}

#[test]
fn firecrawl_without_settings_leaves_only_that_it_is_off() {
    let before =
        |enabled| json!({"tools": {"web": {"fetch": {"firecrawl": {"enabled": enabled}}}}});
    check(
        before(true),
        json!({"tools": {"web": {"fetch": {}}}}),
        &[FIRECRAWL],
    );
    check(
        before(false),
        json!({
            "tools": {"web": {"fetch": {}}},
            "plugins": {"entries": {"firecrawl": {"enabled": false}}},
        }),
        &[FIRECRAWL],
    );
}

#[test]
fn the_older_spelling_is_migrated_like_the_newer_one() {
    check(
        json!({"core": {"tools": {"web": {"x_search": {"apiKey": "k", "model": "m"}}}}}),
        json!({
            "tools": {"web": {"x_search": {"model": "m"}}},
            "plugins": {"entries": {"xai": {"enabled": true, "config": {"webSearch": {"apiKey": "k"}}}}},
        }),
        &[X_SEARCH],
    );
    check(
        json!({
            "core": {"kept": 1, "tools": {"web": {"search": {"apiKey": "old", "grok": {"a": 1}, "provider": "x"}}}},
            "tools": {"web": {"search": {"provider": "grok"}}},
        }),
        json!({
            "core": {"kept": 1},
            "tools": {"web": {"search": {"provider": "grok"}}},
            "plugins": {"entries": {
                "brave": {"enabled": true, "config": {"webSearch": {"apiKey": "old"}}},
                "xai": {"enabled": true, "config": {"webSearch": {"a": 1}}},
            }},
        }),
        &[BRAVE, GROK],
    );
    check(
        json!({
            "core": {"tools": {"web": {"fetch": {"maxChars": 1, "timeoutSeconds": 2}, "flag": true}}},
            "tools": {"web": {"fetch": {"maxChars": 3}}},
        }),
        json!({"tools": {"web": {"fetch": {"maxChars": 3, "timeoutSeconds": 2}, "flag": true}}}),
        &["Migrated core.tools.web config"],
    );
}

#[test]
fn addresses_to_bind_to_become_modes() {
    for (address, mode) in [
        ("0.0.0.0", "lan"),
        (" * ", "lan"),
        ("::", "lan"),
        ("127.0.0.1", "loopback"),
        ("LocalHost", "loopback"),
        ("[::1]", "loopback"),
    ] {
        check(
            json!({"gateway": {"bind": address, "port": 1}}),
            json!({"gateway": {"bind": mode, "port": 1}}),
            &["Fixed gateway bind mode"],
        );
    }
    for bind in [json!("tailnet"), json!("192.0.2.1"), json!(null), json!(0)] {
        let configuration = json!({"gateway": {"bind": bind}});
        check(configuration.clone(), configuration, &[]);
    }
}

#[test]
fn the_agents_own_device_gets_the_scope_in_all_three_places() {
    let scopes = |scopes: Value| {
        json!({
            "deviceId": "d1",
            "publicKey": "p",
            "scopes": scopes,
            "approvedScopes": scopes,
            "tokens": {
                "node": {"token": "n", "scopes": []},
                "operator": {"token": "t", "scopes": scopes},
            },
        })
    };
    let granted = json!(["operator.read", "operator.admin"]);
    let before = setup_of(json!({}), scopes(json!(["operator.read"])));
    let expected = Fixed {
        setup: setup_of(json!({}), scopes(granted)),
        fixes: vec!["Fixed agent pairing scope".into()],
    };
    let fixed = fix(&before).unwrap();
    assert_eq!(fixed, expected);
    assert!(fix(&fixed.setup).unwrap().fixes.is_empty());
}

#[test]
fn a_device_without_an_operators_token_gets_scopes_and_no_token() {
    for tokens in [json!(null), json!({}), json!({"operator": null})] {
        let before = setup_of(json!({}), json!({"deviceId": "d1", "tokens": tokens}));
        let admin = json!(["operator.admin"]);
        let after = json!({
            "deviceId": "d1", "tokens": tokens, "scopes": admin, "approvedScopes": admin,
        });
        assert_eq!(fix(&before).unwrap().setup, setup_of(json!({}), after));
    }
}

#[test]
fn what_is_in_the_way_is_told_and_nothing_is_fixed() {
    let legacy = json!({"web": {"search": {"grok": {"apiKey": "g"}}, "x_search": {"apiKey": "x"}}});
    check_refused(
        json!({"tools": legacy, "plugins": {"entries": {"xai": ["odd"]}}}),
        json!({"deviceId": "d1", "scopes": "all"}),
        &[
            "configuration.plugins.entries.xai must be an object",
            "device.scopes must be a list of texts",
        ],
    );
    check_refused(
        json!({"tools": {"web": {"fetch": {"firecrawl": {"enabled": "no"}}}}}),
        json!({"tokens": {"operator": 1}}),
        &[
            "configuration.tools.web.fetch.firecrawl.enabled must be true or false",
            "device.tokens.operator must be an object",
        ],
    );
}

#[test]
fn a_setup_shows_nothing() {
    let setup = setup_of(json!({"key": "secret"}), json!({"token": "secret"}));
    assert_eq!(format!("{setup:?}"), "AgentSetup(…)");
}
