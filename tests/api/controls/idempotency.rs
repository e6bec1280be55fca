//! `Idempotency-Key`: the same key gets the same answer, and nothing is done
//! twice.

use futures_util::future::join_all;
use jiff::SignedDuration;
use local::railway::Fault;
use serde_json::{Value, json};
use tests::{Caller, World};

use crate::support::controls::{ID, WAYS, Way, record_service, service, take_operation};

const START: Way = Way::Lifecycle("start");
const RESTART: Way = Way::Lifecycle("restart");

/// The owner of the running agent, with a key.
fn owner(world: &World, key: &str) -> Caller {
    world.owner_of(ID).with("idempotency-key", key)
}

async fn kept(world: &World) -> usize {
    world.records.operations(ID, "op#").await.len()
}

#[tokio::test]
async fn the_same_key_gets_the_same_answer_and_does_nothing_twice() {
    for way in WAYS {
        let world = World::start().await;
        let first = way.order(&owner(&world, "a key"), ID).await;
        assert_eq!(first.status, 200, "{}", first.body);
        let requests = world.railway().operations();
        let second = way.order(&owner(&world, "a key"), ID).await;
        second.is(200, first.body);
        assert_eq!(world.railway().operations(), requests, "{way:?}");
        assert_eq!(kept(&world).await, 1);
    }
}

#[tokio::test]
async fn an_answer_is_repeated_as_it_was_after_the_agent_has_settled_or_failed() {
    let world = World::ticking().start().await;
    let mut first = START.order(&owner(&world, "settles"), ID).await;
    let body = first.body.clone();
    let id = take_operation(&mut first);
    crate::support::controls::settled(&world.owner_of(ID), ID, &id).await;
    let second = START.order(&owner(&world, "settles"), ID).await;
    second.is(200, body);

    world
        .railway()
        .fail_deployments(crate::support::controls::SERVICE, true);
    let mut first = START.order(&owner(&world, "fails"), ID).await;
    let body = first.body.clone();
    let id = take_operation(&mut first);
    let settled = crate::support::controls::settled(&world.owner_of(ID), ID, &id).await;
    assert_eq!(settled.body["status"], "failed");
    let second = START.order(&owner(&world, "fails"), ID).await;
    second.is(200, body);
}

#[tokio::test]
async fn a_failure_is_repeated_as_it_was_and_nothing_is_tried_again() {
    for (operation, status) in [("Services", 503), ("Start", 500)] {
        let world = World::start().await;
        let refused = Fault::Errors("Problem processing request".to_owned());
        world.railway().inject_into(operation, [refused]);
        let error =
            json!({"success": false, "error": "Railway refused: Problem processing request"});
        let first = START.order(&owner(&world, "a key"), ID).await;
        first.is(status, error.clone());
        let requests = world.railway().operations();
        let second = START.order(&owner(&world, "a key"), ID).await;
        second.is(status, error);
        assert_eq!(world.railway().operations(), requests);
        // A new key means a new attempt.
        let third = START.order(&owner(&world, "another key"), ID).await;
        assert_eq!(third.status, 200, "{}", third.body);
    }
}

#[tokio::test]
async fn a_failure_of_the_store_is_repeated_as_it_was() {
    let repair = Way::Lifecycle("repair");
    let world = World::start().await;
    let damaged = json!({"instanceId": ID, "token": "short"});
    world.records.put_token(&damaged).await;
    let error = "The stored record is damaged. The platform's operator has to mend it.";
    for _ in 0..2 {
        let answer = repair.order(&owner(&world, "a key"), ID).await;
        answer.is(500, repair.error(error));
    }

    let reset = Way::Lifecycle("reset-memory");
    world.records.lose_memories().await;
    for _ in 0..2 {
        let answer = reset.order(&owner(&world, "other"), ID).await;
        answer.is(500, reset.error("Internal server error"));
    }
}

#[tokio::test]
async fn a_key_stands_for_one_control() {
    let world = World::start().await;
    take_operation(&mut RESTART.order(&owner(&world, "a key"), ID).await);
    let requests = world.railway().operations();
    for way in WAYS.into_iter().filter(|way| way.control() != "restart") {
        let answer = way.order(&owner(&world, "a key"), ID).await;
        answer.is(422, way.error("This Idempotency-Key was used for restart"));
    }
    assert_eq!(world.railway().operations(), requests);
    assert_eq!(kept(&world).await, 1);
}

#[tokio::test]
async fn the_same_key_of_another_user_or_for_another_instance_is_another_key() {
    let world = World::start().await;
    take_operation(&mut START.order(&owner(&world, "a key"), ID).await);
    for other in ["demo-legacy", "demo-setup"] {
        let caller = world.owner_of(other).with("idempotency-key", "a key");
        take_operation(&mut RESTART.order(&caller, other).await);
    }
    // The same user with a second instance.
    let url = "http://127.0.0.1:18789";
    world.deploy("second", "owner-running", url).await;
    world.railway().add_service(
        "agentbot-agent-second",
        crate::support::controls::BASELINE,
        None,
    );
    let answer = RESTART.order(&owner(&world, "a key"), "second").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(kept(&world).await, 1);
}

#[tokio::test]
async fn an_instance_that_changes_hands_does_not_take_the_keys_along() {
    let world = World::start().await;
    let mut first = RESTART.order(&owner(&world, "a key"), ID).await;
    let first = take_operation(&mut first);
    let body = json!({"ownerId": "owner-nobody"});
    let path = format!("/api/openclaw/instances/{ID}");
    assert_eq!(world.platform().put(&path, &body).await.status, 200);
    let heir = world.stranger().with("idempotency-key", "a key");
    let mut second = RESTART.order(&heir, ID).await;
    assert_ne!(take_operation(&mut second), first);
}

#[tokio::test]
async fn of_twenty_at_once_with_the_same_key_one_is_done() {
    let world = World::start().await;
    record_service(&world).await;
    let caller = owner(&world, "a key");
    let orders = (0..20).map(|_| START.order(&caller, ID));
    let mut bodies: Vec<Value> = Vec::new();
    for answer in join_all(orders).await {
        match answer.status {
            200 => bodies.push(answer.body),
            _ => {
                assert_eq!(answer.status, 409, "{}", answer.body);
                assert!(answer.header("retry-after").is_some());
            }
        }
    }
    assert!(!bodies.is_empty());
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    assert_eq!(world.railway().operations(), ["Start"]);
    assert_eq!(service(&world).deployments.len(), 2);
    assert_eq!(kept(&world).await, 1);
    // Whoever got a 409 and comes again is told the same.
    START.order(&caller, ID).await.is(200, bodies.remove(0));
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let world = World::start().await;
    let mut first = START.order(&owner(&world, "a key"), ID).await;
    let body = first.body.clone();
    let first = take_operation(&mut first);
    let day = SignedDuration::from_hours(24);
    world.clock.advance(day - SignedDuration::from_secs(1));
    let second = START.order(&owner(&world, "a key"), ID).await;
    second.is(200, body);
    world.clock.advance(SignedDuration::from_secs(1));
    let mut third = START.order(&owner(&world, "a key"), ID).await;
    assert_ne!(take_operation(&mut third), first);
    assert_eq!(service(&world).deployments.len(), 3);
}

#[tokio::test]
async fn an_operation_that_was_interrupted_is_not_done_again_for_its_key() {
    let world = World::start().await;
    let mut first = START.order(&owner(&world, "a key"), ID).await;
    let id = take_operation(&mut first);
    // As if the process had died before Railway answered.
    let mut record = world.records.operations(ID, "op#").await.remove(0);
    record["state"] = json!("running");
    record.as_object_mut().unwrap().remove("deploymentId");
    world.records.put_operation(&record).await;
    let requests = world.railway().operations();

    let busy = START.order(&owner(&world, "a key"), ID).await;
    let error = format!("start is running on this instance (operation {id})");
    busy.is(409, json!({"success": false, "error": error}));
    assert_eq!(busy.header("retry-after"), Some("5"));

    world.clock.advance(SignedDuration::from_secs(60));
    let error = format!(
        "Operation {id} was interrupted, and its outcome is unknown; use a new Idempotency-Key to \
         do it again"
    );
    for _ in 0..2 {
        let interrupted = START.order(&owner(&world, "a key"), ID).await;
        interrupted.is(500, json!({"success": false, "error": error}));
    }
    assert_eq!(world.railway().operations(), requests);
    let again = START.order(&owner(&world, "another key"), ID).await;
    assert_eq!(again.status, 200, "{}", again.body);
}

#[tokio::test]
async fn without_a_key_everything_is_done_each_time() {
    let world = World::start().await;
    for _ in 0..3 {
        take_operation(&mut START.order(&world.owner_of(ID), ID).await);
    }
    assert_eq!(service(&world).deployments.len(), 4);
    assert_eq!(kept(&world).await, 3);
    assert!(world.records.operations(ID, "key#").await.is_empty());
}
