//! What sweeps do about agents that fail, with `SELF_HEALING=on`.

use std::time::Duration;

use common::clock::Clock;
use common::config::{ALERT_WEBHOOK_URLS, SELF_HEALING, SELF_HEALING_AFTER, SELF_HEALING_STEPS};
use common::control::Controls;
use common::store::Operations;
use jiff::SignedDuration;
use local::agents::Behaviour;
use local::railway::Fault;
use serde_json::{Value, json};
use sweep::{Coordinator, Summary};
use tests::{Builder, Fate, FaultyDynamoDb, Reply, World, made};
use tokio::time::{sleep, timeout};

use crate::support::people::People;

pub(crate) const ID: &str = "demo-running";
pub(crate) const OTHER: &str = "demo-legacy";

/// A world that heals, in which all seven agents are up, and the people who are
/// alerted.
pub(crate) async fn world() -> (World, People) {
    world_of(World::with(SELF_HEALING, "on")).await
}

pub(crate) async fn world_of(builder: Builder) -> (World, People) {
    let people = People::start().await;
    let builder = builder.with(ALERT_WEBHOOK_URLS, people.server.url());
    let world = builder.stage(Duration::from_millis(5)).start().await;
    for agent in &world.stack.agents {
        behave(&world, &agent.instance_id, Behaviour::Running);
    }
    assert_eq!(world.sweep().await.summary.conditions.up, 7);
    (world, people)
}

pub(crate) fn behave(world: &World, id: &str, behaviour: Behaviour) {
    let agent = world.stack.simulated(id).unwrap();
    agent.set(behaviour).unwrap();
}

/// What some sweeps did, each one.
pub(crate) async fn sweeps(world: &World, times: usize) -> Vec<Summary> {
    let mut all = Vec::new();
    for _ in 0..times {
        all.push(world.sweep().await.summary);
    }
    all
}

pub(crate) fn steps(summaries: &[Summary]) -> u32 {
    let steps = summaries.iter();
    steps
        .map(|it| it.healing_restarts + it.healing_repairs)
        .sum()
}

/// Controls and who wanted them, oldest first.
pub(crate) async fn operations(world: &World, id: &str) -> Vec<(String, String)> {
    let path = format!("/api/instance/{id}/operations");
    let answer = world.owner_of(id).get(&path).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let all = answer.body["operations"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.rev()
        .map(|it| (text(&it["control"]), text(&it["requestedBy"])))
        .collect()
}

pub(crate) fn healed(control: &str) -> (String, String) {
    (control.to_owned(), "self-healing".to_owned())
}

/// Waits until Railway has the agent run again, and has it fail once more.
async fn fail_again(world: &World, id: &str, behaviour: Behaviour) {
    came_back(world, id).await;
    behave(world, id, behaviour);
}

async fn came_back(world: &World, id: &str) {
    let agent = world.stack.simulated(id).unwrap();
    let waiting = async {
        while agent.behaviour() != Behaviour::Running {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(10), waiting).await.unwrap();
}

/// Alerts of self-healing.
fn pages(people: &People) -> Vec<Value> {
    let mut alerts = people.alerts();
    alerts.retain(|it| it["dedupKey"].as_str().unwrap().ends_with(":healing"));
    alerts
}

#[tokio::test]
async fn an_agent_that_stays_down_is_restarted_repaired_and_given_up() {
    let (world, people) = world().await;
    behave(&world, ID, Behaviour::Unreachable);
    assert_eq!(steps(&sweeps(&world, 4).await), 0);
    let summary = world.sweep().await.summary;
    assert_eq!((summary.healing_restarts, summary.healing_repairs), (1, 0));
    fail_again(&world, ID, Behaviour::Unreachable).await;
    assert_eq!(steps(&sweeps(&world, 4).await), 0);
    let summary = world.sweep().await.summary;
    assert_eq!((summary.healing_restarts, summary.healing_repairs), (0, 1));
    fail_again(&world, ID, Behaviour::Unreachable).await;
    assert_eq!(
        operations(&world, ID).await,
        [healed("restart"), healed("repair")]
    );
    assert_eq!(pages(&people), Vec::<Value>::new());

    // Three minutes of grace for the deployment, and five sweeps.
    let summaries = sweeps(&world, 7).await;
    let given_up: Vec<u32> = summaries.iter().map(|it| it.healing_given_up).collect();
    assert_eq!(given_up, [0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(steps(&sweeps(&world, 20).await), 0);
    assert_eq!(operations(&world, ID).await.len(), 2);
    assert_eq!(
        pages(&people),
        [json!({
            "severity": "critical", "title": "Agent beyond self-healing",
            "text": "Tried: restart at 2026-04-04T03:16:00.000Z; repair at \
                     2026-04-04T03:21:00.000Z. It is still down. Nothing more is tried. Owner: \
                     owner-running.",
            "instanceId": ID, "time": "2026-04-04T03:28:00.000Z",
            "dedupKey": "demo-running@2026-04-04T03:28:00Z:healing",
        })]
    );
    let mut healing = world.records.instance(ID).await["healing"].clone();
    healing["revision"].take();
    healing["process"].take();
    assert_eq!(
        healing,
        json!({
            "revision": null, "process": null, "since": "2026-04-04T03:12:00Z",
            "tries": [
                {"step": "restart", "at": "2026-04-04T03:16:00Z"},
                {"step": "repair", "at": "2026-04-04T03:21:00Z"},
            ],
            "end": {"why": "exhausted", "at": "2026-04-04T03:28:00Z"},
        })
    );
}

#[tokio::test]
async fn an_agent_that_a_restart_brings_back_is_not_repaired_and_has_its_chances_again_later() {
    let (world, people) = world().await;
    behave(&world, ID, Behaviour::Stopped);
    assert_eq!(steps(&sweeps(&world, 5).await), 1);
    came_back(&world, ID).await;
    assert_eq!(steps(&sweeps(&world, 20).await), 0);
    assert_eq!(operations(&world, ID).await, [healed("restart")]);
    assert_eq!(world.condition(ID).await, "up");
    // It fails again before it was well for long: a restart was no help.
    behave(&world, ID, Behaviour::Stopped);
    assert_eq!(steps(&sweeps(&world, 5).await), 1);
    came_back(&world, ID).await;
    let both = [healed("restart"), healed("repair")];
    assert_eq!(operations(&world, ID).await, both);
    // And after it was, it is another failure.
    assert_eq!(steps(&sweeps(&world, 40).await), 0);
    let healing = world.records.instance(ID).await["healing"].clone();
    assert_eq!(
        (&healing["tries"], &healing["since"]),
        (&json!(null), &json!(null))
    );
    behave(&world, ID, Behaviour::Stopped);
    assert_eq!(steps(&sweeps(&world, 5).await), 1);
    assert_eq!(
        operations(&world, ID).await.last(),
        Some(&healed("restart"))
    );
    assert_eq!(pages(&people), Vec::<Value>::new());
}

#[tokio::test]
async fn a_hanging_agent_and_a_crashed_one_are_restarted() {
    let builder = World::with(SELF_HEALING, "on").with(SELF_HEALING_AFTER, "1");
    let (world, _people) = world_of(builder).await;
    behave(&world, "demo-hanging", Behaviour::Hanging);
    behave(&world, ID, Behaviour::Unreachable);
    let service = "service-agentbot-agent-demo-running";
    world.railway().set_status(service, "CRASHED");
    assert_eq!(steps(&sweeps(&world, 3).await), 2);
    for id in [ID, "demo-hanging"] {
        came_back(&world, id).await;
        assert_eq!(operations(&world, id).await, [healed("restart")]);
    }
    sweeps(&world, 4).await;
    assert_eq!(world.condition(ID).await, "up");
    assert_eq!(world.condition("demo-hanging").await, "up");
}

#[tokio::test]
async fn a_crash_loop_is_told_at_once_and_nothing_is_tried() {
    let (world, people) = world().await;
    // It is well whenever somebody looks.
    for _ in 0..2 {
        behave(&world, ID, Behaviour::Running);
        assert_eq!(world.sweep().await.summary.crash_loops, 0);
    }
    behave(&world, ID, Behaviour::Running);
    assert_eq!(world.sweep().await.summary.crash_loops, 1);
    let page = json!({
        "severity": "critical", "title": "Agent in a crash loop",
        "text": "Its process ended by itself at 2026-04-04T03:11:00.000Z, \
                 2026-04-04T03:12:00.000Z, 2026-04-04T03:13:00.000Z. Nothing more is tried. Owner: \
                 owner-running.",
        "instanceId": ID, "time": "2026-04-04T03:14:00.000Z",
        "dedupKey": "demo-running@2026-04-04T03:14:00Z:healing",
    });
    assert_eq!(people.alerts(), [page]);
    // Not even when it is down at last.
    behave(&world, ID, Behaviour::Unreachable);
    assert_eq!(steps(&sweeps(&world, 20).await), 0);
    assert_eq!(operations(&world, ID).await, []);
    assert_eq!(pages(&people).len(), 1);
}

#[tokio::test]
async fn restarts_that_an_owner_orders_are_no_crashes() {
    let (world, people) = world().await;
    for _ in 0..4 {
        let path = format!("/api/instance/{ID}/restart");
        assert_eq!(world.owner_of(ID).post(&path).await.status, 200);
        came_back(&world, ID).await;
        assert_eq!(world.sweep().await.summary.crash_loops, 0);
    }
    assert_eq!(people.alerts(), Vec::<Value>::new());
}

#[tokio::test]
async fn two_sweeps_at_once_make_one_step_and_so_does_one_delivered_twice() {
    let (world, _people) = world().await;
    let other = Coordinator::new(world.sweeper(
        &world.stack.connection,
        true,
        world.stack.sweep_dependencies.settings,
    ));
    behave(&world, ID, Behaviour::Unreachable);
    sweeps(&world, 4).await;
    for expected in [
        vec![healed("restart")],
        vec![healed("restart"), healed("repair")],
    ] {
        world.clock.advance(SignedDuration::from_secs(60));
        let now = world.clock.now();
        let (one, two) = tokio::join!(
            world.try_sweep(&world.stack.sweep, now),
            world.try_sweep(&other, now),
        );
        let again = made(world.try_sweep(&other, now).await).summary;
        let all = [made(one).summary, made(two).summary, again];
        assert_eq!(steps(&all), 1);
        assert_eq!(operations(&world, ID).await, expected);
        fail_again(&world, ID, Behaviour::Unreachable).await;
        sweeps(&world, 4).await;
    }
}

#[tokio::test]
async fn what_railway_fails_is_tried_again_and_told_in_the_end() {
    let (world, people) = world().await;
    behave(&world, ID, Behaviour::Unreachable);
    sweeps(&world, 4).await;
    for (failed, taken) in [(1, 0), (1, 0), (0, 1)] {
        if failed > 0 {
            // Located, and refused.
            let fault = Fault::Errors("not today".to_owned());
            world.railway().inject_into("Restart", [fault]);
        }
        let summary = world.sweep().await.summary;
        assert_eq!((summary.healing_failed, steps(&[summary])), (failed, taken));
        let failed = sweeps(&world, 4)
            .await
            .iter()
            .map(|it| it.healing_failed)
            .sum::<u32>();
        assert_eq!(failed, 0);
    }
    came_back(&world, ID).await;
    let all = ["restart", "restart", "repair"].map(healed);
    assert_eq!(operations(&world, ID).await, all);
    behave(&world, ID, Behaviour::Unreachable);
    sweeps(&world, 12).await;
    let text = pages(&people)[0]["text"].as_str().unwrap().to_owned();
    let failure = "restart at 2026-04-04T03:16:00.000Z, which failed: ";
    assert!(
        text.contains(failure) && text.contains("not today"),
        "{text}"
    );
}

#[tokio::test]
async fn a_page_that_nobody_takes_is_sent_again() {
    let (world, people) = world().await;
    for _ in 0..2 {
        behave(&world, ID, Behaviour::Running);
        world.sweep().await;
    }
    people.answer_first([Reply::http(404, "text/plain", "")]);
    behave(&world, ID, Behaviour::Running);
    let summary = world.sweep().await.summary;
    assert_eq!((summary.crash_loops, summary.alerts_failed), (1, 1));
    sweeps(&world, 5).await;
    let told = pages(&people);
    assert_eq!(told.len(), 2);
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn no_more_steps_are_taken_in_a_sweep_than_are_allowed() {
    let builder = World::with(SELF_HEALING, "on").with(SELF_HEALING_STEPS, "1");
    let (world, _people) = world_of(builder).await;
    // Both are due when the window is over.
    let window = "/api/openclaw/maintenance-windows/work";
    let body = json!({"from": "2026-04-04T03:00:00Z", "until": "2026-04-04T03:20:30Z"});
    assert_eq!(world.platform().put(window, &body).await.status, 201);
    behave(&world, ID, Behaviour::Unreachable);
    sweeps(&world, 1).await;
    behave(&world, OTHER, Behaviour::Unreachable);
    assert_eq!(steps(&sweeps(&world, 8).await), 0);
    // Who is down for longer comes first.
    let summary = world.sweep().await.summary;
    let done = (summary.healing_restarts, summary.healing_postponed);
    assert_eq!(done, (1, 1));
    assert_eq!(operations(&world, ID).await, [healed("restart")]);
    assert_eq!(operations(&world, OTHER).await, []);
    let summary = world.sweep().await.summary;
    let done = (summary.healing_restarts, summary.healing_postponed);
    assert_eq!(done, (1, 0));
    assert_eq!(operations(&world, OTHER).await, [healed("restart")]);
}

#[tokio::test]
async fn a_step_that_could_not_be_noted_is_noted_later_and_not_taken_twice() {
    let (world, _people) = world().await;
    behave(&world, ID, Behaviour::Unreachable);
    sweeps(&world, 4).await;
    let dynamodb = FaultyDynamoDb::start(&world.stack.dynamodb).await;
    let connection = dynamodb.connect().await;
    let settings = world.stack.sweep_dependencies.settings;
    let other = Coordinator::new(world.sweeper(&connection, true, settings));
    dynamodb.decide(|operation, body| match operation {
        "UpdateItem" if body.contains("tries") => Fate::Failed,
        _ => Fate::Answered,
    });
    world.sweep_with(&other).await;
    assert_eq!(operations(&world, ID).await, [healed("restart")]);
    fail_again(&world, ID, Behaviour::Unreachable).await;
    let tries = async || world.records.instance(ID).await["healing"]["tries"].clone();
    assert_eq!(tries().await, Value::Null);
    world.sweep().await;
    assert_eq!(operations(&world, ID).await, [healed("restart")]);
    let tried = json!([{"step": "restart", "at": "2026-04-04T03:17:00Z"}]);
    assert_eq!(tries().await, tried);
}

#[tokio::test]
async fn a_step_waits_for_a_store_that_fails() {
    let (world, _people) = world().await;
    behave(&world, ID, Behaviour::Unreachable);
    sweeps(&world, 4).await;
    let dynamodb = FaultyDynamoDb::start(&world.stack.dynamodb).await;
    let connection = dynamodb.connect().await;
    let mut other = world.sweeper(
        &world.stack.connection,
        true,
        world.stack.sweep_dependencies.settings,
    );
    let controls = world.stack.sweep_dependencies.controls.clone().unwrap();
    let table = world.stack.tables.operations.clone();
    other.controls = Some(Controls {
        operations: Operations::new(connection, table),
        ..controls
    });
    let other = Coordinator::new(other);
    dynamodb.decide(|_, _| Fate::Failed);
    let summary = world.sweep_with(&other).await.summary;
    assert_eq!((summary.healing_postponed, summary.healing_failed), (1, 0));
    assert_eq!(operations(&world, ID).await, []);
    assert_eq!(steps(&sweeps(&world, 1).await), 1);
}
