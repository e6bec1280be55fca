//! `GET /api/instance/{userId}/stats`.

use std::time::Duration;

use common::config::RAILWAY_API_KEY;
use jiff::SignedDuration;
use local::railway::Fault;
use serde_json::{Value, json};
use tests::{Answer, Reply, ScriptedServer, World};
use tokio::time::timeout;

use crate::support::states::{
    Expected, agent_of_the_spec, all_well, behaviours, checks, look, take_seconds,
};

const PATH: &str = "/api/instance/demo-running/stats";
const SERVICE: &str = "service-agentbot-agent-demo-running";

fn body(expected: &Expected) -> Value {
    let runs = matches!(expected.status, "running" | "healthy");
    json!({
        "userId": format!("demo-{}", expected.name),
        "status": if runs { "running" } else { expected.status },
        "health": if runs { "healthy" } else { expected.status },
        "messages": null,
        "errors": null,
        "openclawVersion": "2026.4.11",
        "openclawVersionSource": if expected.tells_version { "api-status" } else { "default" },
        "statusReason": expected.reason,
        "probeChecks": expected.checks,
        "observedAt": null,
        "restartCount": 0,
        "lastExit": null,
        "telemetry": {
            "resourceMetricsAvailable": true,
            "lifecycleMetricsAvailable": true,
            "messageMetricsAvailable": false,
        },
    })
}

#[tokio::test]
async fn the_example_of_the_spec_for_stats_is_answered() {
    let world = World::start().await;
    let agent = ScriptedServer::agent(agent_of_the_spec(None)).await;
    let owner = world.deploy("abc123", "owner", agent.url()).await;
    owner.get("/api/instance/abc123/stats").await.is(
        200,
        json!({
            "userId": "abc123",
            "status": "running",
            "health": "healthy",
            "cpu": "0%",
            "memory": "0MB",
            "uptime": "active",
            "messages": null,
            "errors": null,
            "openclawVersion": "2026.4.11",
            "openclawVersionSource": "healthz",
            "statusReason": null,
            "probeChecks": all_well(),
            "observedAt": null,
            "restartCount": null,
            "lastExit": null,
            "telemetry": {
                "resourceMetricsAvailable": false,
                "lifecycleMetricsAvailable": false,
                "messageMetricsAvailable": false,
            },
        }),
    );
}

#[tokio::test]
async fn every_behaviour_of_an_agent_is_in_its_stats() {
    let world = World::start().await;
    for expected in behaviours() {
        let id = format!("demo-{}", expected.name);
        let path = format!("/api/instance/{id}/stats");
        let mut answer = look(&world, &id, &path).await;
        if expected.tells_uptime {
            take_seconds(&mut answer);
        } else {
            assert_eq!(answer.take("uptime"), "unknown");
        }
        // Each agent's own figures, whose shape alone is the same.
        for (figure, unit) in [("cpu", "%"), ("memory", "MB")] {
            let value = answer.take(figure);
            let number = value.as_str().and_then(|it| it.strip_suffix(unit));
            let number: f64 = number.unwrap().parse().unwrap();
            assert!(number > 0.0, "{value}");
        }
        answer.is(200, body(&expected));
    }
}

#[tokio::test]
async fn an_agent_that_answers_api_status_alone_is_running() {
    let world = World::start().await;
    let agent = ScriptedServer::agent([
        Reply::not_found(),
        Reply::not_found(),
        Reply::json(&json!({"state": "running", "running": true, "uptime": 190_800})),
    ])
    .await;
    let owner = world.deploy("abc123", "owner", agent.url()).await;
    let mut answer = owner.get("/api/instance/abc123/stats").await;
    assert_eq!(answer.take("uptime"), "2d 5h");
    assert_eq!(answer.take("status"), "running");
    assert_eq!(answer.take("health"), "healthy");
    assert_eq!(
        answer.take("statusReason"),
        "Legacy health probes unavailable; using /api/status"
    );
    let gone = (Some(404), Some("HTTP 404"));
    assert_eq!(
        answer.take("probeChecks"),
        checks([gone, gone, (Some(200), None)])
    );
}

#[tokio::test]
async fn the_stats_are_unauthorized_to_nobody() {
    let world = World::start().await;
    let path = "/api/instance/demo-running/stats";
    let answer = world.anonymous().get(path).await;
    answer.is(401, json!({"error": "Unauthorized"}));
}

async fn stats(world: &World) -> Answer {
    let answer = world.owner_of("demo-running").get(PATH).await;
    assert_eq!(
        (answer.status, &answer.body["status"]),
        (200, &json!("running"))
    );
    answer
}

/// The figures that come from Railway.
fn figures(answer: &Answer) -> Value {
    let body = &answer.body;
    let telemetry = &body["telemetry"];
    assert_eq!(telemetry["messageMetricsAvailable"], false);
    json!([
        body["cpu"],
        body["memory"],
        telemetry["resourceMetricsAvailable"],
        body["restartCount"],
        body["lastExit"],
        telemetry["lifecycleMetricsAvailable"],
    ])
}

fn placeholders() -> Value {
    json!(["0%", "0MB", false, null, null, false])
}

#[tokio::test]
async fn the_figures_are_railways() {
    let world = World::start().await;
    let real = json!(["0.33%", "188MB", true, 0, null, true]);
    assert_eq!(figures(&stats(&world).await), real);
    let mut operations = world.railway().operations();
    operations.sort();
    assert_eq!(operations, ["Fleet", "History", "Metrics"]);
}

#[tokio::test]
async fn many_owners_cost_what_one_costs() {
    let world = World::start().await;
    for agent in &world.stack.agents {
        if agent.instance_id != "demo-hanging" {
            let path = format!("/api/instance/{}/stats", agent.instance_id);
            let answer = world.owner_of(&agent.instance_id).get(&path).await;
            assert_eq!(answer.body["telemetry"]["resourceMetricsAvailable"], true);
        }
    }
    assert_eq!(world.railway().operations().len(), 3);
    // The deployments of the last days are kept for longer.
    world.clock.advance(SignedDuration::from_secs(30));
    stats(&world).await;
    let operations = world.railway().operations();
    let times = |name: &str| operations.iter().filter(|it| *it == name).count();
    assert_eq!(
        [times("Fleet"), times("Metrics"), times("History")],
        [2, 2, 1]
    );
}

#[tokio::test]
async fn restarts_and_the_last_exit_are_those_of_the_deployments() {
    let world = World::start().await;
    world.railway().set_status(SERVICE, "CRASHED");
    let crashed = json!({"at": "2026-04-04T03:10:00.000Z", "reason": "crashed"});
    let expected = json!(["0%", "0MB", false, 0, crashed, true]);
    assert_eq!(figures(&stats(&world).await), expected);

    world.clock.advance(SignedDuration::from_mins(2));
    let owner = world.owner_of("demo-running");
    let start = owner.post("/api/instance/demo-running/start").await;
    assert_eq!(start.status, 200);
    let up = async {
        while world.railway().service(SERVICE).unwrap().deployments[1].status != "SUCCESS" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(5), up).await.unwrap();
    world.clock.advance(SignedDuration::from_mins(2));
    let answer = owner.get(PATH).await;
    let replaced = json!({"at": "2026-04-04T03:12:00.000Z", "reason": "stopped"});
    assert_eq!(answer.body["restartCount"], 1);
    assert_eq!(answer.body["lastExit"], replaced);
}

#[tokio::test]
async fn without_railway_the_placeholders_stay() {
    let world = World::with(RAILWAY_API_KEY, "key").start().await;
    assert_eq!(figures(&stats(&world).await), placeholders());
}

#[tokio::test]
async fn what_railway_fails_to_tell_keeps_its_place() {
    for (operation, expected) in [
        ("Fleet", placeholders()),
        ("Metrics", json!(["0%", "0MB", false, 0, null, true])),
        (
            "History",
            json!(["0.33%", "188MB", true, null, null, false]),
        ),
    ] {
        for fault in [
            Fault::RateLimited(Some(77)),
            Fault::Errors("Not Authorized".to_owned()),
            Fault::Errors("Problem processing request".to_owned()),
        ] {
            let world = World::start().await;
            world.railway().inject_into(operation, [fault]);
            assert_eq!(figures(&stats(&world).await), expected, "{operation}");
        }
    }
}

#[tokio::test]
async fn a_slow_railway_holds_nobody_up_and_is_heard_the_next_time() {
    let world = World::start().await;
    let slow = Fault::Slow(Duration::from_secs(5));
    world.railway().inject_into("Fleet", [slow]);
    assert_eq!(figures(&stats(&world).await), placeholders());
    let real = json!(["0.33%", "188MB", true, 0, null, true]);
    let heard = async {
        while figures(&stats(&world).await) != real {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(10), heard).await.unwrap();
    let operations = world.railway().operations();
    let listings = operations.iter().filter(|it| *it == "Fleet").count();
    assert_eq!(listings, 1);
}
