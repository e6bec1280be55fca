//! What Railway adds to `GET /api/instance/{userId}/stats`.

use std::time::Duration;

use common::config::RAILWAY_API_KEY;
use jiff::SignedDuration;
use local::railway::Fault;
use serde_json::{Value, json};
use tests::{Answer, World};
use tokio::time::timeout;

const PATH: &str = "/api/instance/demo-running/stats";
const SERVICE: &str = "service-agentbot-agent-demo-running";

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
