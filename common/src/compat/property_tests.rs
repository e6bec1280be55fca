use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Edge, Fixed, Misshapen, judge};
use crate::model::{AgentSetup, OpenclawVersion};

/// Behind an edge, and with a page that the platform opens, so that their fixes are
/// tried as well.
fn fix(setup: &AgentSetup, target: &OpenclawVersion) -> Result<Fixed, Vec<Misshapen>> {
    let edge = Edge {
        trusted_proxies: "192.0.2.0/24,2001:db8::1".parse().unwrap_or_default(),
        origin: Some("https://agent.example".to_owned()),
        page_origin: Some("https://a1.agents.example".to_owned()),
    };
    super::fix(setup, target, &edge)
}

/// The releases that differ in their rules.
fn release() -> impl Strategy<Value = OpenclawVersion> {
    prop::sample::select(vec![
        "2026.4.11",
        "2026.6.11",
        "2026.7.1",
        "2026.9.6",
        "2027.1.1",
    ])
    .prop_map(|release| release.parse().unwrap_or(OpenclawVersion::BASELINE))
}

/// Any JSON, often below the names that the fixes look for.
fn json_value() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "apiKey",
        "allowedOrigins",
        "approvedScopes",
        "bind",
        "brave",
        "config",
        "controlUi",
        "core",
        "deny",
        "enabled",
        "entries",
        "exa",
        "fetch",
        "firecrawl",
        "gateway",
        "grok",
        "operator",
        "plugins",
        "scopes",
        "search",
        "tokens",
        "tools",
        "trustedProxies",
        "web",
        "webFetch",
        "webSearch",
        "x_search",
        "xai",
        "",
        "a.b",
        "__proto__",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop::sample::select(vec!["0.0.0.0", "k", "operator.admin", "é\0"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 96, 6, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            6 => prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

/// The objects of a configuration that mean something here.
const PLACES: &[&[&str]] = &[
    &[],
    &["core"],
    &["core", "tools", "web"],
    &["core", "tools", "web", "search", "grok"],
    &["core", "tools", "web", "x_search"],
    &["gateway"],
    &["plugins", "entries"],
    &["plugins", "entries", "firecrawl", "config", "webFetch"],
    &["plugins", "entries", "xai"],
    &["plugins", "entries", "xai", "config", "webSearch"],
    &["tools", "web"],
    &["tools", "web", "fetch"],
    &["tools", "web", "fetch", "firecrawl"],
    &["tools", "web", "search"],
    &["tools", "web", "search", "brave"],
    &["tools", "web", "search", "grok"],
    &["tools", "web", "x_search"],
];

/// Settings that the fixes know.
fn known() -> impl Strategy<Value = (&'static str, Value)> {
    prop::sample::select(vec![
        ("apiKey", json!("k")),
        ("enabled", json!(false)),
        ("enabled", json!(true)),
        ("bind", json!("0.0.0.0")),
        ("model", json!("m")),
    ])
}

fn as_setup(configuration: Value, device: Value) -> AgentSetup {
    let object = |value| match value {
        Value::Object(object) => object,
        other => Map::from_iter([("tools".to_owned(), other)]),
    };
    AgentSetup {
        configuration: object(configuration),
        device: Some(object(device)),
    }
}

proptest! {
    #[test]
    fn any_json_is_fixed_once_or_refused(configuration in json_value(), device in json_value(), target in release()) {
        if let Ok(fixed) = fix(&as_setup(configuration, device), &target) {
            judge(&fixed.setup, &target);
            prop_assert_eq!(
                fix(&fixed.setup, &target).map_err(|problems| format!("{problems:?}")),
                Ok(Fixed { setup: fixed.setup.clone(), fixes: Vec::new() })
            );
        }
    }

    #[test]
    fn unknown_settings_survive(
        settings in prop::collection::vec((prop::sample::select(PLACES), prop::option::of(known())), 0..24),
    ) {
        let mut configuration = Map::new();
        let mut unknown = Vec::new();
        for (number, (place, known)) in settings.into_iter().enumerate() {
            let place = super::json::make_object(&mut configuration, place).unwrap();
            let (name, value) = match known {
                Some((name, value)) => (name.to_owned(), value),
                None => {
                    unknown.push(format!("unknown-{number}"));
                    (format!("setting-{number}"), json!(format!("unknown-{number}")))
                }
            };
            place.insert(name, value);
        }
        let target = OpenclawVersion::BASELINE;
        let fixed = fix(&AgentSetup { configuration, device: None }, &target).unwrap();
        let text = serde_json::to_string(&fixed.setup.configuration).unwrap();
        for value in unknown {
            prop_assert!(text.contains(&format!("\"{value}\"")), "{value} is not in {text}");
        }
        prop_assert!(fix(&fixed.setup, &target).unwrap().fixes.is_empty());
    }
}
