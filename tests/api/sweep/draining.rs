//! Agents that finish their work, to end then.

use common::config::SELF_HEALING;
use local::agents::{Behaviour, Trouble};
use serde_json::json;
use tests::World;

use super::self_healing::{OTHER, behave, steps, sweeps, world_of};

fn set_trouble(world: &World, trouble: Option<Trouble>) {
    world.stack.simulated(OTHER).unwrap().set_trouble(trouble);
}

#[tokio::test]
async fn drains_are_neither_failures_nor_crashes() {
    let (world, people) = world_of(World::with(SELF_HEALING, "on")).await;
    for _ in 0..5 {
        set_trouble(&world, Some(Trouble::Draining));
        let report = world.sweep().await;
        assert_eq!(report.summary.conditions.up, 7);
        let record = &world.records.instance(OTHER).await["observed"];
        assert_eq!(
            record["reason"],
            "The gateway is draining: it finishes its work, and ends then"
        );
        assert_eq!(record["streak"], json!(null));
        // Another process takes over.
        set_trouble(&world, None);
        behave(&world, OTHER, Behaviour::Legacy);
        let report = world.sweep().await;
        assert_eq!(report.summary.conditions.up, 7);
    }
    assert_eq!(people.told(), Vec::<String>::new());
    assert_eq!(world.records.history(OTHER, "transition#").await.len(), 1);
    let crashes = &world.records.instance(OTHER).await["healing"]["crashes"];
    assert!(crashes.as_array().is_none_or(Vec::is_empty), "{crashes}");
}

#[tokio::test]
async fn a_process_that_is_away_for_a_while_after_its_drain_has_not_crashed() {
    let (world, _people) = world_of(World::with(SELF_HEALING, "on")).await;
    set_trouble(&world, Some(Trouble::Draining));
    sweeps(&world, 2).await;
    behave(&world, OTHER, Behaviour::Unreachable);
    sweeps(&world, 1).await;
    set_trouble(&world, Some(Trouble::Channel("startup-sidecars")));
    behave(&world, OTHER, Behaviour::Legacy);
    sweeps(&world, 1).await;
    set_trouble(&world, None);
    let summary = world.sweep().await.summary;
    assert_eq!(summary.conditions.up, 7);
    let record = world.records.instance(OTHER).await;
    let crashes = &record["healing"]["crashes"];
    assert!(crashes.as_array().is_none_or(Vec::is_empty), "{crashes}");
    assert_eq!(record["observed"]["drainingSince"], json!(null));
}

#[tokio::test]
async fn a_drain_that_does_not_end_is_a_failure_in_the_end() {
    let (world, people) = world_of(World::with(SELF_HEALING, "on")).await;
    set_trouble(&world, Some(Trouble::Draining));
    // It may last for 315 seconds, and three failures follow.
    let summaries = sweeps(&world, 9).await;
    let down: Vec<_> = summaries.iter().map(|it| it.conditions.down).collect();
    assert_eq!(down, [0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(people.told(), ["\"Agent down\": \"demo-legacy\""]);
    assert_eq!(steps(&summaries), 0);
    assert_eq!(steps(&sweeps(&world, 3).await), 1);
}

#[tokio::test]
async fn an_agent_that_nobody_has_seen_before_it_drains_is_starting() {
    let world = World::start().await;
    world.wake_the_hanging();
    set_trouble(&world, Some(Trouble::Draining));
    sweeps(&world, 2).await;
    assert_eq!(world.condition(OTHER).await, "starting");
}
