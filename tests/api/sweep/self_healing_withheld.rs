//! When self-healing does nothing about an agent that fails.

use common::clock::Clock;
use common::config::{
    ALERT_FLEET_MIN, ALERT_FLEET_SHARE, ENABLE_CONTROLS, SELF_HEALING, SWEEP_INTERVAL,
};
use common::model::{Control, OperationId};
use common::store::Operations;
use http::Method;
use jiff::SignedDuration;
use local::agents::Behaviour;
use local::railway::Fault;
use serde_json::{Value, json};
use sweep::Coordinator;
use tests::{World, made};

use crate::sweep::self_healing::{
    ID, OTHER, behave, healed, operations, steps, sweeps, world, world_of,
};

#[tokio::test]
async fn nothing_is_done_and_nothing_noted_unless_it_is_wanted_and_controls_are_on() {
    for builder in [
        World::with(SWEEP_INTERVAL, "60"),
        World::with(SELF_HEALING, "off"),
        World::with(SELF_HEALING, "on").with(ENABLE_CONTROLS, "false"),
    ] {
        let (world, _people) = world_of(builder).await;
        behave(&world, ID, Behaviour::Unreachable);
        assert_eq!(steps(&sweeps(&world, 20).await), 0);
        assert_eq!(world.condition(ID).await, "down");
        assert_eq!(operations(&world, ID).await, []);
        let record = world.records.instance(ID).await;
        assert_eq!(record.get("healing"), None, "{record}");
    }
}

#[tokio::test]
async fn nothing_is_done_while_a_large_part_of_the_fleet_is_down() {
    let builder = World::with(SELF_HEALING, "on")
        .with(ALERT_FLEET_MIN, "3")
        .with(ALERT_FLEET_SHARE, "40");
    let (world, _people) = world_of(builder).await;
    let failing = [ID, OTHER, "demo-setup", "demo-starting"];
    for id in failing {
        behave(&world, id, Behaviour::Unreachable);
    }
    let summaries = sweeps(&world, 10).await;
    assert_eq!(steps(&summaries), 0);
    assert!(summaries.iter().skip(2).all(|it| it.incident));
    assert_eq!(summaries.last().unwrap().healing_postponed, 4);
    // Who is left when it is over is healed.
    for id in &failing[1..] {
        behave(&world, id, Behaviour::Running);
    }
    let summaries = sweeps(&world, 6).await;
    let open = |it: &&sweep::Summary| it.incident;
    assert_eq!(steps(&summaries), 1);
    assert!(
        summaries
            .iter()
            .filter(open)
            .all(|it| it.healing_restarts == 0)
    );
    assert_eq!(operations(&world, ID).await, [healed("restart")]);
}

#[tokio::test]
async fn an_incident_that_this_very_sweep_finds_forbids_it_too() {
    let builder = World::with(SELF_HEALING, "on")
        .with(common::config::SELF_HEALING_AFTER, "1")
        .with(ALERT_FLEET_MIN, "3")
        .with(ALERT_FLEET_SHARE, "40");
    let (world, _people) = world_of(builder).await;
    for id in [ID, OTHER, "demo-setup", "demo-starting"] {
        behave(&world, id, Behaviour::Unreachable);
    }
    let summaries = sweeps(&world, 3).await;
    let [.., last] = &summaries[..] else {
        panic!("three sweeps");
    };
    assert_eq!((last.incident, last.healing_postponed), (true, 4));
    assert_eq!(steps(&summaries), 0);
}

#[tokio::test]
async fn a_lease_that_somebody_holds_puts_a_step_off_and_is_no_try() {
    let (world, _people) = world().await;
    behave(&world, ID, Behaviour::Unreachable);
    sweeps(&world, 4).await;
    let table = world.stack.tables.operations.clone();
    let store = Operations::new(world.stack.connection.clone(), table);
    world.clock.advance(SignedDuration::from_secs(60));
    let now = world.clock.now();
    let id = ID.parse().unwrap();
    let lease = store
        .lease(&id, OperationId::new(now), Control::Update, now)
        .await
        .unwrap()
        .unwrap();
    let summary = made(world.try_sweep(&world.stack.sweep, now).await).summary;
    assert_eq!(
        (summary.healing_restarts, summary.healing_postponed),
        (0, 1)
    );
    let record = world.records.instance(ID).await;
    assert_eq!(record["healing"].get("tries"), None, "{record}");
    store.release_lease(lease).await.unwrap();
    assert_eq!(steps(&sweeps(&world, 1).await), 1);
    assert_eq!(operations(&world, ID).await, [healed("restart")]);
}

#[tokio::test]
async fn whatever_an_owner_has_done_gets_its_time() {
    let (world, _people) = world().await;
    behave(&world, ID, Behaviour::Unreachable);
    sweeps(&world, 3).await;
    let path = format!("/api/instance/{ID}/restart");
    let fault = Fault::Errors("not today".to_owned());
    world.railway().inject_into("Restart", [fault]);
    assert_eq!(world.owner_of(ID).post(&path).await.status, 500);
    let summaries = sweeps(&world, 5).await;
    assert_eq!(steps(&summaries), 0);
    assert_eq!(summaries[1].healing_postponed, 1);
    assert_eq!(steps(&sweeps(&world, 1).await), 1);
    let owner = ("restart".to_owned(), "owner-running".to_owned());
    assert_eq!(operations(&world, ID).await, [owner, healed("restart")]);
}

#[tokio::test]
async fn agents_that_are_stopped_asleep_or_without_configuration_are_left_alone() {
    let (world, _people) = world().await;
    behave(&world, ID, Behaviour::Unreachable);
    behave(&world, OTHER, Behaviour::Unreachable);
    behave(&world, "demo-setup", Behaviour::Setup);
    sweeps(&world, 3).await;
    let path = format!("/api/instance/{ID}/stop");
    assert_eq!(world.owner_of(ID).post(&path).await.status, 200);
    let service = "service-agentbot-agent-demo-legacy";
    world.railway().set_status(service, "SLEEPING");
    assert_eq!(steps(&sweeps(&world, 20).await), 0);
    let stopped = [("stop".to_owned(), "owner-running".to_owned())];
    assert_eq!(operations(&world, ID).await, stopped);
    assert_eq!(operations(&world, OTHER).await, []);
    assert_eq!(operations(&world, "demo-setup").await, []);
}

#[tokio::test]
async fn a_stop_that_railway_has_not_told_of_yet_is_not_undone() {
    let (world, _people) = world().await;
    behave(&world, ID, Behaviour::Unreachable);
    sweeps(&world, 4).await;
    // The listing of this minute is there when the owner stops the agent.
    world.clock.advance(SignedDuration::from_secs(60));
    let now = world.clock.now();
    let mut settings = world.stack.sweep_dependencies.settings;
    settings.listing_interval = SignedDuration::from_mins(5);
    let sweep = Coordinator::new(world.sweeper(&world.stack.connection, true, settings));
    let path = format!("/api/instance/{ID}/stop");
    assert_eq!(world.owner_of(ID).post(&path).await.status, 200);
    let summary = made(world.try_sweep(&sweep, now).await).summary;
    assert_eq!(
        (summary.healing_restarts, summary.healing_postponed),
        (0, 1)
    );
    let stopped = [("stop".to_owned(), "owner-running".to_owned())];
    assert_eq!(operations(&world, ID).await, stopped);
}

#[tokio::test]
async fn a_maintenance_window_spares_an_agent_until_it_is_over() {
    let (world, people) = world().await;
    let window = "/api/openclaw/maintenance-windows/work";
    let body = json!({
        "from": "2026-04-04T03:00:00Z", "until": "2026-04-04T04:00:00Z", "instanceId": ID,
    });
    let operator = world.platform();
    assert_eq!(operator.put(window, &body).await.status, 201);
    behave(&world, ID, Behaviour::Unreachable);
    let summaries = sweeps(&world, 10).await;
    assert_eq!(steps(&summaries), 0);
    assert_eq!(summaries.last().unwrap().healing_postponed, 1);
    let removed = operator.send(Method::DELETE, window, "").await;
    assert_eq!(removed.status, 200, "{}", removed.body);
    assert_eq!(steps(&sweeps(&world, 1).await), 1);
    assert_eq!(operations(&world, ID).await, [healed("restart")]);
    // The window was for alerts too.
    assert_eq!(people.alerts().len(), 1, "down, when it was over");
}

#[tokio::test]
async fn nothing_is_done_while_railway_cannot_be_listed() {
    let (world, _people) = world().await;
    behave(&world, ID, Behaviour::Unreachable);
    sweeps(&world, 4).await;
    let fault = || Fault::Errors("not today".to_owned());
    for _ in 0..3 {
        world.railway().inject_into("Fleet", [fault()]);
        assert_eq!(steps(&sweeps(&world, 1).await), 0);
    }
    assert_eq!(steps(&sweeps(&world, 1).await), 1);
}

#[tokio::test]
async fn a_damaged_record_of_healing_is_counted_and_stops_nobody() {
    let (world, _people) = world().await;
    let mut record = world.records.instance(OTHER).await;
    record["healing"] = json!({"revision": 1, "tries": [{"step": "dance", "at": "today"}]});
    world.records.put_instance(&record).await;
    behave(&world, ID, Behaviour::Unreachable);
    let summaries = sweeps(&world, 5).await;
    assert_eq!(steps(&summaries), 1);
    assert!(summaries.iter().all(|it| it.unreadable == 1));
    let kept = world.records.instance(OTHER).await;
    assert_eq!(kept["healing"]["tries"][0]["step"], "dance");
    assert_ne!(kept["observed"], Value::Null);
}
