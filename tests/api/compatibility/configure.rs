//! `PUT /api/openclaw/instances/{id}/configuration`.

use http::Method;
use serde_json::{Value, json};

use crate::support::setups::{CONFIGURATION, agent, ensure, legacy, migrated, put, stored};

#[tokio::test]
async fn a_configuration_is_stored_once_and_shown_to_nobody() {
    let (world, _) = agent().await;
    let answer = |revision| json!({"instanceId": "abc123", "revision": revision});
    put(&world, &legacy()).await.is(201, answer(1));
    let before = world.records.configuration("abc123").await;
    assert_eq!(before["updatedAt"], "2026-04-04T03:10:00Z");
    world.clock.advance(jiff::SignedDuration::from_hours(1));
    put(&world, &legacy()).await.is(200, answer(1));
    assert_eq!(world.records.configuration("abc123").await, before);

    put(&world, &migrated()).await.is(200, answer(2));
    assert_eq!(stored(&world).await, migrated());
}

#[tokio::test]
async fn a_device_that_is_left_out_stays_and_null_removes_it() {
    let (world, _) = agent().await;
    assert_eq!(put(&world, &legacy()).await.status, 201);
    let other = json!({"configuration": {"other": true}});
    assert_eq!(put(&world, &other).await.status, 200);
    let mut expected = json!({"configuration": {"other": true}, "device": legacy()["device"]});
    assert_eq!(stored(&world).await, expected);

    expected["device"] = Value::Null;
    assert_eq!(put(&world, &expected).await.status, 200);
    assert_eq!(stored(&world).await, expected);
    let record = world.records.configuration("abc123").await;
    assert!(record.get("device").is_none(), "{record}");
}

#[tokio::test]
async fn every_bad_field_is_named() {
    let (world, _) = agent().await;
    for (body, error) in [
        (json!({}), "configuration is required"),
        (
            json!({"configuration": "{}", "device": 1, "x": 1}),
            "configuration must be a JSON object; device must be a JSON object or null; \
             \"x\" is no field; allowed are configuration and device",
        ),
        (
            json!({"configuration": {}, "device": {"deviceId": "", "approvedScopes": [1]}}),
            "device.deviceId must be a text that is not empty; \
             device.approvedScopes must be a list of texts",
        ),
        (
            json!({"configuration": {
                "tools": {"web": {"search": {"apiKey": "secret"}}}, "plugins": {"entries": "secret"},
            }}),
            "configuration.plugins.entries must be an object",
        ),
        (json!([]), "The body must be a JSON object"),
    ] {
        put(&world, &body).await.is(400, json!({"error": error}));
    }
    assert_eq!(world.records.configuration("abc123").await, Value::Null);
}

#[tokio::test]
async fn a_configuration_is_for_the_platform_and_for_agents_that_exist() {
    let (world, owner) = agent().await;
    for caller in [world.anonymous(), owner] {
        let answer = caller.put(CONFIGURATION, &legacy()).await;
        answer.is(401, json!({"error": "Unauthorized"}));
    }
    let path = "/api/openclaw/instances/nobodys/configuration";
    let answer = world.platform().put(path, &legacy()).await;
    answer.is(
        404,
        json!({"error": "No instance found. Please deploy first."}),
    );
    assert_eq!(world.records.configuration("nobodys").await, Value::Null);
}

#[tokio::test]
async fn a_configuration_that_is_too_large_is_refused() {
    let (world, _) = agent().await;
    let body = json!({"configuration": {"a": "a".repeat(64 * 1024)}});
    let answer = put(&world, &body).await;
    answer.is(
        413,
        json!({"error": "The body must be at most 65536 bytes"}),
    );
}

#[tokio::test]
async fn a_configuration_as_deep_as_json_goes_can_still_be_read_once_it_is_fixed() {
    let (world, owner) = agent().await;
    let mut accepted = 0;
    for depth in 100..140 {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let body = format!(
            r#"{{"configuration": {{"tools": {{"web": {{"search": {{"grok": {{"a": {deep}}}}}}}}}}}}}"#
        );
        let answer = world.platform();
        let answer = answer.send(Method::PUT, CONFIGURATION, body).await;
        if answer.status < 300 {
            accepted += 1;
            assert_eq!(ensure(&owner).await.status, 200, "depth {depth}");
            let error = "configuration.plugins.entries.xai.config.webSearch.a is no key of \
                         OpenClaw 2026.4.11";
            ensure(&owner).await.is(
                200,
                json!({
                    "compatible": false, "fixes": [], "errors": [error],
                    "message": "No fixes needed; OpenClaw 2026.4.11 would not start",
                }),
            );
        } else {
            assert_eq!(answer.status, 400, "depth {depth}");
        }
    }
    assert!((1..40).contains(&accepted), "{accepted}");
}
