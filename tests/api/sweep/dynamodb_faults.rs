//! DynamoDB fails in the middle of sweeps: nothing is lost for good.

use common::clock::Clock;
use jiff::SignedDuration;
use local::agents::Behaviour;
use serde_json::Value;
use sweep::{Coordinator, Settings, SweepError};
use tests::{Fate, World};

const ID: &str = "demo-running";

fn kill(world: &World) {
    let agent = world.stack.simulated(ID).unwrap();
    agent.set(Behaviour::Unreachable).unwrap();
}

#[tokio::test]
async fn throttled_requests_are_repeated() {
    let (world, dynamodb, _) = World::swept_over_faults().await;
    let connection = dynamodb.connect().await.persistent();
    let sweep = Coordinator::new(world.sweeper(&connection, true, Settings::default()));
    // One fewer than a request is sent at the most.
    let mut left = 5;
    dynamodb.decide(move |operation, _| {
        let throttled = operation == "TransactWriteItems" && left > 0;
        left -= i32::from(throttled);
        if throttled {
            Fate::Throttled
        } else {
            Fate::Answered
        }
    });
    let summary = world.sweep_with(&sweep).await.summary;
    assert_eq!((summary.writes, summary.store_errors), (7, 0));
    let sent = dynamodb.operations();
    let sent = sent.iter().filter(|it| *it == "TransactWriteItems").count();
    assert_eq!(sent, 7 + 5);
}

#[tokio::test]
async fn half_of_all_writes_are_lost_and_the_next_sweep_repairs_it() {
    let (world, dynamodb, sweep) = World::swept_over_faults().await;
    let lost = ["demo-running", "demo-legacy", "demo-setup"];
    dynamodb.decide(move |operation, body| {
        let lost = lost.iter().any(|id| body.contains(id));
        match operation {
            "TransactWriteItems" | "UpdateItem" if lost => Fate::Failed,
            _ => Fate::Answered,
        }
    });
    let summary = world.sweep_with(&sweep).await.summary;
    assert_eq!((summary.probed, summary.writes), (7, 4));
    assert_eq!((summary.transitions, summary.store_errors), (4, 3));
    for id in lost {
        assert_eq!(world.condition(id).await, Value::Null, "{id}");
        assert_eq!(
            world.records.history(id, "").await,
            [] as [Value; 0],
            "{id}"
        );
    }
    dynamodb.decide(|_, _| Fate::Answered);
    let report = world.sweep_with(&sweep).await;
    assert_eq!(report.summary.store_errors, 0);
    // Those who were lost are announced now, and nobody twice.
    let mut announced: Vec<_> = report
        .transitions
        .iter()
        .map(|it| it.instance.as_str())
        .collect();
    announced.sort_unstable();
    assert_eq!(announced, ["demo-legacy", "demo-running", "demo-setup"]);
    for agent in &world.stack.agents {
        let id = &agent.instance_id;
        assert_eq!(
            world.records.history(id, "transition#").await.len(),
            1,
            "{id}"
        );
    }
}

#[tokio::test]
async fn a_transition_whose_answer_is_lost_is_written_once() {
    let (world, dynamodb, sweep) = World::swept_over_faults().await;
    world.sweep_with(&sweep).await;
    kill(&world);
    dynamodb.decide(|operation, _| match operation {
        "TransactWriteItems" => Fate::AnswerLost,
        _ => Fate::Answered,
    });
    for _ in 0..3 {
        world.sweep_with(&sweep).await;
    }
    dynamodb.decide(|_, _| Fate::Answered);
    world.sweep_with(&sweep).await;
    assert_eq!(world.condition(ID).await, "down");
    let transitions = world.records.history(ID, "transition#").await;
    let to: Vec<_> = transitions.iter().map(|it| it["to"].clone()).collect();
    assert_eq!(to, ["up", "down"]);
}

#[tokio::test]
async fn while_dynamodb_is_gone_the_sweep_fails_and_what_happens_meanwhile_is_found_later() {
    let (world, dynamodb, sweep) = World::swept_over_faults().await;
    world.sweep_with(&sweep).await;
    kill(&world);
    dynamodb.decide(|_, _| Fate::Failed);
    world.clock.advance(SignedDuration::from_secs(60));
    let failed = world.try_sweep(&sweep, world.clock.now()).await;
    assert!(matches!(failed, Err(SweepError::Store(_))), "{failed:?}");

    // Gone once the instances are read.
    dynamodb.decide(|operation, _| match operation {
        "Scan" | "GetItem" => Fate::Answered,
        _ => Fate::Failed,
    });
    let summary = world.sweep_with(&sweep).await.summary;
    assert_eq!(summary.probed, 7);
    assert!(summary.store_errors > 0);
    assert_eq!(world.condition(ID).await, "up");

    dynamodb.decide(|_, _| Fate::Answered);
    for expected in ["up", "up", "down"] {
        world.sweep_with(&sweep).await;
        assert_eq!(world.condition(ID).await, expected);
    }
}
