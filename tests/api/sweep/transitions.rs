//! What sweeps make of agents that fail, recover, flap and stay as they are.

use common::watch::{Condition, Symptom};
use jiff::SignedDuration;
use local::agents::Behaviour;
use serde_json::{Value, json};
use sweep::Report;
use tests::World;

const ID: &str = "demo-running";

/// A world in which every sweep is over soon.
async fn world() -> World {
    let world = World::start().await;
    world.wake_the_hanging();
    world
}

fn behave(world: &World, id: &str, behaviour: Behaviour) {
    let agent = world.stack.simulated(id).unwrap();
    agent.set(behaviour).unwrap();
}

/// The transitions of an agent that a sweep hands on.
fn transitions(report: &Report, id: &str) -> Vec<(Option<Condition>, Condition)> {
    let all = report.transitions.iter();
    let own = all.filter(|it| it.instance.as_str() == id);
    own.map(|it| (it.transition.from, it.transition.to))
        .collect()
}

#[tokio::test]
async fn the_first_sweep_sees_every_agent_as_it_is() {
    let world = World::start().await;
    let report = world.sweep().await;
    for (id, condition) in [
        ("demo-running", "up"),
        ("demo-legacy", "up"),
        ("demo-setup", "setup"),
        ("demo-starting", "starting"),
        ("demo-stopped", "starting"),
        ("demo-unreachable", "starting"),
        ("demo-hanging", "starting"),
    ] {
        assert_eq!(world.condition(id).await, condition, "{id}");
    }
    let summary = serde_json::to_value(&report.summary).unwrap();
    for (field, value) in [
        ("sweep", json!("2026-04-04T03:11:00Z")),
        ("listing", json!("listed")),
        ("instances", json!(7)),
        ("probed", json!(7)),
        ("transitions", json!(7)),
        ("writes", json!(7)),
        ("notReached", json!(0)),
        ("storeErrors", json!(0)),
        (
            "conditions",
            json!({"up": 2, "starting": 4, "down": 0, "setup": 1, "stopped": 0, "sleeping": 0}),
        ),
    ] {
        assert_eq!(summary[field], value, "{field} of {summary}");
    }
    // The hanging one takes the whole limit of a probe, and the others do not.
    assert!(summary["p50Ms"].as_u64() < Some(5000), "{summary}");
    assert!(summary["p99Ms"].as_u64() >= Some(5000), "{summary}");
}

#[tokio::test]
async fn a_killed_agent_is_down_after_three_failures_and_up_after_two_successes() {
    let world = world().await;
    world.sweep().await;
    behave(&world, ID, Behaviour::Unreachable);
    for _ in 0..2 {
        let report = world.sweep().await;
        assert_eq!(transitions(&report, ID), []);
        assert_eq!(world.condition(ID).await, "up");
    }
    let report = world.sweep().await;
    let [announced] = &report.transitions[..] else {
        panic!("one transition of the killed one: {:?}", report.transitions);
    };
    assert_eq!(announced.instance.as_str(), ID);
    assert_eq!(announced.owner.as_str(), "owner-running");
    let down = &announced.transition;
    assert_eq!((down.from, down.to), (Some(Condition::Up), Condition::Down));
    assert_eq!(down.since.to_string(), "2026-04-04T03:12:00Z");
    assert_eq!(down.scheduled_at.to_string(), "2026-04-04T03:14:00Z");
    let trouble = down.trouble.as_ref().unwrap();
    assert_eq!(trouble.symptom, Symptom::Unreachable);
    let refused = "No probe succeeded: request failed: connection refused";
    assert_eq!(trouble.reason, refused);

    behave(&world, ID, Behaviour::Running);
    assert_eq!(transitions(&world.sweep().await, ID), []);
    assert_eq!(world.condition(ID).await, "down");
    let report = world.sweep().await;
    let up = (Some(Condition::Down), Condition::Up);
    assert_eq!(transitions(&report, ID), [up]);

    let change = |at: &str, detected: &str, from: Value, to: &str, why: Option<&str>| {
        json!({
            "at": format!("2026-04-04T{at}.000Z"), "detectedAt": format!("2026-04-04T{detected}.000Z"),
            "from": from, "to": to, "symptom": why.map(|_| "unreachable"), "reason": why,
            "degraded": [],
        })
    };
    let mut history = world.history(ID).await;
    let buckets = history["buckets"].take();
    assert_eq!(
        history,
        json!({
            "userId": ID,
            "from": "2026-04-03T03:16:00.000Z",
            "until": "2026-04-04T03:16:00.000Z",
            "condition": "up",
            "since": "2026-04-04T03:15:00.000Z",
            "degraded": [],
            "observedAt": "2026-04-04T03:16:00.000Z",
            // Up for a minute, down for three, up for another one.
            "uptimePercent": 40.0,
            "seconds": {
                "up": 120, "starting": 0, "down": 180, "setup": 0, "stopped": 0, "sleeping": 0,
                "unobserved": 24 * 3600 - 300,
            },
            "transitions": [
                change("03:15:00", "03:16:00", json!("down"), "up", None),
                change("03:12:00", "03:14:00", json!("up"), "down", Some(refused)),
                change("03:11:00", "03:11:00", Value::Null, "up", None),
            ],
            "transitionsOmitted": 0,
            "buckets": null,
        })
    );
    assert_eq!(buckets[0]["hour"], "2026-04-04T03:00:00.000Z");
    assert_eq!(buckets[0]["probes"], 6);
    assert_eq!(buckets[0]["failures"], 3);
    assert!(buckets[0]["p50Ms"].is_u64(), "{buckets}");
    assert_eq!(buckets.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_hanging_agent_is_down_too_and_holds_up_no_other() {
    let world = World::start().await;
    let mut slowest = 0;
    for _ in 0..3 {
        slowest = world.sweep().await.summary.duration_ms.max(slowest);
    }
    assert_eq!(world.condition("demo-hanging").await, "down");
    assert_eq!(world.condition(ID).await, "up");
    // One limit of five seconds, not one for each path.
    assert!(slowest < 9_000, "{slowest} ms");
}

#[tokio::test]
async fn a_flapping_agent_is_announced_once() {
    let world = world().await;
    for well in [true, false, true, false, false, true, false, false, true] {
        let behaviour = if well {
            Behaviour::Running
        } else {
            Behaviour::Unreachable
        };
        behave(&world, ID, behaviour);
        world.sweep().await;
        assert_eq!(world.condition(ID).await, "up");
    }
    assert_eq!(world.records.history(ID, "transition#").await.len(), 1);
}

#[tokio::test]
async fn a_steady_fleet_is_written_once_a_heartbeat() {
    let world = world().await;
    // Until those that are down are.
    for _ in 0..3 {
        world.sweep().await;
    }
    let mut writes = 0;
    for _ in 0..15 {
        let summary = world.sweep().await.summary;
        assert_eq!(summary.transitions, 0);
        writes += summary.writes;
    }
    assert_eq!(writes, 7, "each agent once in fifteen minutes");
}

#[tokio::test]
async fn a_registration_keeps_what_sweeps_have_seen() {
    let world = world().await;
    world.sweep().await;
    let before = world.records.instance(ID).await["observed"].clone();
    let body = json!({"ownerId": "owner-running", "plan": "label", "metadata": {"a": 1}});
    let path = format!("/api/openclaw/instances/{ID}");
    assert_eq!(world.platform().put(&path, &body).await.status, 200);
    assert_eq!(world.records.instance(ID).await["observed"], before);
    assert_eq!(before["condition"], "up");
    for path in ["", "/stats"] {
        let path = format!("/api/instance/{ID}{path}");
        let answer = world.owner_of(ID).get(&path).await;
        assert_eq!(
            answer.body["observedAt"], "2026-04-04T03:11:00.000Z",
            "{path}"
        );
    }
}

#[tokio::test]
async fn damaged_records_are_counted_and_stop_nobody() {
    let world = world().await;
    let records = [
        json!({"instanceId": "broken", "ownerId": "owner", "openclawUrl": "nowhere"}),
        json!({"instanceId": "odd", "ownerId": "owner", "observed": {"condition": "dreaming"}}),
    ];
    for record in &records {
        world.records.put_instance(record).await;
    }
    let summary = world.sweep().await.summary;
    assert_eq!((summary.instances, summary.unreadable), (9, 2));
    assert_eq!((summary.probed, summary.writes), (7, 7));
    // Nothing of them is touched.
    for record in &records {
        let id = record["instanceId"].as_str().unwrap();
        assert_eq!(world.records.instance(id).await, *record);
    }
}

#[tokio::test]
async fn a_time_in_which_nobody_looked_is_no_uptime() {
    let world = world().await;
    world.sweep().await;
    world.clock.advance(SignedDuration::from_hours(2));
    // Still silence: nobody knows what was after the last word.
    let history = world.history(ID).await;
    assert_eq!(history["uptimePercent"], Value::Null);
    assert_eq!(history["seconds"]["unobserved"], 24 * 3600);
    world.sweep().await;
    world.sweep().await;
    let history = world.history(ID).await;
    assert_eq!(history["seconds"]["up"], 60);
    assert_eq!(history["seconds"]["unobserved"], 24 * 3600 - 60);
    assert_eq!(history["uptimePercent"], 100.0);
    // It is no change of the agent's.
    assert_eq!(history["transitions"].as_array().unwrap().len(), 1);
}
