//! Who is told of what sweeps find, by `ALERT_WEBHOOK_URLS`, and who is not.

use common::clock::Clock;
use common::config::{ALERT_FLEET_MIN, ALERT_FLEET_SHARE, ALERT_WEBHOOK_URLS};
use http::Method;
use jiff::SignedDuration;
use local::agents::Behaviour;
use serde_json::{Value, json};
use sweep::{Coordinator, Settings, Summary};
use tests::{Reply, ScriptedServer, World, made};

use crate::support::people::People;

const ID: &str = "demo-running";
const OTHER: &str = "demo-legacy";
const SERVICE: &str = "service-agentbot-agent-demo-running";
const WINDOW: &str = "/api/openclaw/maintenance-windows/work";

/// A world in which all seven agents are up, and the people who are alerted.
async fn world() -> (World, People) {
    let people = People::start().await;
    let world = world_that_alerts(people.server.url()).await;
    (world, people)
}

async fn world_that_alerts(urls: &str) -> World {
    let world = World::with(ALERT_WEBHOOK_URLS, urls)
        .with(ALERT_FLEET_MIN, "3")
        .with(ALERT_FLEET_SHARE, "40")
        .start()
        .await;
    for agent in &world.stack.agents {
        behave(&world, &agent.instance_id, Behaviour::Running);
    }
    let summary = world.sweep().await.summary;
    assert_eq!(summary.conditions.up, 7);
    world
}

fn behave(world: &World, id: &str, behaviour: Behaviour) {
    let agent = world.stack.simulated(id).unwrap();
    agent.set(behaviour).unwrap();
}

/// What the last of some sweeps did.
async fn sweeps(world: &World, times: usize) -> Summary {
    let mut last = world.sweep().await.summary;
    for _ in 1..times {
        last = world.sweep().await.summary;
    }
    last
}

fn down(id: &str) -> String {
    format!("\"Agent down\": \"{id}\"")
}

fn up(id: &str) -> String {
    format!("\"Agent up again\": \"{id}\"")
}

#[tokio::test]
async fn people_are_told_of_a_killed_agent_and_of_its_return_once_each() {
    let (world, people) = world().await;
    behave(&world, ID, Behaviour::Unreachable);
    sweeps(&world, 2).await;
    assert_eq!(people.told(), Vec::<String>::new());
    let summary = sweeps(&world, 1).await;
    assert_eq!((summary.alerts_sent, summary.alerts_failed), (1, 0));
    let owed = &world.records.instance(ID).await["owed"];
    assert_eq!(owed, &Value::Null, "people know");
    sweeps(&world, 3).await;
    behave(&world, ID, Behaviour::Running);
    sweeps(&world, 5).await;
    assert_eq!(
        people.alerts(),
        [
            json!({
                "severity": "critical", "title": "Agent down",
                "text": "No probe succeeded: request failed: connection refused. Down since \
                         2026-04-04T03:12:00.000Z. Owner: owner-running.",
                "instanceId": ID, "time": "2026-04-04T03:14:00.000Z",
                "dedupKey": "demo-running@2026-04-04T03:14:00Z",
            }),
            json!({
                "severity": "info", "title": "Agent up again",
                "text": "Up since 2026-04-04T03:18:00.000Z. Owner: owner-running. It was down \
                         since 2026-04-04T03:12:00.000Z.",
                "instanceId": ID, "time": "2026-04-04T03:19:00.000Z",
                "dedupKey": "demo-running@2026-04-04T03:19:00Z",
            }),
        ]
    );
    let record = world.records.instance(ID).await;
    assert_eq!(
        (&record["owed"], &record["alerted"]),
        (&json!(null), &json!(null))
    );
}

#[tokio::test]
async fn nobody_is_told_of_an_agent_that_flaps_is_stopped_or_sleeps() {
    let (world, people) = world().await;
    for well in [false, true, false, false, true, false, true] {
        let behaviour = if well {
            Behaviour::Running
        } else {
            Behaviour::Unreachable
        };
        behave(&world, ID, behaviour);
        world.sweep().await;
    }
    behave(&world, OTHER, Behaviour::Unreachable);
    let path = format!("/api/instance/{OTHER}/stop");
    assert_eq!(world.owner_of(OTHER).post(&path).await.status, 200);
    world.railway().set_status(SERVICE, "SLEEPING");
    sweeps(&world, 4).await;
    assert_eq!(world.condition(OTHER).await, "stopped");
    assert_eq!(world.condition(ID).await, "sleeping");
    world.railway().set_status(SERVICE, "SUCCESS");
    sweeps(&world, 2).await;
    assert_eq!(world.condition(ID).await, "up");
    assert_eq!(people.told(), Vec::<String>::new());
}

#[tokio::test]
async fn a_webhook_that_fails_twice_is_asked_again() {
    let (world, people) = world().await;
    people.answer_first([Reply::http(503, "text/plain", ""), Reply::raw("")]);
    behave(&world, ID, Behaviour::Unreachable);
    let summary = sweeps(&world, 3).await;
    assert_eq!(people.told(), [down(ID), down(ID), down(ID)]);
    assert_eq!((summary.alerts_sent, summary.alerts_failed), (1, 0));
}

#[tokio::test]
async fn what_nobody_took_is_told_by_a_later_sweep_of_any_process() {
    let (world, people) = world().await;
    people.answer_first([Reply::http(404, "text/plain", "")]);
    behave(&world, ID, Behaviour::Unreachable);
    let summary = sweeps(&world, 3).await;
    assert_eq!((summary.alerts_sent, summary.alerts_failed), (0, 1));
    let other = Coordinator::new(world.sweeper(&world.stack.connection, true, Settings::default()));
    // Whoever has it may still be telling it.
    let summary = world.sweep_with(&other).await.summary;
    assert_eq!(summary.alerts_sent, 0);
    let summary = world.sweep_with(&other).await.summary;
    assert_eq!(summary.alerts_sent, 1);
    sweeps(&world, 3).await;
    assert_eq!(people.told(), [down(ID), down(ID)]);
    assert_eq!(people.alerts()[0], people.alerts()[1]);
}

#[tokio::test]
async fn trouble_that_is_over_before_anybody_could_be_told_is_told_as_that() {
    let (world, people) = world().await;
    people.answer_first([Reply::http(404, "text/plain", "")]);
    behave(&world, ID, Behaviour::Unreachable);
    sweeps(&world, 3).await;
    people.answer_first([Reply::http(404, "text/plain", "")]);
    behave(&world, ID, Behaviour::Running);
    sweeps(&world, 6).await;
    // Both were refused at first, and only the end is still true.
    assert_eq!(people.told(), [down(ID), up(ID), up(ID)]);
}

#[tokio::test]
async fn one_webhook_that_is_never_there_has_nobody_told_twice() {
    let gone = ScriptedServer::always(Reply::http(404, "text/plain", "")).await;
    let people = People::start().await;
    let urls = format!("{}/a, {}/b", gone.url(), people.server.url());
    let world = world_that_alerts(&urls).await;
    behave(&world, ID, Behaviour::Unreachable);
    sweeps(&world, 6).await;
    assert_eq!(people.told(), [down(ID)]);
    assert_eq!(gone.requests().len(), 1);
}

#[tokio::test]
async fn of_two_sweeps_at_the_same_time_one_tells() {
    let (world, people) = world().await;
    let other = Coordinator::new(world.sweeper(&world.stack.connection, true, Settings::default()));
    behave(&world, ID, Behaviour::Unreachable);
    for _ in 0..6 {
        world.clock.advance(SignedDuration::from_secs(60));
        let now = world.clock.now();
        let (one, two) = tokio::join!(
            world.try_sweep(&world.stack.sweep, now),
            world.try_sweep(&other, now),
        );
        made(one);
        made(two);
    }
    assert_eq!(people.told(), [down(ID)]);
}

#[tokio::test]
async fn when_most_of_the_fleet_fails_people_get_one_alert_and_one_when_it_is_over() {
    let (world, people) = world().await;
    let other = Coordinator::new(world.sweeper(
        &world.stack.connection,
        true,
        world.stack.sweep_dependencies.settings,
    ));
    let failing = ["running", "legacy", "setup", "starting", "stopped"];
    let failing = failing.map(|name| format!("demo-{name}"));
    for id in &failing {
        behave(&world, id, Behaviour::Unreachable);
    }
    sweeps(&world, 2).await;
    // Two processes find it at the same time.
    world.clock.advance(SignedDuration::from_secs(60));
    let now = world.clock.now();
    let (one, two) = tokio::join!(
        world.try_sweep(&world.stack.sweep, now),
        world.try_sweep(&other, now),
    );
    let both = [made(one).summary, made(two).summary];
    let sum = |of: fn(&Summary) -> u32| both.iter().map(of).sum::<u32>();
    assert_eq!(sum(|it| it.alerts_sent), 1);
    assert_eq!(sum(|it| it.alerts_in_incident), 5);
    assert!(both.iter().all(|it| it.incident));
    // One more goes down within it.
    behave(&world, "demo-hanging", Behaviour::Unreachable);
    let summary = sweeps(&world, 3).await;
    assert_eq!((summary.alerts_sent, summary.alerts_in_incident), (0, 1));
    assert_eq!(
        people.told(),
        ["\"A large part of the fleet is down\": null"]
    );

    for id in &failing {
        behave(&world, id, Behaviour::Running);
    }
    sweeps(&world, 6).await;
    let alerts = people.alerts();
    assert_eq!(
        alerts,
        [
            json!({
                "severity": "critical", "title": "A large part of the fleet is down",
                "text": "5 of 7 agents that a sweep checked went down since \
                         2026-04-04T03:12:00.000Z. Single agents cause no alerts while this \
                         incident is open.",
                "instanceId": null, "time": "2026-04-04T03:14:00.000Z",
                "dedupKey": "fleet@2026-04-04T03:14:00Z",
            }),
            json!({
                "severity": "info", "title": "The fleet is up again",
                "text": "The incident that began at 2026-04-04T03:12:00.000Z is over. Of its \
                         agents that the last sweep checked, 1 are still down.",
                "instanceId": null, "time": "2026-04-04T03:20:00.000Z",
                "dedupKey": "fleet@2026-04-04T03:14:00Z:over",
            }),
        ]
    );
    // After it, an agent is an agent again.
    behave(&world, ID, Behaviour::Unreachable);
    sweeps(&world, 3).await;
    assert!(people.told().contains(&down(ID)), "{:?}", people.told());
}

#[tokio::test]
async fn an_incident_that_nobody_heard_of_is_told_by_a_later_sweep() {
    let (world, people) = world().await;
    people.answer_first([Reply::http(404, "text/plain", "")]);
    for id in [ID, OTHER, "demo-setup", "demo-starting"] {
        behave(&world, id, Behaviour::Unreachable);
    }
    let summary = sweeps(&world, 3).await;
    assert_eq!((summary.alerts_sent, summary.alerts_failed), (0, 1));
    sweeps(&world, 4).await;
    let incident = "\"A large part of the fleet is down\": null";
    assert_eq!(people.told(), [incident, incident]);
}

#[tokio::test]
async fn a_maintenance_window_keeps_alerts_back_until_it_is_over() {
    let (world, people) = world().await;
    let body = json!({
        "from": "2026-04-04T03:00:00Z", "until": "2026-04-04T04:00:00Z", "instanceId": ID,
    });
    let operator = world.platform();
    assert_eq!(operator.put(WINDOW, &body).await.status, 201);
    behave(&world, ID, Behaviour::Unreachable);
    behave(&world, OTHER, Behaviour::Unreachable);
    let summary = sweeps(&world, 3).await;
    assert_eq!((summary.alerts_sent, summary.alerts_silenced), (1, 1));
    assert_eq!(people.told(), [down(OTHER)]);
    // What is still down when it is over is told then.
    sweeps(&world, 4).await;
    assert_eq!(people.told(), [down(OTHER)]);
    let removed = operator.send(Method::DELETE, WINDOW, "").await;
    removed.is(200, json!({"id": "work", "removed": true}));
    sweeps(&world, 2).await;
    assert_eq!(people.told(), [down(OTHER), down(ID)]);
}

#[tokio::test]
async fn trouble_that_comes_and_goes_in_a_window_is_never_told() {
    let (world, people) = world().await;
    let body = json!({"from": "2026-04-04T03:00:00Z", "until": "2026-04-04T03:30:00Z"});
    assert_eq!(world.platform().put(WINDOW, &body).await.status, 201);
    // Not even that it is most of the fleet.
    let failing = [ID, OTHER, "demo-setup", "demo-starting"];
    for id in failing {
        behave(&world, id, Behaviour::Unreachable);
    }
    let summary = sweeps(&world, 3).await;
    assert_eq!((summary.alerts_sent, summary.alerts_silenced), (0, 1));
    for id in failing {
        behave(&world, id, Behaviour::Running);
    }
    sweeps(&world, 30).await;
    assert_eq!(world.condition(ID).await, "up");
    assert_eq!(people.told(), Vec::<String>::new());
}
