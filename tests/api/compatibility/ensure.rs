//! `POST /api/openclaw/ensure-compatibility` and
//! `PUT /api/openclaw/instances/{id}/configuration`.

use common::model::GatewayToken;
use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use tests::{Answer, Caller, World};

const ENSURE: &str = "/api/openclaw/ensure-compatibility";
const CONFIGURATION: &str = "/api/openclaw/instances/abc123/configuration";

const X_SEARCH: &str = "Migrated x_search plugin config";
const PAIRING: &str = "Fixed agent pairing scope";
const NEW_TOKEN: &str = "Generated gateway token";

/// A setup that needs the two fixes of the spec's example.
fn legacy() -> Value {
    json!({
        "configuration": {
            "tools": {"web": {"x_search": {"apiKey": "xai-key", "model": "grok-4"}}},
            "custom": {"kept": [1, 2.5, null]},
        },
        "device": {
            "deviceId": "d1", "publicKey": "p", "scopes": ["operator.read"],
            "approvedScopes": ["operator.read"],
            "tokens": {"operator": {"token": "t", "scopes": ["operator.read"]}},
        },
    })
}

/// What becomes of it.
fn migrated() -> Value {
    let scopes = json!(["operator.read", "operator.admin"]);
    json!({
        "configuration": {
            "tools": {"web": {"x_search": {"model": "grok-4"}}},
            "custom": {"kept": [1, 2.5, null]},
            "plugins": {"entries": {"xai": {
                "enabled": true, "config": {"webSearch": {"apiKey": "xai-key"}},
            }}},
        },
        "device": {
            "deviceId": "d1", "publicKey": "p", "scopes": scopes, "approvedScopes": scopes,
            "tokens": {"operator": {"token": "t", "scopes": scopes}},
        },
    })
}

fn applied(fixes: &[&str], message: &str) -> Value {
    json!({"compatible": true, "fixes": fixes, "errors": [], "message": message})
}

fn nothing_needed() -> Value {
    applied(&[], "No fixes needed")
}

fn failed(errors: &[&str]) -> Value {
    json!({
        "compatible": false, "fixes": [], "errors": errors,
        "message": "Failed to ensure compatibility",
    })
}

/// An agent, and its owner.
async fn agent() -> (World, Caller) {
    let world = World::start().await;
    let owner = world.deploy("abc123", "owner", "http://127.0.0.1:1").await;
    (world, owner)
}

/// An agent with a token and a setup, and its owner.
async fn agent_with(setup: &Value) -> (World, Caller) {
    let (world, owner) = agent().await;
    let token = json!({"instanceId": "abc123", "token": "a1".repeat(32)});
    world.records.put_token(&token).await;
    assert_eq!(put(&world, setup).await.status, 201);
    (world, owner)
}

async fn put(world: &World, setup: &Value) -> Answer {
    world.platform().put(CONFIGURATION, setup).await
}

async fn ensure(owner: &Caller) -> Answer {
    owner.send(Method::POST, ENSURE, "").await
}

async fn try_out(owner: &Caller) -> Answer {
    let path = format!("{ENSURE}?dryRun=true");
    owner.send(Method::POST, &path, "").await
}

/// The stored setup, as it was sent.
async fn stored(world: &World) -> Value {
    let record = world.records.configuration("abc123").await;
    let part = |name: &str| {
        let text = record[name].as_str();
        text.map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
    };
    json!({"configuration": part("configuration"), "device": part("device")})
}

#[tokio::test]
async fn the_example_of_the_spec_is_answered_and_nothing_is_left_to_do() {
    let (world, owner) = agent_with(&legacy()).await;
    let fixes = applied(&[X_SEARCH, PAIRING], "Applied 2 compatibility fixes");
    ensure(&owner).await.is(200, fixes);
    assert_eq!(stored(&world).await, migrated());

    let before = world.records.configuration("abc123").await;
    ensure(&owner).await.is(200, nothing_needed());
    assert_eq!(world.records.configuration("abc123").await, before);
}

#[tokio::test]
async fn an_agent_without_a_stored_configuration_gets_its_token_alone() {
    let (world, owner) = agent().await;
    let fixes = applied(&[NEW_TOKEN], "Applied 1 compatibility fix");
    ensure(&owner).await.is(200, fixes);
    let record = world.records.token("abc123").await;
    let token: GatewayToken = record["token"].as_str().unwrap().parse().unwrap();
    assert_eq!(token.reveal(), record["token"]);
    assert_eq!(world.records.configuration("abc123").await, Value::Null);

    ensure(&owner).await.is(200, nothing_needed());
    assert_eq!(world.records.token("abc123").await, record);
}

#[tokio::test]
async fn a_malformed_token_is_replaced_and_the_rest_of_its_record_stays() {
    for malformed in [json!("short"), json!(64), json!(["a1"]), Value::Null] {
        let (world, owner) = agent().await;
        let record = json!({"instanceId": "abc123", "token": malformed, "note": "kept"});
        world.records.put_token(&record).await;
        let fixes = &["Replaced malformed gateway token"];
        ensure(&owner)
            .await
            .is(200, applied(fixes, "Applied 1 compatibility fix"));
        let record = world.records.token("abc123").await;
        assert!(
            record["token"]
                .as_str()
                .unwrap()
                .parse::<GatewayToken>()
                .is_ok()
        );
        assert_eq!(record["note"], "kept");
        ensure(&owner).await.is(200, nothing_needed());
    }
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_done_and_changes_nothing() {
    let (world, owner) = agent().await;
    assert_eq!(put(&world, &legacy()).await.status, 201);
    let before = world.records.configuration("abc123").await;
    for _ in 0..2 {
        try_out(&owner).await.is(
            200,
            json!({
                "compatible": false,
                "fixes": [X_SEARCH, PAIRING, NEW_TOKEN],
                "errors": [],
                "message": "Would apply 3 compatibility fixes",
                "dryRun": true,
            }),
        );
    }
    assert_eq!(world.records.configuration("abc123").await, before);
    assert_eq!(world.records.token("abc123").await, Value::Null);

    let fixes = [X_SEARCH, PAIRING, NEW_TOKEN];
    let fixes = applied(&fixes, "Applied 3 compatibility fixes");
    ensure(&owner).await.is(200, fixes);
    let mut answer = try_out(&owner).await;
    assert_eq!(answer.take("dryRun"), true);
    answer.is(200, nothing_needed());
}

#[tokio::test]
async fn dry_run_is_true_or_false() {
    let (_world, owner) = agent_with(&migrated()).await;
    for query in [
        "dryRun=1",
        "dryRun=",
        "dryRun",
        "dryRun=True",
        "dryRun=true&dryRun=true",
    ] {
        let path = format!("{ENSURE}?{query}");
        let answer = owner.send(Method::POST, &path, "").await;
        let error = "dryRun must be true or false, and said once";
        answer.is(400, json!({"error": error}));
    }
    let path = format!("{ENSURE}?dryRun=false&other=1");
    let answer = owner.send(Method::POST, &path, "").await;
    answer.is(200, nothing_needed());
}

#[tokio::test]
async fn of_many_at_once_each_fix_is_applied_by_one() {
    let (world, owner) = agent().await;
    assert_eq!(put(&world, &legacy()).await.status, 201);
    let answers = join_all((0..10).map(|_| ensure(&owner))).await;
    let mut fixes: Vec<Value> = Vec::new();
    for answer in answers {
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body["compatible"], true);
        fixes.extend(answer.body["fixes"].as_array().unwrap().clone());
    }
    fixes.sort_by_key(ToString::to_string);
    assert_eq!(fixes, [PAIRING, NEW_TOKEN, X_SEARCH]);
    assert_eq!(stored(&world).await, migrated());
    assert_eq!(world.records.configuration("abc123").await["revision"], 2);
}

#[tokio::test]
async fn nobody_is_unauthorized_and_a_user_without_an_agent_is_told_so() {
    let world = World::start().await;
    for caller in [world.anonymous(), world.platform()] {
        let answer = ensure(&caller).await;
        answer.is(401, json!({"error": "Unauthorized"}));
    }
    let answer = ensure(&world.stranger()).await;
    answer.is(404, json!({"error": "No agent deployed"}));
}

#[tokio::test]
async fn the_controls_switch_has_no_say_in_it() {
    let world = World::with(common::config::ENABLE_CONTROLS, "false")
        .start()
        .await;
    let answer = ensure(&world.owner_of("demo-running")).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_fix_that_cannot_be_applied_leaves_everything_as_it_was() {
    let (world, owner) = agent().await;
    let record = json!({
        "instanceId": "abc123",
        "configuration": json!({
            "gateway": {"bind": "0.0.0.0"},
            "tools": {"web": {"x_search": {"apiKey": "k"}}},
            "plugins": ["not", "an", "object"],
        }).to_string(),
        "revision": 7,
    });
    world.records.put_configuration(&record).await;
    for answer in [try_out(&owner).await, ensure(&owner).await] {
        let errors = ["configuration.plugins must be an object"];
        answer.is(500, failed(&errors));
    }
    assert_eq!(world.records.configuration("abc123").await, record);
    assert_eq!(world.records.token("abc123").await, Value::Null);
}

#[tokio::test]
async fn a_damaged_record_is_told_without_its_content() {
    for damage in [
        json!({"configuration": "{secret", "revision": 1}),
        json!({"configuration": "{}", "device": "[\"secret\"]", "revision": 1}),
        json!({"configuration": {"secret": 1}, "revision": 1}),
        json!({"configuration": "{}"}),
    ] {
        let (world, owner) = agent().await;
        let mut record = damage;
        record["instanceId"] = json!("abc123");
        world.records.put_configuration(&record).await;
        let error = "The stored record is damaged. The platform's operator has to mend it.";
        ensure(&owner).await.is(500, failed(&[error]));
        assert_eq!(world.records.configuration("abc123").await, record);
    }
}

#[tokio::test]
async fn a_store_that_fails_is_an_error_and_makes_no_token() {
    let error = failed(&["Internal server error"]);
    let (world, owner) = agent_with(&legacy()).await;
    world.records.lose_tokens().await;
    ensure(&owner).await.is(500, error.clone());
    assert_eq!(stored(&world).await, legacy());

    let (world, owner) = agent().await;
    world.records.lose_configurations().await;
    ensure(&owner).await.is(500, error.clone());
    assert_eq!(world.records.token("abc123").await, Value::Null);
    let answer = put(&world, &legacy()).await;
    answer.is(500, json!({"error": "Internal server error"}));

    world.records.lose_sessions().await;
    ensure(&owner).await.is(500, error);
}

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
async fn attributes_of_a_setup_that_nobody_here_knows_survive() {
    let (world, owner) = agent_with(&legacy()).await;
    let mut record = world.records.configuration("abc123").await;
    record["ofTomorrow"] = json!({"a": 1});
    world.records.put_configuration(&record).await;
    assert_eq!(ensure(&owner).await.status, 200);
    let record = world.records.configuration("abc123").await;
    assert_eq!(record["ofTomorrow"], json!({"a": 1}));
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
            ensure(&owner).await.is(200, nothing_needed());
        } else {
            assert_eq!(answer.status, 400, "depth {depth}");
        }
    }
    assert!((1..40).contains(&accepted), "{accepted}");
}
