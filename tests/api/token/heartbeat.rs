//! `POST /api/heartbeat`.

use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{Answer, World};

use crate::support::controls::ID;

const PATH: &str = "/api/heartbeat";

fn token(world: &World, id: &str) -> String {
    let mut agents = world.stack.agents.iter();
    let agent = agents.find(|agent| agent.instance_id == id).unwrap();
    agent.gateway_token.clone().unwrap()
}

async fn beat_with(world: &World, token: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let agent = world.anonymous().with("authorization", bearer);
    agent.send(Method::POST, PATH, body.to_string()).await
}

async fn beat(world: &World, body: &Value) -> Answer {
    beat_with(world, &token(world, ID), body).await
}

async fn shown(world: &World) -> Value {
    let path = format!("/api/instance/{ID}");
    let body = world.owner_of(ID).get(&path).await.body;
    json!([
        body["lastSeenAt"],
        body["gatewayProcessStatus"],
        body["reportedVersion"]
    ])
}

#[tokio::test]
async fn an_agent_that_checks_in_is_seen() {
    let world = World::start().await;
    assert_eq!(shown(&world).await, json!([null, null, null]));
    let body = json!({
        "instanceId": ID, "gatewayProcessStatus": "active", "openclawVersion": "2026.4.11",
    });
    let at = "2026-04-04T03:10:00.000Z";
    let heard = json!({"instanceId": ID, "lastSeenAt": at, "recorded": true});
    beat(&world, &body).await.is(200, heard);
    assert_eq!(shown(&world).await, json!([at, "active", "2026.4.11"]));
    // What is left out stays.
    world.clock.advance(SignedDuration::from_secs(60));
    let body = json!({"instanceId": ID, "gatewayProcessStatus": null});
    assert_eq!(beat(&world, &body).await.status, 200);
    let later = "2026-04-04T03:11:00.000Z";
    assert_eq!(shown(&world).await, json!([later, "active", "2026.4.11"]));
}

#[tokio::test]
async fn beats_that_come_too_often_are_heard_and_not_recorded() {
    let world = World::start().await;
    let first = json!({"instanceId": ID, "gatewayProcessStatus": "one"});
    let beats = (0..20).map(|_| beat(&world, &first));
    let answers = futures_util::future::join_all(beats).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let recorded = answers.iter().filter(|it| it.body["recorded"] == true);
    assert_eq!(recorded.count(), 1);
    let second = json!({"instanceId": ID, "gatewayProcessStatus": "two"});
    let at = "2026-04-04T03:10:00.000Z";
    world.clock.advance(SignedDuration::from_millis(9_999));
    let heard = json!({"instanceId": ID, "lastSeenAt": at, "recorded": false});
    beat(&world, &second).await.is(200, heard);
    assert_eq!(shown(&world).await, json!([at, "one", null]));
    world.clock.advance(SignedDuration::from_millis(1));
    assert_eq!(beat(&world, &second).await.body["recorded"], true);
    let later = "2026-04-04T03:10:10.000Z";
    assert_eq!(shown(&world).await, json!([later, "two", null]));
}

#[tokio::test]
async fn whatever_is_not_the_instances_own_token_is_refused_alike() {
    let world = World::start().await;
    let own = json!({"instanceId": ID});
    let record = world.records.instance(ID).await;
    let unauthorized = json!({"error": "Unauthorized"});
    for wrong in [&token(&world, "demo-legacy"), &"0".repeat(64), "", "short"] {
        for body in [&own, &json!({"instanceId": "nobody-has-it"})] {
            let answer = beat_with(&world, wrong, body).await;
            answer.is(401, unauthorized.clone());
        }
    }
    for caller in [world.anonymous(), world.owner_of(ID), world.platform()] {
        let answer = caller.send(Method::POST, PATH, own.to_string()).await;
        answer.is(401, unauthorized.clone());
    }
    // A damaged or missing record of a token accepts nothing, and tells nothing.
    let right = token(&world, ID);
    world
        .records
        .put_token(&json!({"instanceId": ID, "token": 7}))
        .await;
    beat_with(&world, &right, &own)
        .await
        .is(401, unauthorized.clone());
    world.records.delete_token(ID).await;
    beat_with(&world, &right, &own)
        .await
        .is(401, unauthorized.clone());
    // So does a token whose instance is gone.
    let orphan = json!({"instanceId": "orphan", "token": "a".repeat(64)});
    world.records.put_token(&orphan).await;
    let answer = beat_with(&world, &"a".repeat(64), &json!({"instanceId": "orphan"})).await;
    answer.is(401, unauthorized);
    assert_eq!(world.records.instance(ID).await, record);
    assert_eq!(world.records.instance("orphan").await, Value::Null);
}

#[tokio::test]
async fn a_bad_body_is_told_what_is_wrong_with_it() {
    let world = World::start().await;
    let word = "gatewayProcessStatus must be 1 to 64 letters, digits, hyphens or underscores";
    let id = "instanceId must be 1 to 64 letters, digits, hyphens or underscores";
    for (body, error) in [
        (json!({}), "instanceId is required"),
        (json!({"instanceId": null}), "instanceId is required"),
        (json!({"instanceId": 7}), id),
        (json!({"instanceId": "a.b"}), id),
        (json!({"instanceId": ID, "gatewayProcessStatus": ""}), word),
        (json!({"instanceId": ID, "gatewayProcessStatus": 1}), word),
        (
            json!({"instanceId": ID, "gatewayProcessStatus": "a b", "extra": 1}),
            &format!(
                "{word}; \"extra\" is no field; allowed are instanceId, gatewayProcessStatus and \
                 openclawVersion"
            ),
        ),
        (json!([]), "The body must be a JSON object"),
    ] {
        let answer = beat(&world, &body).await;
        answer.is(400, json!({"error": error}));
    }
    for version in [json!("latest"), json!(""), json!(2026)] {
        let body = json!({"instanceId": ID, "openclawVersion": version});
        let answer = beat(&world, &body).await;
        assert_eq!(answer.status, 400);
        let error = answer.body["error"].as_str().unwrap();
        assert!(error.starts_with("openclawVersion must be"), "{error}");
    }
    let long = json!({"instanceId": ID, "x": "x".repeat(64 * 1024)});
    let answer = beat(&world, &long).await;
    answer.is(
        413,
        json!({"error": "The body must be at most 65536 bytes"}),
    );
    assert_eq!(shown(&world).await, json!([null, null, null]));
}

#[tokio::test]
async fn a_store_that_fails_is_an_error() {
    let world = World::start().await;
    world.records.lose_tokens().await;
    let answer = beat(&world, &json!({"instanceId": ID})).await;
    answer.is(500, json!({"error": "Internal server error"}));
}
