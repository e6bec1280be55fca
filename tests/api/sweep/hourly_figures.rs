//! Figures by the hour: every probe is counted once, whatever becomes of a write.

use common::clock::Clock;
use serde_json::{Value, json};
use sweep::{Coordinator, Settings};
use tests::{Fate, World};

const ID: &str = "demo-running";

/// The first sweep is made at 03:11, and 49 are made until four o'clock. A heartbeat
/// later all of their figures are due.
const ALL_OF_THREE: &str = "2026-04-04T04:15:00Z";

/// Sweeps once a minute up to a time, with these processes in turn, and tells how many
/// requests failed.
async fn sweep_until(world: &World, until: &str, processes: &[&Coordinator]) -> u32 {
    let until = until.parse().unwrap();
    let mut failed = 0;
    for sweep in processes.iter().cycle() {
        if world.clock.now() >= until {
            break;
        }
        failed += world.sweep_with(sweep).await.summary.store_errors;
    }
    failed
}

/// The figures of an hour that the API tells, without the latency.
async fn told(world: &World, hour: &str) -> Value {
    let history = world.history(ID).await;
    let mut buckets = history["buckets"].as_array().unwrap().iter();
    let bucket = buckets.find(|it| it["hour"] == hour).unwrap();
    json!([bucket["probes"], bucket["failures"]])
}

const THREE: &str = "2026-04-04T03:00:00.000Z";
const FOUR: &str = "2026-04-04T04:00:00.000Z";

#[tokio::test]
async fn figures_that_could_not_be_written_are_written_by_the_next_sweep() {
    let (world, dynamodb, sweep) = World::swept_over_faults().await;
    dynamodb.decide(|operation, _| match operation {
        "BatchWriteItem" => Fate::Failed,
        _ => Fate::Answered,
    });
    let summary = world.sweep_with(&sweep).await.summary;
    assert_eq!(
        (summary.writes, summary.figures, summary.store_errors),
        (7, 0, 1)
    );
    assert_eq!(world.records.history(ID, "hour#").await, [] as [Value; 0]);
    dynamodb.decide(|_, _| Fate::Answered);
    world.sweep_with(&sweep).await;
    // Those of both sweeps are due: they are one part of the hour.
    assert_eq!(told(&world, THREE).await, json!([2, 0]));
    assert_eq!(world.records.history(ID, "hour#").await.len(), 1);
}

#[tokio::test]
async fn figures_are_counted_once_though_the_answers_of_writes_are_lost() {
    let (world, dynamodb, sweep) = World::swept_over_faults().await;
    let mut lost = 0;
    dynamodb.decide(move |operation, _| match operation {
        // Three are all attempts of a request: the first two batches are affected.
        "BatchWriteItem" if lost < 6 => {
            lost += 1;
            Fate::AnswerLost
        }
        _ => Fate::Answered,
    });
    assert_eq!(sweep_until(&world, ALL_OF_THREE, &[&sweep]).await, 2);
    assert_eq!(told(&world, THREE).await, json!([49, 0]));
    // One item for each hour, however often it was written.
    assert_eq!(world.records.history(ID, "hour#").await.len(), 2);
}

#[tokio::test]
async fn what_a_throttled_table_left_of_a_batch_is_written_later() {
    let (world, dynamodb, sweep) = World::swept_over_faults().await;
    dynamodb.decide(|operation, _| match operation {
        "BatchWriteItem" => Fate::HalfTaken,
        _ => Fate::Answered,
    });
    let summary = world.sweep_with(&sweep).await.summary;
    assert_eq!(
        (summary.probed, summary.figures, summary.store_errors),
        (7, 3, 0)
    );
    dynamodb.decide(|_, _| Fate::Answered);
    let summary = world.sweep_with(&sweep).await.summary;
    assert!(summary.figures >= 4, "{summary:?}");
    sweep_until(&world, ALL_OF_THREE, &[&sweep]).await;
    assert_eq!(told(&world, THREE).await, json!([49, 0]));
}

#[tokio::test]
async fn what_several_processes_saw_is_added_up() {
    let (world, _dynamodb, one) = World::swept_over_faults().await;
    let connection = &world.stack.connection;
    let other = Coordinator::new(world.sweeper(connection, true, Settings::default()));
    sweep_until(&world, "2026-04-04T05:20:00Z", &[&one, &other]).await;
    assert_eq!(told(&world, THREE).await, json!([49, 0]));
    assert_eq!(told(&world, FOUR).await, json!([60, 0]));
}
