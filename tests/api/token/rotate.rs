//! `POST /api/instance/{userId}/token/rotate`.

use std::time::Duration;

use common::config::ENABLE_CONTROLS;
use http::Method;
use jiff::SignedDuration;
use local::agents::{Behaviour, Trouble};
use local::railway::{DeploymentView, Fault};
use serde_json::{Value, json};
use tests::{Answer, World};

use crate::support::controls::{
    ID, SERVICE, assert_no_lease, assert_nothing_done, control, operation, service, settled,
    succeed, take_operation, until,
};

const ROTATE: &str = "token/rotate";
const VARIABLE: &str = "OPENCLAW_GATEWAY_TOKEN";

async fn token(world: &World) -> Value {
    let path = format!("/api/instance/{ID}/token");
    let answer = world.owner_of(ID).get(&path).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["token"].clone()
}

async fn pending(world: &World) -> Value {
    world.records.token(ID).await["pendingToken"].clone()
}

async fn beat(world: &World, token: &Value) -> u16 {
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    let agent = world.anonymous().with("authorization", bearer);
    let body = json!({"instanceId": ID}).to_string();
    agent
        .send(Method::POST, "/api/heartbeat", body)
        .await
        .status
}

/// What the agent itself says to a token.
async fn invoke(world: &World, token: &Value) -> u16 {
    let agent = world.stack.simulated(ID).unwrap();
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    let http = common::client::builder().build().unwrap();
    let request = http
        .post(format!("{}/tools/invoke", agent.url()))
        .header("authorization", bearer)
        .json(&json!({"tool": "sessions_list", "args": {}}));
    request.send().await.unwrap().status().as_u16()
}

async fn rotate(world: &World) -> String {
    take_operation(&mut control(world, ROTATE).await)
}

async fn outcome(world: &World, id: &str) -> Value {
    let body = settled(&world.owner_of(ID), ID, id).await.body;
    json!([body["status"], body["error"], body["failure"]])
}

fn failed(error: &str) -> Value {
    let error = format!("{error}; the old token stays, and a repair brings it back to the agent");
    json!(["failed", error, "not-settled"])
}

#[tokio::test]
async fn a_token_is_rotated_once_the_agent_has_accepted_it() {
    let world = World::ticking().start().await;
    let old = token(&world).await;
    assert_eq!(invoke(&world, &old).await, 200);
    let mut answer = control(&world, ROTATE).await;
    let id = take_operation(&mut answer);
    answer.is(200, json!({"success": true, "status": "rotating"}));
    let new = pending(&world).await;
    assert_ne!(new, old);
    // Until then the old one is the token, and an agent may present either.
    assert_eq!(world.records.token(ID).await["token"], old);
    assert_eq!(
        (beat(&world, &old).await, beat(&world, &new).await),
        (200, 200)
    );
    assert_eq!(operation(&world, &id).await.body["control"], "rotate-token");

    assert_eq!(outcome(&world, &id).await, json!(["succeeded", null, null]));
    assert_eq!(token(&world).await, new);
    assert_eq!(pending(&world).await, Value::Null);
    assert_eq!(service(&world).variables[VARIABLE], new);
    assert_eq!(
        (invoke(&world, &old).await, invoke(&world, &new).await),
        (401, 200)
    );
    assert_eq!(
        (beat(&world, &old).await, beat(&world, &new).await),
        (401, 200)
    );
    assert_no_lease(&world).await;
}

#[tokio::test]
async fn a_token_that_the_agent_refuses_never_becomes_its_own_and_a_repair_mends_all() {
    let world = World::ticking().start().await;
    let old = token(&world).await;
    world.stack.simulated(ID).unwrap().keep_token();
    let id = rotate(&world).await;
    let refused = failed("The agent refused the new token");
    assert_eq!(outcome(&world, &id).await, refused);
    assert_eq!(token(&world).await, old);
    assert_eq!(pending(&world).await, Value::Null);
    assert_ne!(service(&world).variables[VARIABLE], old);
    succeed(&world, "repair").await;
    assert_eq!(service(&world).variables[VARIABLE], old);
    assert_eq!(invoke(&world, &old).await, 200);
}

#[tokio::test]
async fn a_token_that_cannot_be_presented_is_neither_withdrawn_nor_taken_for_proved() {
    for trouble in [
        Trouble::ProxyAttribution,
        Trouble::LockedOut,
        Trouble::LetsEverybodyIn,
    ] {
        let world = World::start().await;
        let agent = world.stack.simulated(ID).unwrap();
        agent.set_trouble(Some(trouble));
        let id = rotate(&world).await;
        let new = pending(&world).await;
        until("the agent is up with its new token", async || {
            let deployments = service(&world).deployments;
            let with_new = |it: &DeploymentView| {
                it.variables.get(VARIABLE).map(String::as_str) == new.as_str()
            };
            deployments
                .iter()
                .any(|it| with_new(it) && it.status == "SUCCESS")
                && agent.behaviour() == Behaviour::Running
        })
        .await;
        // Long after an agent that does not come up would have been given up.
        world.clock.advance(SignedDuration::from_mins(16));
        for _ in 0..2 {
            let waiting = operation(&world, &id).await;
            assert_eq!(
                waiting.body["status"], "accepted",
                "{trouble:?}: {}",
                waiting.body
            );
            assert_eq!(pending(&world).await, new);
        }
        agent.set_trouble(None);
        let ended = operation(&world, &id).await.body;
        assert_eq!(ended["status"], "succeeded", "{trouble:?}: {ended}");
        assert_eq!(token(&world).await, new);
    }
}

#[tokio::test]
async fn a_deployment_that_fails_leaves_the_old_token() {
    let world = World::ticking().start().await;
    let old = token(&world).await;
    world.railway().fail_deployments(SERVICE, true);
    let id = rotate(&world).await;
    assert_eq!(outcome(&world, &id).await, failed("The deployment failed"));
    assert_eq!(token(&world).await, old);
    assert_eq!(invoke(&world, &old).await, 200);
}

#[tokio::test]
async fn a_railway_that_refuses_leaves_the_old_token_and_nothing_pending() {
    let world = World::start().await;
    let old = token(&world).await;
    let refused = Fault::Errors("Problem processing request".to_owned());
    world.railway().inject_into("Repair", [refused]);
    let error = "The token was not rotated, the old one stays: Railway refused: Problem \
                 processing request";
    let answer = control(&world, ROTATE).await;
    answer.is(500, json!({"success": false, "error": error}));
    assert_eq!(token(&world).await, old);
    assert_eq!(pending(&world).await, Value::Null);
    assert_no_lease(&world).await;
}

#[tokio::test]
async fn whoever_asks_for_the_token_finishes_a_rotation_that_nobody_asked_about() {
    let heal = async |world: &World| -> Answer {
        world.owner_of(ID).post("/api/support/heal-token").await
    };
    for by_healing in [false, true] {
        let world = World::ticking().start().await;
        let old = token(&world).await;
        let id = rotate(&world).await;
        let new = pending(&world).await;
        until("the rotation is settled", async || {
            let told = if by_healing {
                heal(&world).await.body["token"].clone()
            } else {
                token(&world).await
            };
            assert!(told == old || told == new, "{told}");
            told == new
        })
        .await;
        let ended = operation(&world, &id).await;
        assert_eq!(ended.body["status"], "succeeded");
    }
}

#[tokio::test]
async fn a_repair_during_a_rotation_takes_its_place() {
    let world = World::ticking().start().await;
    let old = token(&world).await;
    let id = rotate(&world).await;
    succeed(&world, "repair").await;
    let given_up = failed("Another control took the rotation's place");
    assert_eq!(outcome(&world, &id).await, given_up);
    assert_eq!(token(&world).await, old);
    assert_eq!(service(&world).variables[VARIABLE], old);
    assert_eq!(invoke(&world, &old).await, 200);
}

#[tokio::test]
async fn a_start_during_a_rotation_carries_the_new_token_on() {
    let world = World::ticking().start().await;
    let id = rotate(&world).await;
    let new = pending(&world).await;
    succeed(&world, "start").await;
    assert_eq!(outcome(&world, &id).await, json!(["succeeded", null, null]));
    assert_eq!(token(&world).await, new);
}

#[tokio::test]
async fn a_second_rotation_waits_for_the_first() {
    let world = World::ticking()
        .stage(Duration::from_secs(30))
        .start()
        .await;
    let id = rotate(&world).await;
    let new = pending(&world).await;
    let answer = control(&world, ROTATE).await;
    let error = format!("rotate-token is running on this instance (operation {id})");
    assert_eq!(answer.header("retry-after"), Some("5"));
    answer.is(409, json!({"success": false, "error": error}));
    assert_eq!(pending(&world).await, new);
    assert_eq!(world.records.operations(ID, "op#").await.len(), 1);
}

#[tokio::test]
async fn rotations_follow_each_other() {
    let world = World::ticking().start().await;
    let mut seen = vec![token(&world).await];
    for _ in 0..3 {
        succeed(&world, ROTATE).await;
        let now = token(&world).await;
        assert!(!seen.contains(&now));
        seen.push(now);
    }
}

#[tokio::test]
async fn a_new_token_stays_pending_however_long_its_agent_does_not_tell() {
    let world = World::start().await;
    let old = token(&world).await;
    let id = rotate(&world).await;
    let new = pending(&world).await;
    control(&world, "stop").await;
    for _ in 0..2 {
        // Any other operation would have failed by then.
        world.clock.advance(SignedDuration::from_mins(15));
        let waiting = operation(&world, &id).await;
        assert_eq!(waiting.body["status"], "accepted", "{}", waiting.body);
        assert_eq!(token(&world).await, old);
        assert_eq!(pending(&world).await, new);
    }
    let agent = world.stack.simulated(ID).unwrap();
    agent.set(Behaviour::Starting).unwrap();
    world.clock.advance(SignedDuration::from_mins(15));
    assert_eq!(operation(&world, &id).await.body["status"], "accepted");
    assert_eq!(pending(&world).await, new);
}

#[tokio::test]
async fn a_rotation_that_was_interrupted_leaves_nothing_pending() {
    let world = World::start().await;
    let old = token(&world).await;
    let id = "019d55e6-a4c0-7000-8000-000000000000";
    let operation_record = json!({
        "instanceId": ID, "sortKey": format!("op#{id}"), "operationId": id,
        "control": "rotate-token", "requestedBy": "owner-running",
        "startedAt": "2026-04-04T03:10:00Z", "state": "running",
    });
    world.records.put_operation(&operation_record).await;
    let record = json!({
        "instanceId": ID, "token": old, "pendingToken": "b".repeat(64), "pendingOperation": id,
    });
    world.records.put_token(&record).await;
    assert_eq!(token(&world).await, old);
    assert_eq!(pending(&world).await, "b".repeat(64));
    world.clock.advance(SignedDuration::from_secs(61));
    assert_eq!(token(&world).await, old);
    assert_eq!(pending(&world).await, Value::Null);
    assert_eq!(operation(&world, id).await.body["status"], "failed");
}

#[tokio::test]
async fn of_many_who_wait_all_are_told_the_same() {
    let world = World::ticking().start().await;
    let id = rotate(&world).await;
    let waiting = (0..5).map(|_| outcome(&world, &id));
    for outcome in futures_util::future::join_all(waiting).await {
        assert_eq!(outcome, json!(["succeeded", null, null]));
    }
}

#[tokio::test]
async fn a_rotation_is_the_owners_alone_and_needs_controls() {
    let path = format!("/api/instance/{ID}/{ROTATE}");
    let error = |error: &str| json!({"success": false, "error": error});
    let world = World::start().await;
    let nobody = world.anonymous().post(&path).await;
    nobody.is(401, error("Unauthorized"));
    for caller in [world.stranger(), world.owner_of("demo-legacy")] {
        caller.post(&path).await.is(403, error("Forbidden"));
    }
    let bad = world
        .owner_of(ID)
        .post("/api/instance/a.b/token/rotate")
        .await;
    let rule = "userId must be 1 to 64 letters, digits, hyphens or underscores";
    bad.is(400, error(rule));
    assert_nothing_done(&world, ID, "refused").await;
    assert_eq!(pending(&world).await, Value::Null);

    let world = World::with(ENABLE_CONTROLS, "false").start().await;
    let off = "Managed runtime controls are temporarily disabled until the Railway control path \
               is fully verified.";
    world.anonymous().post(&path).await.is(503, error(off));
}

#[tokio::test]
async fn the_same_idempotency_key_rotates_once() {
    let world = World::start().await;
    let owner = world.owner_of(ID).with("idempotency-key", "one");
    let path = format!("/api/instance/{ID}/{ROTATE}");
    let first = owner.post(&path).await;
    let new = pending(&world).await;
    let second = owner.post(&path).await;
    second.is(200, first.body);
    assert_eq!(pending(&world).await, new);
    assert_eq!(service(&world).deployments.len(), 2);
}
