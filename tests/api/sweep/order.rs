//! Sweeps at the same time, again, late, and in segments.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::aws::{Aws, Endpoint};
use common::clock::Clock;
use common::queue::Queue;
use common::threads::Threads;
use jiff::{SignedDuration, Timestamp};
use local::agents::Behaviour;
use serde_json::{Value, json};
use sweep::{Coordinator, Outcome, Settings, SweepError};
use tests::{Fate, FaultyDynamoDb, Reply, ScriptedServer, World, made};

const ID: &str = "demo-running";
const LIMIT: Duration = Duration::from_secs(60);

async fn world() -> World {
    let world = World::start().await;
    world.wake_the_hanging();
    world
}

fn kill(world: &World) {
    let agent = world.stack.simulated(ID).unwrap();
    agent.set(Behaviour::Unreachable).unwrap();
}

#[tokio::test]
async fn of_two_sweeps_at_the_same_time_one_announces_each_transition() {
    let world = world().await;
    let other = Coordinator::new(world.sweeper(&world.stack.connection, true, Settings::default()));
    let mut announced = 0;
    for minute in 0..5 {
        if minute == 1 {
            kill(&world);
        }
        world.clock.advance(SignedDuration::from_secs(60));
        let now = world.clock.now();
        let (one, two) = tokio::join!(
            world.try_sweep(&world.stack.sweep, now),
            world.try_sweep(&other, now),
        );
        for report in [made(one), made(two)] {
            announced += report
                .transitions
                .iter()
                .filter(|it| it.instance.as_str() == ID)
                .count();
        }
        // Two that see the same failure count it once.
        let expected = if minute < 3 { "up" } else { "down" };
        assert_eq!(world.condition(ID).await, expected, "{minute}");
    }
    assert_eq!(announced, 2);
    assert_eq!(world.records.history(ID, "transition#").await.len(), 2);
}

#[tokio::test]
async fn a_sweep_that_is_delivered_twice_counts_once() {
    let world = world().await;
    world.sweep().await;
    kill(&world);
    world.sweep().await;
    let now = world.clock.now();
    for _ in 0..3 {
        let again = made(world.try_sweep(&world.stack.sweep, now).await);
        assert_eq!(again.transitions, []);
        assert!(again.summary.refused_as_older > 0);
    }
    assert_eq!(
        world.records.instance(ID).await["observed"]["streak"]["count"],
        1
    );
}

#[tokio::test]
async fn a_late_sweep_is_left_out() {
    let world = world().await;
    let report = world.sweep().await;
    let before = world.records.instance(ID).await;
    let late = report.summary.scheduled_at - SignedDuration::from_secs(60);
    let outcome = world.try_sweep(&world.stack.sweep, late).await.unwrap();
    assert!(matches!(outcome, Outcome::Outdated(newest) if newest == report.summary.scheduled_at));
    assert_eq!(world.records.instance(ID).await, before);
}

#[tokio::test]
async fn a_late_segment_changes_nothing_that_a_newer_sweep_wrote() {
    let world = world().await;
    world.sweep().await;
    let before = world.records.instance(ID).await;
    kill(&world);
    // A minute behind, which is not too late to be made.
    let answer = handle(&world, &[segment("2026-04-04T03:10:00Z", 0, 1)]).await;
    assert_eq!(answer, json!({"batchItemFailures": []}));
    assert_eq!(world.records.instance(ID).await, before);
}

/// For each page of a segment, even of the only one, a DynamoDB may have to look at
/// the whole table.
#[tokio::test]
async fn a_table_is_read_in_segments_only_where_the_sweep_is_divided() {
    let (world, dynamodb, sweep) = World::swept_over_faults().await;
    let scans = Arc::new(Mutex::new(Vec::new()));
    let seen = scans.clone();
    dynamodb.decide(move |operation, body| {
        if operation == "Scan" {
            let scan: Value = serde_json::from_str(body).unwrap();
            let segment = [scan["Segment"].clone(), scan["TotalSegments"].clone()];
            seen.lock().unwrap().push(segment);
        }
        Fate::Answered
    });
    world.sweep_with(&sweep).await;
    let now = world.clock.now().to_string();
    let record = json!({"messageId": "a", "body": segment(&now, 1, 2).to_string()});
    let event = json!({"Records": [record]});
    sweep.handle(event, LIMIT).await.unwrap();
    let whole = [Value::Null, Value::Null];
    assert_eq!(*scans.lock().unwrap(), [whole, [json!(1), json!(2)]]);
}

/// An event of SQS with these bodies, by number.
async fn handle(world: &World, bodies: &[Value]) -> Value {
    let records: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(|(number, body)| json!({"messageId": format!("message-{number}"), "body": body.to_string()}))
        .collect();
    let event = json!({"Records": records});
    world.stack.sweep.handle(event, LIMIT).await.unwrap()
}

fn segment(sweep: &str, number: u32, of: u32) -> Value {
    json!({"sweep": sweep, "segment": number, "of": of})
}

#[tokio::test]
async fn segments_together_are_the_whole_sweep() {
    let world = world().await;
    for number in 0..40 {
        let record = json!({
            "instanceId": format!("agent-{number}"), "ownerId": "owner",
            "openclawUrl": "http://127.0.0.1:1",
        });
        world.records.put_instance(&record).await;
    }
    let now = world.clock.now().to_string();
    let bodies: Vec<Value> = (0..4).map(|number| segment(&now, number, 4)).collect();
    let first_half = handle(&world, &bodies[..2]).await;
    assert_eq!(first_half, json!({"batchItemFailures": []}));
    let mut seen = 0;
    for number in 0..40 {
        seen += i32::from(world.condition(&format!("agent-{number}")).await != Value::Null);
    }
    assert!(
        (1..40).contains(&seen),
        "{seen} of 40 in two of four segments"
    );
    handle(&world, &bodies[2..]).await;
    for number in 0..40 {
        let id = format!("agent-{number}");
        assert_eq!(world.condition(&id).await, "starting", "{id}");
    }
    assert_eq!(world.condition(ID).await, "up");
}

#[tokio::test]
async fn threads_that_share_a_sweep_meet_every_instance_once() {
    let world = world().await;
    let records = 60;
    for number in 0..records {
        let record = json!({
            "instanceId": format!("agent-{number}"), "ownerId": "owner",
            "openclawUrl": "http://127.0.0.1:1",
        });
        world.records.put_instance(&record).await;
    }
    let threads = Threads::start().unwrap();
    // Too few for one of them to take all at once.
    let settings = Settings {
        concurrency: 8,
        ..Settings::default()
    };
    let mut sweep = world.sweeper(&world.stack.connection, true, settings);
    // Also where there is one processor.
    sweep.runtimes = [threads.runtimes(), threads.runtimes()].concat();
    let report = world.sweep_with(&Coordinator::new(sweep)).await;
    let summary = &report.summary;
    let expected = records + 7;
    assert_eq!((summary.instances, summary.writes), (expected, expected));
    let mut ids: Vec<_> = report.transitions.iter().map(|it| &it.instance).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), expected as usize);
    // They are the threads' own connections that are closed now.
    drop(threads);
    assert_eq!(world.sweep().await.summary.instances, expected);
}

#[tokio::test]
async fn a_small_fleet_is_swept_by_the_coordinator_itself() {
    let world = world().await;
    let sqs = ScriptedServer::always(Reply::Silence).await;
    let aws = Aws::new(Endpoint::Local(sqs.url().to_owned()));
    let mut sweep = world.sweeper(&world.stack.connection, true, Settings::default());
    sweep.queue = Some(Queue::open(&aws, format!("{}/queue", sqs.url())));
    let sweep = Coordinator::new(sweep);
    assert_eq!(world.sweep_with(&sweep).await.summary.instances, 7);
    assert_eq!(sqs.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_sweep_that_meets_many_has_the_next_one_divided_until_one_meets_few() {
    let world = world().await;
    let sqs = ScriptedServer::always(Reply::json(&json!({"Successful": [], "Failed": []}))).await;
    let aws = Aws::new(Endpoint::Local(sqs.url().to_owned()));
    let queue = Queue::open(&aws, format!("{}/queue", sqs.url()));
    let dynamodb = FaultyDynamoDb::start(&world.stack.dynamodb).await;
    let connection = dynamodb.connect().await;
    let sweeper = |segment_above| {
        let settings = Settings {
            segment_above,
            ..Settings::default()
        };
        let mut sweep = world.sweeper(&connection, true, settings);
        sweep.queue = Some(queue.clone());
        Coordinator::new(sweep)
    };
    let next = async |sweep| {
        world.clock.advance(SignedDuration::from_secs(60));
        world.try_sweep(sweep, world.clock.now()).await
    };

    let (sweep, generous) = (sweeper(3), sweeper(5000));
    assert_eq!(made(next(&sweep).await).summary.instances, 7);
    assert_eq!(sqs.bodies(), Vec::<String>::new());
    let divided = next(&sweep).await;
    assert!(matches!(divided, Ok(Outcome::HandedOut(3))), "{divided:?}");
    let sent: Value = serde_json::from_str(&sqs.bodies().concat()).unwrap();
    let sent: Vec<Value> = (0..3)
        .map(|number| &sent["Entries"][number]["MessageBody"])
        .map(|body| serde_json::from_str(body.as_str().unwrap()).unwrap())
        .collect();
    let now = world.clock.now().to_string();
    let segments: Vec<Value> = (0..3).map(|number| segment(&now, number, 3)).collect();
    assert_eq!(sent, segments);

    // Whoever met nobody because DynamoDB failed knows nothing.
    let deliver = async || {
        let message = segment(&world.clock.now().to_string(), 0, 3).to_string();
        let event = json!({"Records": [{"messageId": "1", "body": message}]});
        let answer = generous.handle(event, LIMIT).await.unwrap();
        answer["batchItemFailures"].as_array().unwrap().len()
    };
    dynamodb.decide(|operation, _| match operation {
        "Scan" => Fate::Failed,
        _ => Fate::Answered,
    });
    assert_eq!(deliver().await, 1);
    let divided = next(&generous).await;
    assert!(matches!(divided, Ok(Outcome::HandedOut(3))), "{divided:?}");

    dynamodb.decide(|_, _| Fate::Answered);
    assert_eq!(deliver().await, 0);
    assert_eq!(made(next(&generous).await).summary.instances, 7);
}

#[tokio::test]
async fn a_bad_message_fails_alone() {
    let world = world().await;
    let now = world.clock.now().to_string();
    let bodies = [
        segment(&now, 0, 1),
        json!("what?"),
        segment(&now, 1, 1),
        // Too late: nothing to be done again.
        segment("2026-04-04T03:00:00Z", 0, 1),
    ];
    let answer = handle(&world, &bodies).await;
    let failed = ["message-1", "message-2"].map(|id| json!({"itemIdentifier": id}));
    assert_eq!(answer, json!({"batchItemFailures": failed}));
    assert_eq!(world.condition(ID).await, "up");
}

#[tokio::test]
async fn segments_fail_while_the_store_does_so_that_sqs_delivers_them_again() {
    let world = world().await;
    world.records.lose_instances().await;
    let now = world.clock.now().to_string();
    let answer = handle(&world, &[segment(&now, 0, 1)]).await;
    let failed = json!({"itemIdentifier": "message-0"});
    assert_eq!(answer, json!({"batchItemFailures": [failed]}));
    let scheduled = json!({"time": now});
    let failed = world.stack.sweep.handle(scheduled, LIMIT).await;
    assert!(matches!(failed, Err(SweepError::Store(_))), "{failed:?}");
}

#[tokio::test]
async fn an_event_that_is_none_of_a_sweep_is_refused() {
    let world = world().await;
    let refused = world.stack.sweep.handle(json!({"hello": 1}), LIMIT).await;
    assert!(matches!(refused, Err(SweepError::Event(_))), "{refused:?}");
}

#[tokio::test]
async fn what_a_sweep_has_no_time_for_is_counted_and_seen_by_the_next_one() {
    let world = world().await;
    world.clock.advance(SignedDuration::from_secs(60));
    let scheduled = json!({"time": world.clock.now()});
    let sweep = &world.stack.sweep;
    let summary = sweep
        .handle(scheduled, Duration::from_millis(8_001))
        .await
        .unwrap();
    assert_eq!(summary["probed"], 0, "{summary}");
    assert_eq!(world.condition(ID).await, Value::Null);
    let summary = world.sweep().await.summary;
    assert_eq!((summary.probed, summary.not_reached), (7, 0));
}

#[tokio::test]
async fn an_invocation_that_has_no_time_for_a_sweep_fails() {
    let world = world().await;
    let scheduled = json!({"time": world.clock.now()});
    let sweep = &world.stack.sweep;
    let failed = sweep.handle(scheduled, Duration::from_secs(8)).await;
    assert_eq!(
        failed.unwrap_err().to_string(),
        "no time is left to ask agents: an invocation has to last for more than 10s"
    );
}

#[tokio::test]
async fn an_invocation_that_ended_before_it_began_lasts_as_long_as_the_settings_allow() {
    let world = world().await;
    let sweep = &world.stack.sweep;
    let soon = world.clock.now() + SignedDuration::from_secs(30);
    assert_eq!(sweep.remaining(soon), Duration::from_secs(28));
    assert_eq!(sweep.remaining(world.clock.now()), Duration::ZERO);
    assert_eq!(
        sweep.remaining(Timestamp::UNIX_EPOCH),
        Duration::from_secs(58)
    );
}
