//! Agents that are up, and of which something does not work.

use common::config::SELF_HEALING;
use http::Method;
use local::agents::{Agent, Behaviour, Trouble};
use serde_json::{Value, json};
use tests::World;

use super::self_healing::{OTHER, operations, steps, sweeps, world_of};
use crate::support::people::People;

const TELEGRAM: Trouble = Trouble::Channel("telegram");
const WRAPPED: &str = "demo-running";
const WINDOW: &str = "/api/openclaw/maintenance-windows/work";

/// A world that heals, in which all seven agents are up.
async fn world() -> (World, People) {
    world_of(World::with(SELF_HEALING, "on")).await
}

fn agent<'w>(world: &'w World, id: &str) -> &'w Agent {
    world.stack.simulated(id).unwrap()
}

async fn listed(world: &World, id: &str) -> Value {
    let answer = world.platform().get("/api/openclaw/instances").await;
    let instances = answer.body["instances"].as_array().unwrap().iter();
    let mut found = instances.filter(|it| it["agentId"] == id);
    found.next().unwrap()["degraded"].clone()
}

async fn metrics(world: &World) -> Vec<String> {
    let answer = world.platform().get("/api/openclaw/metrics").await;
    let text = answer.body.as_str().unwrap().to_owned();
    let lines = text.lines().map(str::to_owned);
    lines
        .filter(|line| line.starts_with("openclaw_agent_degraded"))
        .collect()
}

#[tokio::test]
async fn agents_of_which_a_part_does_not_work_are_up_and_are_left_alone() {
    let cases = [
        (
            OTHER,
            Trouble::ProxyAttribution,
            "proxy_attribution_required",
        ),
        (WRAPPED, Trouble::Detached, "gateway"),
        ("demo-setup", TELEGRAM, "telegram"),
    ];
    let (world, people) = world().await;
    for (id, trouble, _) in cases {
        agent(&world, id).set_trouble(Some(trouble));
    }
    let summaries = sweeps(&world, 10).await;
    let of = |count: fn(&sweep::Summary) -> u32| summaries.iter().map(count).collect::<Vec<_>>();
    assert_eq!(of(|it| it.degraded), [0, 0, 3, 3, 3, 3, 3, 3, 3, 3]);
    assert_eq!(of(|it| it.conditions.up), [7; 10]);
    assert_eq!(of(|it| it.alerts_sent), [0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(steps(&summaries), 0);
    for (id, _, cause) in cases {
        let path = format!("/api/instance/{id}");
        let state = world.owner_of(id).get(&path).await.body;
        assert_eq!(state["degraded"], json!([cause]), "{state}");
        assert_eq!(listed(&world, id).await, json!([cause]));
        let history = world.history(id).await;
        assert_eq!(
            (&history["condition"], &history["degraded"]),
            (&json!("up"), &json!([cause]))
        );
        assert_eq!(history["seconds"]["down"], 0);
        assert_eq!(operations(&world, id).await, []);
    }
    assert_eq!(
        metrics(&world).await,
        [
            "openclaw_agent_degraded{agent=\"demo-legacy\",cause=\"proxy_attribution_required\"} \
             1.0",
            "openclaw_agent_degraded{agent=\"demo-running\",cause=\"gateway\"} 1.0",
            "openclaw_agent_degraded{agent=\"demo-setup\",cause=\"telegram\"} 1.0",
        ]
    );
    assert_eq!(
        people.told(),
        [
            "\"Agent degraded\": \"demo-legacy\"",
            "\"Agent degraded\": \"demo-running\"",
            "\"Agent degraded\": \"demo-setup\"",
        ]
    );
}

#[tokio::test]
async fn people_are_told_of_a_dead_channel_and_of_its_return_once_each() {
    let (world, people) = world().await;
    agent(&world, OTHER).set_trouble(Some(TELEGRAM));
    sweeps(&world, 6).await;
    agent(&world, OTHER).set_trouble(None);
    let summaries = sweeps(&world, 5).await;
    assert_eq!(summaries[4].degraded, 0);
    assert_eq!(
        people.alerts(),
        [
            json!({
                "severity": "warning", "title": "Agent degraded",
                "text": "Degraded since 2026-04-04T03:12:00.000Z. Owner: owner-legacy. What does \
                         not work: telegram.",
                "instanceId": OTHER, "time": "2026-04-04T03:14:00.000Z",
                "dedupKey": "demo-legacy@2026-04-04T03:14:00Z",
            }),
            json!({
                "severity": "info", "title": "Agent no longer degraded",
                "text": "All of it works since 2026-04-04T03:18:00.000Z. Owner: owner-legacy. \
                         Before that: telegram.",
                "instanceId": OTHER, "time": "2026-04-04T03:19:00.000Z",
                "dedupKey": "demo-legacy@2026-04-04T03:19:00Z",
            }),
        ]
    );
    let change = |at: &str, detected: &str, from: Value, degraded: Value| {
        json!({
            "at": format!("2026-04-04T{at}.000Z"), "detectedAt": format!("2026-04-04T{detected}.000Z"),
            "from": from, "to": "up", "symptom": null, "reason": null, "degraded": degraded,
        })
    };
    let mut history = world.history(OTHER).await;
    history["buckets"].take();
    assert_eq!(
        history,
        json!({
            "userId": OTHER,
            "from": "2026-04-03T03:22:00.000Z",
            "until": "2026-04-04T03:22:00.000Z",
            "condition": "up",
            "since": "2026-04-04T03:11:00.000Z",
            "degraded": [],
            // Its heartbeat.
            "observedAt": "2026-04-04T03:22:00.000Z",
            "uptimePercent": 100.0,
            "seconds": {
                "up": 660, "starting": 0, "down": 0, "setup": 0, "stopped": 0, "sleeping": 0,
                "unobserved": 24 * 3600 - 660,
            },
            "transitions": [
                change("03:18:00", "03:19:00", json!("up"), json!([])),
                change("03:12:00", "03:14:00", json!("up"), json!(["telegram"])),
                change("03:11:00", "03:11:00", Value::Null, json!([])),
            ],
            "transitionsOmitted": 0,
            "buckets": null,
        })
    );
    let record = world.records.instance(OTHER).await;
    let known = [
        &record["owed"],
        &record["alerted"],
        &record["observed"]["degraded"],
    ];
    assert_eq!(known, [&Value::Null; 3]);
}

#[tokio::test]
async fn a_channel_that_flaps_is_neither_on_record_nor_told() {
    let (world, people) = world().await;
    for trouble in [Some(TELEGRAM), Some(TELEGRAM), None].repeat(4) {
        agent(&world, OTHER).set_trouble(trouble);
        assert_eq!(world.sweep().await.summary.degraded, 0);
    }
    assert_eq!(world.records.history(OTHER, "transition#").await.len(), 1);
    assert_eq!(people.told(), Vec::<String>::new());
}

#[tokio::test]
async fn an_agent_that_is_degraded_steadily_is_written_once_a_heartbeat() {
    let (world, _people) = world().await;
    agent(&world, OTHER).set_trouble(Some(TELEGRAM));
    sweeps(&world, 3).await;
    let summaries = sweeps(&world, 15).await;
    let writes: u32 = summaries.iter().map(|it| it.writes).sum();
    assert_eq!(writes, 7, "each agent once in fifteen minutes");
}

#[tokio::test]
async fn a_degraded_agent_that_goes_down_and_comes_up_is_told_once_each_time() {
    let (world, people) = world().await;
    agent(&world, OTHER).set_trouble(Some(TELEGRAM));
    sweeps(&world, 3).await;
    agent(&world, OTHER).set(Behaviour::Unreachable).unwrap();
    sweeps(&world, 3).await;
    assert_eq!(listed(&world, OTHER).await, json!([]));
    agent(&world, OTHER).set_trouble(None);
    agent(&world, OTHER).set(Behaviour::Legacy).unwrap();
    sweeps(&world, 4).await;
    let titles: Vec<_> = people
        .alerts()
        .iter()
        .map(|it| it["title"].clone())
        .collect();
    assert_eq!(titles, ["Agent degraded", "Agent down", "Agent up again"]);
}

#[tokio::test]
async fn a_window_holds_a_degradation_back_until_it_is_over() {
    let (world, people) = world().await;
    let body = json!({"from": "2026-04-04T03:00:00Z", "until": "2026-04-04T05:00:00Z"});
    assert_eq!(world.platform().put(WINDOW, &body).await.status, 201);
    // This one is over before the window is.
    agent(&world, WRAPPED).set_trouble(Some(TELEGRAM));
    agent(&world, OTHER).set_trouble(Some(TELEGRAM));
    let summaries = sweeps(&world, 3).await;
    assert_eq!(summaries[2].alerts_silenced, 2);
    agent(&world, WRAPPED).set_trouble(None);
    sweeps(&world, 3).await;
    assert_eq!(people.told(), Vec::<String>::new());
    let removed = world.platform().send(Method::DELETE, WINDOW, "").await;
    assert_eq!(removed.status, 200);
    sweeps(&world, 3).await;
    assert_eq!(people.told(), ["\"Agent degraded\": \"demo-legacy\""]);
}
