//! `POST /api/openclaw/ensure-compatibility`.

use common::model::GatewayToken;
use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use tests::{Answer, Caller, World};

use crate::support::setups::{
    ENSURE, agent, agent_with, applied, ensure, legacy, migrated, nothing_needed, put, stored,
};

const X_SEARCH: &str = "Migrated x_search plugin config";
const PAIRING: &str = "Fixed agent pairing scope";
const NEW_TOKEN: &str = "Generated gateway token";

fn failed(errors: &[&str]) -> Value {
    json!({
        "compatible": false, "fixes": [], "errors": errors,
        "message": "Failed to ensure compatibility",
    })
}

async fn try_out(owner: &Caller) -> Answer {
    let path = format!("{ENSURE}?dryRun=true");
    owner.send(Method::POST, &path, "").await
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
async fn a_setup_is_judged_for_the_release_that_is_asked_for() {
    let setup = json!({"configuration": {
        "messages": {"tts": {"provider": "openai"}}, "foo": 1,
        "gateway": {"mode": "local", "nope": "secret"},
    }});
    let (world, owner) = agent_with(&setup).await;
    let answer = owner
        .post(&format!("{ENSURE}?target=2026.9.6&dryRun=true"))
        .await;
    let errors = |release: &str| {
        json!([
            format!("configuration.foo is no key of OpenClaw {release}"),
            format!("configuration.gateway.nope is no key of OpenClaw {release}"),
        ])
    };
    let moved = "Moved messages.tts to tts";
    answer.is(
        200,
        json!({
            "compatible": false,
            "fixes": [moved],
            "errors": errors("2026.9.6"),
            "message": "Would apply 1 compatibility fix; OpenClaw 2026.9.6 would not start",
            "dryRun": true,
            "target": "2026.9.6",
            "targetSource": "request",
            "judgedAs": "2026.9.6",
        }),
    );
    let unchanged = stored(&world).await;
    assert_eq!(unchanged["configuration"], setup["configuration"]);
    // Of the baseline, which nobody has to name.
    ensure(&owner).await.is(
        200,
        json!({
            "compatible": false,
            "fixes": [],
            "errors": errors("2026.4.11"),
            "message": "No fixes needed; OpenClaw 2026.4.11 would not start",
        }),
    );
    let setup = json!({"configuration": {"messages": {"tts": {"provider": "openai"}}}});
    put(&world, &setup).await;
    let answer = owner.post(&format!("{ENSURE}?target=v2026.9.4-slim")).await;
    answer.is(
        200,
        json!({
            "compatible": true,
            "fixes": [moved],
            "errors": [],
            "notJudged": ["gateway.mode"],
            "message": "Applied 1 compatibility fix",
            "target": "2026.9.4",
            "targetSource": "request",
            "judgedAs": "2026.9.1",
        }),
    );
    let after = json!({"messages": {}, "tts": {"provider": "openai"}});
    assert_eq!(stored(&world).await["configuration"], after);
}

#[tokio::test]
async fn what_a_release_does_not_bring_along_is_named_as_not_judged() {
    let (_world, owner) = agent_with(&json!({"configuration": {
        "channels": {"custom": {"nope": 1}, "telegram": {"botToken": "1:a"}},
        "plugins": {"entries": {"other": {"config": {"nope": 1}}, "xai": {"enabled": true}}},
    }}))
    .await;
    let mut expected = nothing_needed();
    expected["notJudged"] = json!(["channels.custom", "plugins.entries.other.config"]);
    ensure(&owner).await.is(200, expected);

    let (_world, owner) = agent_with(&json!({"configuration": {
        "channels": {"telegram": {"nope": 1}},
    }}))
    .await;
    let error = "configuration.channels.telegram.nope is no key of OpenClaw 2026.4.11";
    ensure(&owner).await.is(
        200,
        json!({
            "compatible": false, "fixes": [], "errors": [error],
            "message": "No fixes needed; OpenClaw 2026.4.11 would not start",
        }),
    );
}

#[tokio::test]
async fn a_missing_mode_is_named_where_a_release_was_asked_for() {
    let (_world, owner) = agent_with(&json!({"configuration": {"gateway": {"port": 1}}})).await;
    let path = format!("{ENSURE}?target=2026.9.6");
    let mut expected = nothing_needed();
    expected["target"] = json!("2026.9.6");
    expected["targetSource"] = json!("request");
    expected["judgedAs"] = json!("2026.9.6");
    expected["notJudged"] = json!(["gateway.mode"]);
    owner.post(&path).await.is(200, expected);
    // The contract's answer about the baseline has nothing of this.
    ensure(&owner).await.is(200, nothing_needed());
}

#[tokio::test]
async fn the_release_is_the_one_of_the_last_check_in_or_else_of_the_last_update() {
    let setup = json!({"configuration": {"gateway": {"mode": "local"}}});
    let (world, owner) = agent_with(&setup).await;
    let judged_for = |release: &str, source: &str, judged_as: &str| {
        let mut expected = nothing_needed();
        expected["target"] = json!(release);
        expected["targetSource"] = json!(source);
        expected["judgedAs"] = json!(judged_as);
        expected
    };
    let mut record = world.records.instance("abc123").await;
    record["openclawVersion"] = json!("2026.9.4");
    world.records.put_instance(&record).await;
    let expected = judged_for("2026.9.4", "record", "2026.9.1");
    ensure(&owner).await.is(200, expected);

    record["reportedVersion"] = json!("2026.8.2");
    record["lastSeenAt"] = json!("2026-01-02T00:00:00Z");
    world.records.put_instance(&record).await;
    let expected = judged_for("2026.8.2", "check-in", "2026.8.2");
    ensure(&owner).await.is(200, expected);

    // The agent was deployed since.
    record["deployedAt"] = json!("2026-01-03T00:00:00Z");
    world.records.put_instance(&record).await;
    let expected = judged_for("2026.9.4", "record", "2026.9.1");
    ensure(&owner).await.is(200, expected);

    // An image whose tag is no release says nothing.
    record["openclawVersion"] = json!("sha-1a2b3c4");
    world.records.put_instance(&record).await;
    ensure(&owner).await.is(200, nothing_needed());
}

#[tokio::test]
async fn a_target_is_a_concrete_release() {
    let (_world, owner) = agent().await;
    for target in ["latest", "2026.5", ""] {
        let answer = owner.post(&format!("{ENSURE}?target={target}")).await;
        let error = "target must be a concrete release number such as 2026.4.11";
        answer.is(400, json!({"error": error}));
    }
}

#[tokio::test]
async fn dry_run_is_true_or_false() {
    let (_world, owner) = agent_with(&migrated()).await;
    let rule = "dryRun must be true or false";
    let twice = "Failed to deserialize query string: duplicate field `dryRun`";
    let unknown = r#""dryrun" is no parameter; allowed are dryRun and target"#;
    for (query, error) in [
        ("dryRun=1", rule),
        ("dryRun=", rule),
        ("dryRun", rule),
        ("dryRun=True", rule),
        ("dryRun=true&dryRun=true", twice),
        ("dryrun=true", unknown),
    ] {
        let path = format!("{ENSURE}?{query}");
        let answer = owner.send(Method::POST, &path, "").await;
        answer.is(400, json!({"error": error}));
    }
    let path = format!("{ENSURE}?dryRun=false");
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
async fn attributes_of_a_setup_that_nobody_here_knows_survive() {
    let (world, owner) = agent_with(&legacy()).await;
    let mut record = world.records.configuration("abc123").await;
    record["ofTomorrow"] = json!({"a": 1});
    world.records.put_configuration(&record).await;
    assert_eq!(ensure(&owner).await.status, 200);
    let record = world.records.configuration("abc123").await;
    assert_eq!(record["ofTomorrow"], json!({"a": 1}));
}
