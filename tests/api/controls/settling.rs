//! What becomes of a control: no success is told before it is true.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::model::{Failure, FailureKind, Operation, OperationState};
use common::store::Operations;
use jiff::SignedDuration;
use local::agents::Behaviour;
use local::railway::Fault;
use serde_json::{Value, json};
use tests::{Caller, Reply, ScriptedServer, World};
use tokio::time::Instant;

use crate::support::controls::{
    BASELINE, ID, SERVICE, Way, control, operation, settled, status, succeed, take_operation, until,
};

/// What an operation came to: status, error and failure.
fn outcome(body: &Value) -> Value {
    json!([body["status"], body["error"], body["failure"]])
}

fn success() -> Value {
    json!(["succeeded", null, null])
}

fn not_settled(error: &str) -> Value {
    json!(["failed", error, "not-settled"])
}

#[tokio::test]
async fn a_success_is_told_as_soon_as_the_agent_runs_and_not_before() {
    for name in ["start", "restart", "repair", "update", "reset-memory"] {
        let world = World::ticking()
            .stage(Duration::from_millis(250))
            .start()
            .await;
        let mut answer = control(&world, name).await;
        let id = take_operation(&mut answer);
        let before = operation(&world, &id).await;
        assert_eq!(before.body["status"], "accepted", "{name}");
        assert_eq!(before.body["finishedAt"], Value::Null);
        let since = Instant::now();
        let after = settled(&world.owner_of(ID), ID, &id).await;
        assert_eq!(status(&world).await, "running", "{name}");
        assert_eq!(outcome(&after.body), success(), "{name}");
        assert!(since.elapsed() < Duration::from_secs(10), "{name}");
        assert!(after.body["finishedAt"].as_str() > after.body["startedAt"].as_str());
        // It stays so, whatever comes next.
        let agent = world.stack.simulated(ID).unwrap();
        agent.set(Behaviour::Unreachable).unwrap();
        operation(&world, &id).await.is(200, after.body);
    }
}

#[tokio::test]
async fn who_waits_for_a_while_is_told_how_far_it_is() {
    let world = World::ticking()
        .patient()
        .stage(Duration::from_secs(30))
        .start()
        .await;
    let id = take_operation(&mut control(&world, "start").await);
    let since = Instant::now();
    let waited = operation(&world, &format!("{id}?wait=2s")).await;
    assert_eq!(waited.body["status"], "accepted");
    let waited = since.elapsed();
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
    assert!(waited < Duration::from_secs(4), "{waited:?}");
}

#[tokio::test]
async fn a_stop_has_succeeded_when_the_agent_no_longer_answers() {
    let world = World::ticking().start().await;
    let id = take_operation(&mut control(&world, "stop").await);
    let agent = world.stack.simulated(ID).unwrap();
    // Railway says stopped, and somebody still answers.
    agent.set(Behaviour::Running).unwrap();
    let early = operation(&world, &format!("{id}?wait=2s")).await;
    assert_eq!(early.body["status"], "accepted");
    agent.set(Behaviour::Unreachable).unwrap();
    let stopped = settled(&world.owner_of(ID), ID, &id).await;
    assert_eq!(outcome(&stopped.body), success());
}

#[tokio::test]
async fn a_second_stop_succeeds_too() {
    let world = World::ticking().start().await;
    succeed(&world, "stop").await;
    succeed(&world, "stop").await;
}

#[tokio::test]
async fn what_was_down_by_itself_is_stopped_with_success() {
    for status in ["CRASHED", "FAILED", "REMOVED"] {
        let world = World::ticking().start().await;
        world.railway().set_status(SERVICE, status);
        let agent = world.stack.simulated(ID).unwrap();
        agent.set(Behaviour::Unreachable).unwrap();
        succeed(&world, "stop").await;
    }
}

#[tokio::test]
async fn a_stop_after_an_update_that_failed_stops_what_runs() {
    let world = World::ticking().start().await;
    world.railway().fail_deployments(SERVICE, true);
    let id = take_operation(&mut control(&world, "update").await);
    settled(&world.owner_of(ID), ID, &id).await;
    assert_eq!(status(&world).await, "running");
    succeed(&world, "stop").await;
    assert_eq!(status(&world).await, "unreachable");
}

#[tokio::test]
async fn a_deployment_that_fails_is_told_so() {
    let world = World::ticking().start().await;
    world.railway().fail_deployments(SERVICE, true);
    for name in ["start", "repair", "update"] {
        let id = take_operation(&mut control(&world, name).await);
        let failed = settled(&world.owner_of(ID), ID, &id).await;
        let expected = not_settled("The deployment failed");
        assert_eq!(outcome(&failed.body), expected, "{name}");
        assert!(failed.body["finishedAt"].is_string());
    }
    // What ran goes on running.
    assert_eq!(status(&world).await, "running");
}

#[tokio::test]
async fn every_way_a_deployment_can_end_is_told() {
    for (status, expected) in [
        ("CRASHED", not_settled("The deployment crashed")),
        (
            "REMOVED",
            not_settled("The deployment was stopped or replaced by another one"),
        ),
        (
            "SKIPPED",
            not_settled("Railway skipped the deployment: nothing had changed"),
        ),
        // A probe would wake it.
        ("SLEEPING", success()),
    ] {
        let world = World::ticking().start().await;
        let id = take_operation(&mut control(&world, "start").await);
        world.railway().set_status(SERVICE, status);
        let ended = settled(&world.owner_of(ID), ID, &id).await;
        assert_eq!(outcome(&ended.body), expected, "{status}");
    }
}

#[tokio::test]
async fn after_a_quarter_of_an_hour_nobody_waits_any_longer() {
    for (status, expected) in [
        (
            "NEEDS_APPROVAL",
            "The deployment awaits approval on Railway",
        ),
        ("BUILDING", "The deployment did not settle"),
    ] {
        let world = World::start().await;
        let id = take_operation(&mut control(&world, "start").await);
        world.railway().set_status(SERVICE, status);
        world.clock.advance(SignedDuration::from_secs(15 * 60 - 1));
        let waiting = operation(&world, &id).await;
        assert_eq!(waiting.body["status"], "accepted", "{status}");
        world.clock.advance(SignedDuration::from_secs(1));
        let ended = operation(&world, &id).await;
        let expected = not_settled(&format!("{expected} within 15 minutes"));
        assert_eq!(outcome(&ended.body), expected, "{status}");
    }
}

#[tokio::test]
async fn an_agent_that_never_gets_ready_is_a_failure_in_the_end() {
    let world = World::start().await;
    let id = take_operation(&mut control(&world, "restart").await);
    until("the agent is back", async || {
        status(&world).await == "running"
    })
    .await;
    let agent = world.stack.simulated(ID).unwrap();
    agent.set(Behaviour::Starting).unwrap();
    world.clock.advance(SignedDuration::from_secs(15 * 60 - 1));
    assert_eq!(operation(&world, &id).await.body["status"], "accepted");
    world.clock.advance(SignedDuration::from_secs(1));
    let ended = operation(&world, &id).await;
    let expected = not_settled("The agent did not come to the state it should within 15 minutes");
    assert_eq!(outcome(&ended.body), expected);
}

/// A world with an agent whose process a test renews, and its owner. Railway
/// says at once that a restart is done.
async fn with_old_process() -> (World, Caller, ScriptedServer, Arc<AtomicBool>) {
    let world = World::ticking()
        .stage(Duration::from_millis(1))
        .start()
        .await;
    let renewed = Arc::new(AtomicBool::new(false));
    let new = renewed.clone();
    let agent = ScriptedServer::start(move |path| match path {
        "/api/status" => {
            let uptime = if new.load(Ordering::SeqCst) { 1 } else { 7200 };
            Reply::json(&json!({"state": "running", "running": true, "uptime": uptime}))
        }
        _ => Reply::json(&json!({"ok": true, "ready": true})),
    })
    .await;
    let railway = world.railway();
    railway.add_service("agentbot-agent-old", BASELINE, None);
    let owner = world.deploy("old", "owner-old", agent.url()).await;
    (world, owner, agent, renewed)
}

#[tokio::test]
async fn a_restart_has_not_succeeded_while_the_old_process_answers() {
    for way in [Way::Lifecycle("restart"), Way::Lifecycle("start")] {
        let (_world, owner, _agent, renewed) = with_old_process().await;
        let id = take_operation(&mut way.order(&owner, "old").await);
        let path = format!("/api/instance/old/operations/{id}?wait=2s");
        let early = owner.get(&path).await;
        assert_eq!(early.body["status"], "accepted", "{}", early.body);
        renewed.store(true, Ordering::SeqCst);
        let done = settled(&owner, "old", &id).await;
        assert_eq!(outcome(&done.body), success());
    }
}

#[tokio::test]
async fn an_agent_that_tells_no_uptime_is_believed_after_a_while() {
    let world = World::ticking()
        .stage(Duration::from_millis(1))
        .start()
        .await;
    let agent = ScriptedServer::agent([
        Reply::json(&json!({"ok": true})),
        Reply::json(&json!({"ready": true})),
        Reply::not_found(),
    ]);
    let agent = agent.await;
    let railway = world.railway();
    railway.add_service("agentbot-agent-mute", BASELINE, None);
    let owner = world.deploy("mute", "owner-mute", agent.url()).await;
    let restart = Way::Lifecycle("restart");
    let id = take_operation(&mut restart.order(&owner, "mute").await);
    let path = format!("/api/instance/mute/operations/{id}?wait=2s");
    let early = owner.get(&path).await;
    assert_eq!(early.body["status"], "accepted", "{}", early.body);
    world.clock.advance(SignedDuration::from_secs(15));
    let done = settled(&owner, "mute", &id).await;
    assert_eq!(outcome(&done.body), success());
}

#[tokio::test]
async fn a_plain_gateway_restarts_too() {
    let world = World::ticking().start().await;
    let owner = world.owner_of("demo-legacy");
    for name in ["restart", "stop", "start"] {
        let way = Way::Lifecycle(name);
        let id = take_operation(&mut way.order(&owner, "demo-legacy").await);
        let done = settled(&owner, "demo-legacy", &id).await;
        assert_eq!(outcome(&done.body), success(), "{name}");
    }
    let answer = owner.get("/api/instance/demo-legacy").await;
    assert_eq!(answer.body["status"], "healthy");
}

#[tokio::test]
async fn while_railway_cannot_tell_the_outcome_stays_open() {
    let world = World::start().await;
    let id = take_operation(&mut control(&world, "start").await);
    let refused = Fault::Errors("Problem processing request".to_owned());
    world.railway().inject_into("DeploymentState", [refused]);
    let answer = operation(&world, &id).await;
    let error = "Railway cannot tell how the deployment is: Railway refused: Problem processing \
                 request";
    answer.is(503, json!({"error": error}));
    let limited = Fault::RateLimited(Some(60));
    world.railway().inject_into("DeploymentState", [limited]);
    let answer = operation(&world, &id).await;
    let error = "Railway cannot tell how the deployment is: Railway's rate limit is reached";
    answer.is(503, json!({"error": error}));
    assert_eq!(answer.header("retry-after"), Some("60"));
    assert_eq!(operation(&world, &id).await.body["status"], "accepted");
}

#[tokio::test]
async fn many_who_wait_are_all_told_the_same() {
    let world = World::ticking().start().await;
    let id = take_operation(&mut control(&world, "restart").await);
    let owner = world.owner_of(ID);
    let waiting = (0..5).map(|_| settled(&owner, ID, &id));
    for answer in futures_util::future::join_all(waiting).await {
        assert_eq!(outcome(&answer.body), success());
    }
}

#[tokio::test]
async fn a_stop_that_was_followed_by_a_start_did_its_work() {
    let world = World::ticking().start().await;
    let mut stop = control(&world, "stop").await;
    let stop = take_operation(&mut stop);
    succeed(&world, "start").await;
    let answer = settled(&world.owner_of(ID), ID, &stop).await;
    assert_eq!(outcome(&answer.body), success());
}

#[tokio::test]
async fn of_two_watchers_the_first_one_decides() {
    let world = World::ticking().start().await;
    let mut answer = control(&world, "restart").await;
    let id = take_operation(&mut answer);
    let stack = &world.stack;
    let operations = Operations::new(stack.connection.clone(), stack.tables.operations.clone());
    let (instance, id) = (ID.parse().unwrap(), id.parse().unwrap());
    let accepted = operations.get(&instance, &id).await.unwrap().unwrap();
    let with = |state: OperationState| Operation {
        state,
        ..accepted.clone()
    };
    let succeeded = with(OperationState::Succeeded);
    let failed = with(OperationState::Failed(Failure {
        kind: FailureKind::NotSettled,
        reason: "too late".to_owned(),
    }));
    for outcome in [&succeeded, &failed] {
        let concluded = operations.conclude(outcome, &accepted.state).await;
        concluded.unwrap();
        let kept = operations.get(&instance, &id).await.unwrap();
        assert_eq!(kept.as_ref(), Some(&succeeded));
    }
}
