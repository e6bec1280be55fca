//! `GET /api/openclaw/instances/{id}/stats`.

use std::time::Duration;

use jiff::SignedDuration;
use local::railway::Fault;
use serde_json::json;
use tests::World;

const PATH: &str = "/api/openclaw/instances/demo-running/stats";
const SERVICE: &str = "service-agentbot-agent-demo-running";

#[tokio::test]
async fn the_figures_of_a_container_are_told_in_the_units_of_docker_stats() {
    let world = World::start().await;
    let answer = world.platform().get(PATH).await;
    answer.is(
        200,
        json!({
            "agentId": "demo-running",
            "cpu": "0.33%",
            "memory": "188MiB / 2GiB",
            "memoryPercent": "9.18%",
            "network": "5.7kB / 10.1kB",
            "blockIO": "0B / 0B",
            "pids": null,
            "status": "running",
            "uptime": 3_600_000,
            "uptimeFormatted": "1h 0m",
            "timestamp": "2026-04-04T03:10:00.000Z",
        }),
    );
    let mut operations = world.railway().operations();
    operations.sort();
    assert_eq!(operations, ["Fleet", "Metrics"]);
}

#[tokio::test]
async fn all_containers_cost_one_query_of_metrics() {
    let world = World::start().await;
    for agent in &world.stack.agents {
        let path = format!("/api/openclaw/instances/{}/stats", agent.instance_id);
        let answer = world.platform().get(&path).await;
        assert_eq!(answer.body["agentId"], agent.instance_id);
        assert_eq!(answer.body["pids"], json!(null));
        assert!(answer.body["cpu"].is_string(), "{}", answer.body);
    }
    let mut operations = world.railway().operations();
    operations.sort();
    assert_eq!(operations, ["Fleet", "Metrics"]);
    world.clock.advance(SignedDuration::from_secs(10));
    world.platform().get(PATH).await;
    assert_eq!(world.railway().operations().len(), 4);
}

#[tokio::test]
async fn what_is_down_uses_nothing() {
    let world = World::start().await;
    for (status, state) in [
        ("CRASHED", "crashed"),
        ("SLEEPING", "sleeping"),
        ("REMOVED", "stopped"),
        ("FAILED", "failed"),
    ] {
        world.railway().set_status(SERVICE, status);
        world.clock.advance(SignedDuration::from_mins(1));
        let mut answer = world.platform().get(PATH).await;
        answer.take("timestamp");
        answer.is(
            200,
            json!({
                "agentId": "demo-running",
                "cpu": "0.00%",
                "memory": "0B / 0B",
                "memoryPercent": "0.00%",
                "network": "0B / 0B",
                "blockIO": "0B / 0B",
                "pids": "0",
                "status": state,
                "uptime": 0,
                "uptimeFormatted": "0s",
            }),
        );
    }
}

#[tokio::test]
async fn what_is_not_measured_yet_is_null() {
    let world = World::start().await;
    world.railway().set_status(SERVICE, "DEPLOYING");
    world.platform().get(PATH).await.is(
        200,
        json!({
            "agentId": "demo-running",
            "cpu": null,
            "memory": null,
            "memoryPercent": null,
            "network": null,
            "blockIO": null,
            "pids": null,
            "status": "starting",
            "uptime": 0,
            "uptimeFormatted": "0s",
            "timestamp": "2026-04-04T03:10:00.000Z",
        }),
    );
}

#[tokio::test]
async fn reads_and_writes_of_a_volume_are_not_measured() {
    let world = World::start().await;
    world.railway().add_volume(SERVICE);
    let answer = world.platform().get(PATH).await;
    assert_eq!(answer.body["blockIO"], json!(null));
    assert_eq!(answer.body["memory"], "188MiB / 2GiB");
}

#[tokio::test]
async fn who_is_not_there_is_a_404() {
    let world = World::start().await;
    let platform = world.platform();
    let stats = async |id: &str| {
        let path = format!("/api/openclaw/instances/{id}/stats");
        platform.get(&path).await
    };
    let unknown = json!({"error": "No such instance"});
    stats("nobody-has-it").await.is(404, unknown);
    assert_eq!(world.railway().operations(), [""; 0]);
    let rule = "id must be 1 to 64 letters, digits, hyphens or underscores";
    stats("not.an-id").await.is(400, json!({"error": rule}));

    let gone = json!({"ownerId": "a", "runtimeServiceId": "gone"});
    platform.put("/api/openclaw/instances/gone", &gone).await;
    let error = "The instance has no container: its service is not on Railway";
    stats("gone").await.is(404, json!({"error": error}));
}

#[tokio::test]
async fn only_the_platform_may_see_containers() {
    let world = World::start().await;
    for caller in [world.anonymous(), world.owner_of("demo-running")] {
        let answer = caller.get(PATH).await;
        answer.is(401, json!({"error": "Unauthorized"}));
    }
}

#[tokio::test]
async fn what_railway_refuses_is_the_500_of_the_spec() {
    for operation in ["Fleet", "Metrics"] {
        let world = World::start().await;
        let fault = Fault::RateLimited(Some(77));
        world.railway().inject_into(operation, [fault]);
        let answer = world.platform().get(PATH).await;
        answer.is(500, json!({"error": "Failed to get container stats"}));
        assert_eq!(answer.header("retry-after"), Some("77"), "{operation}");

        let world = World::start().await;
        let fault = Fault::Errors("Not Authorized".to_owned());
        world.railway().inject_into(operation, [fault]);
        let answer = world.platform().get(PATH).await;
        answer.is(500, json!({"error": "Failed to get container stats"}));
    }
}

#[tokio::test]
async fn a_failure_that_passes_is_not_seen() {
    let world = World::start().await;
    let faults = [
        Fault::Status(503),
        Fault::DropAfter,
        Fault::RateLimited(None),
    ];
    world.railway().inject_into("Metrics", faults);
    assert_eq!(world.platform().get(PATH).await.status, 200);
}

#[tokio::test]
async fn a_slow_railway_is_asked_once_however_many_wait() {
    let world = World::start().await;
    let slow = Fault::Slow(Duration::from_millis(300));
    world.railway().inject_into("Metrics", [slow]);
    let platform = world.platform();
    let requests = (0..20).map(|_| platform.get(PATH));
    for answer in futures_util::future::join_all(requests).await {
        assert_eq!(answer.body["cpu"], "0.33%");
    }
    let mut operations = world.railway().operations();
    operations.sort();
    assert_eq!(operations, ["Fleet", "Metrics"]);
}
