//! Setups of agents: their configurations and their devices.

use http::Method;
use serde_json::{Value, json};
use tests::{Answer, Caller, World};

pub(crate) const ENSURE: &str = "/api/openclaw/ensure-compatibility";
pub(crate) const CONFIGURATION: &str = "/api/openclaw/instances/abc123/configuration";

/// A setup that needs the two fixes of the contract's example.
pub(crate) fn legacy() -> Value {
    json!({
        "configuration": {
            "tools": {"web": {"x_search": {"apiKey": "xai-key", "model": "grok-4"}}},
            "plugins": {"installs": {"custom": {"kept": [1, 2.5, null]}}},
        },
        "device": {
            "deviceId": "d1", "publicKey": "p", "scopes": ["operator.read"],
            "approvedScopes": ["operator.read"],
            "tokens": {"operator": {"token": "t", "scopes": ["operator.read"]}},
        },
    })
}

/// What becomes of it.
pub(crate) fn migrated() -> Value {
    let scopes = json!(["operator.read", "operator.admin"]);
    json!({
        "configuration": {
            "tools": {"web": {"x_search": {"model": "grok-4"}}},
            "plugins": {"installs": {"custom": {"kept": [1, 2.5, null]}}, "entries": {"xai": {
                "enabled": true, "config": {"webSearch": {"apiKey": "xai-key"}},
            }}},
        },
        "device": {
            "deviceId": "d1", "publicKey": "p", "scopes": scopes, "approvedScopes": scopes,
            "tokens": {"operator": {"token": "t", "scopes": scopes}},
        },
    })
}

pub(crate) fn applied(fixes: &[&str], message: &str) -> Value {
    json!({"compatible": true, "fixes": fixes, "errors": [], "message": message})
}

pub(crate) fn nothing_needed() -> Value {
    applied(&[], "No fixes needed")
}

/// An agent, and its owner.
pub(crate) async fn agent() -> (World, Caller) {
    let world = World::start().await;
    let owner = world.deploy("abc123", "owner", "http://127.0.0.1:1").await;
    (world, owner)
}

/// An agent with a token and a setup, and its owner.
pub(crate) async fn agent_with(setup: &Value) -> (World, Caller) {
    let (world, owner) = agent().await;
    set_up(&world, setup).await;
    (world, owner)
}

/// Gives the agent a token and a setup.
pub(crate) async fn set_up(world: &World, setup: &Value) {
    let token = json!({"instanceId": "abc123", "token": "a1".repeat(32)});
    world.records.put_token(&token).await;
    assert_eq!(put(world, setup).await.status, 201);
}

pub(crate) async fn put(world: &World, setup: &Value) -> Answer {
    world.platform().put(CONFIGURATION, setup).await
}

pub(crate) async fn ensure(owner: &Caller) -> Answer {
    owner.send(Method::POST, ENSURE, "").await
}

/// The stored setup, as it was sent.
pub(crate) async fn stored(world: &World) -> Value {
    let record = world.records.configuration("abc123").await;
    let part = |name: &str| {
        let text = record[name].as_str();
        text.map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
    };
    json!({"configuration": part("configuration"), "device": part("device")})
}
