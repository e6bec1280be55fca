//! `GET /api/openclaw/instances`.

use std::time::Duration;

use common::config::RAILWAY_API_KEY;
use jiff::SignedDuration;
use local::railway::Fault;
use serde_json::{Value, json};
use tests::World;

const PATH: &str = "/api/openclaw/instances";
const IMAGE: &str = "ghcr.io/openclaw/openclaw:2026.4.11";

/// The instances of the demo, by their ids.
const DEMO: [&str; 7] = [
    "demo-hanging",
    "demo-legacy",
    "demo-running",
    "demo-setup",
    "demo-starting",
    "demo-stopped",
    "demo-unreachable",
];

/// An instance of the demo, as it is listed right after the start.
fn demo(id: &str) -> Value {
    json!({
        "agentId": id,
        "name": format!("agentbot-agent-{id}"),
        "image": IMAGE,
        "status": "Up About an hour",
        "state": "running",
        "degraded": [],
        "createdAt": "2026-04-04T02:10:00.000Z",
        "version": "2026.4.11",
        "plan": "solo",
        "metadata": null,
    })
}

fn ids(list: &Value) -> Vec<&str> {
    let instances = list["instances"].as_array().unwrap();
    instances
        .iter()
        .map(|it| it["agentId"].as_str().unwrap())
        .collect()
}

async fn register(world: &World, id: &str, body: Value) {
    let answer = world.platform().put(&format!("{PATH}/{id}"), &body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

#[tokio::test]
async fn all_instances_are_listed_and_nothing_else_of_the_project() {
    let world = World::start().await;
    world
        .railway()
        .add_service("backend", "example/backend:1", None);
    world.railway().add_service("postgres", "postgres:17", None);
    let answer = world.platform().get(PATH).await;
    answer.is(
        200,
        json!({
            "instances": DEMO.map(demo),
            "count": 7,
            "nextCursor": null,
            "damagedRecords": 0,
        }),
    );
    assert_eq!(world.railway().operations(), ["Fleet"]);
}

#[tokio::test]
async fn metadata_plan_and_the_recorded_service_are_told() {
    let world = World::start().await;
    let service = world.railway().add_service(
        "a-name-of-its-own",
        "ghcr.io/openclaw/openclaw:latest",
        None,
    );
    let body = json!({
        "ownerId": "owner",
        "runtimeServiceId": service,
        "plan": "label",
        "metadata": {"region": "europe-west4"},
    });
    register(&world, "another", body).await;
    let answer = world.platform().get(&format!("{PATH}?plan=label")).await;
    let expected = json!({
        "agentId": "another",
        "name": "a-name-of-its-own",
        "image": "ghcr.io/openclaw/openclaw:latest",
        "status": "Up About an hour",
        "state": "running",
        "degraded": [],
        "createdAt": "2026-04-04T02:10:00.000Z",
        // A tag that floats names no release.
        "version": "unknown",
        "plan": "label",
        "metadata": {"region": "europe-west4"},
    });
    let list = json!({
        "instances": [expected], "count": 1, "nextCursor": null, "damagedRecords": 0,
    });
    answer.is(200, list);
}

#[tokio::test]
async fn an_instance_without_a_service_or_a_deployment_is_listed_as_such() {
    let world = World::start().await;
    register(
        &world,
        "a-gone",
        json!({"ownerId": "a", "runtimeServiceId": "gone"}),
    )
    .await;
    register(&world, "a-new", json!({"ownerId": "a"})).await;
    world.railway().add_undeployed_service("a-new", IMAGE);
    let answer = world.platform().get(&format!("{PATH}?plan=free")).await;
    let row = |id: &str, name: &str, status: &str, state: &str| {
        json!({
            "agentId": id, "name": name, "image": "unknown", "status": status, "state": state,
            "degraded": [], "createdAt": null, "version": "unknown", "plan": "free", "metadata": null,
        })
    };
    let list = json!({
        "instances": [
            row("a-gone", "agentbot-agent-a-gone", "Not found", "missing"),
            row("a-new", "a-new", "Not deployed", "undeployed"),
        ],
        "count": 2, "nextCursor": null, "damagedRecords": 0,
    });
    answer.is(200, list);
}

#[tokio::test]
async fn every_state_is_told_in_dockers_words() {
    let world = World::start().await;
    for (status, words, state) in [
        ("SUCCESS", "Up 2 hours", "running"),
        ("DEPLOYING", "Created", "starting"),
        ("QUEUED", "Created", "starting"),
        ("SLEEPING", "Paused 2 hours ago", "sleeping"),
        ("CRASHED", "Exited (crashed) 2 hours ago", "crashed"),
        ("FAILED", "Dead", "failed"),
        ("REMOVING", "Removal In Progress", "stopping"),
        ("REMOVED", "Exited 2 hours ago", "stopped"),
        (
            "NEEDS_APPROVAL",
            "Created (awaiting approval)",
            "awaiting-approval",
        ),
        ("SKIPPED", "Not deployed", "undeployed"),
    ] {
        let service = "service-agentbot-agent-demo-running";
        world.railway().set_status(service, status);
        world.clock.advance(SignedDuration::from_hours(2));
        let answer = world.platform().get(PATH).await;
        let found = &answer.body["instances"][2];
        let found = [&found["agentId"], &found["status"], &found["state"]];
        assert_eq!(found, ["demo-running", words, state], "{status}");

        let path = format!("{PATH}?status={state}&limit=1");
        let only = world.platform().get(&path).await;
        assert!(only.body["count"].as_u64() > Some(0), "{}", only.body);
        for one in only.body["instances"].as_array().unwrap() {
            assert_eq!(one["state"], state);
        }
    }
}

#[tokio::test]
async fn an_agent_that_its_owner_stopped_has_exited() {
    let world = World::start().await;
    let owner = world.owner_of("demo-running");
    assert_eq!(
        owner.post("/api/instance/demo-running/stop").await.status,
        200
    );
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.clock.advance(SignedDuration::from_mins(5));
    let list = world.platform().get(PATH).await.body;
    // A stop leaves the deployment's status alone: nobody knows when it was.
    assert_eq!(list["instances"][2]["status"], "Exited");
}

#[tokio::test]
async fn pages_follow_each_other_and_survive_what_comes_between() {
    let world = World::start().await;
    let platform = world.platform();
    let first = platform.get(&format!("{PATH}?limit=3")).await;
    assert_eq!(ids(&first.body), DEMO[..3]);
    assert_eq!(first.body["count"], 7);
    let cursor = first.body["nextCursor"].as_str().unwrap();

    // Before the cursor, and behind it.
    register(&world, "aaa", json!({"ownerId": "a"})).await;
    register(&world, "demo-s", json!({"ownerId": "a"})).await;
    let second = platform
        .get(&format!("{PATH}?limit=3&cursor={cursor}"))
        .await;
    assert_eq!(ids(&second.body), ["demo-s", "demo-setup", "demo-starting"]);
    assert_eq!(second.body["count"], 9);
    let cursor = second.body["nextCursor"].as_str().unwrap();
    let third = platform
        .get(&format!("{PATH}?limit=3&cursor={cursor}"))
        .await;
    assert_eq!(ids(&third.body), ["demo-stopped", "demo-unreachable"]);
    assert_eq!(third.body["nextCursor"], Value::Null);
    // All of them were told from one listing.
    assert_eq!(world.railway().operations(), ["Fleet"]);
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_with_what_can() {
    let world = World::start().await;
    let states = "status must be one of running, starting, restarting, stopping, stopped, \
                  sleeping, crashed, failed, awaiting-approval, undeployed, missing, unknown";
    let limit = "limit must be 1 to 1000";
    let plan = "plan must be 1 to 64 letters, digits, hyphens or underscores";
    let cursor = "cursor must be the nextCursor of another page";
    for (query, error) in [
        ("status=Up", states.to_owned()),
        ("status=", states.to_owned()),
        ("limit=0", limit.to_owned()),
        ("limit=1001", limit.to_owned()),
        ("limit=ten", limit.to_owned()),
        ("plan=", plan.to_owned()),
        ("plan=a%20b", plan.to_owned()),
        ("cursor=", cursor.to_owned()),
        ("cursor=demo-running", cursor.to_owned()),
        ("cursor=!", cursor.to_owned()),
        // "after:", "before:a" and "after:a/b".
        ("cursor=YWZ0ZXI6", cursor.to_owned()),
        ("cursor=YmVmb3JlOmE", cursor.to_owned()),
        ("cursor=YWZ0ZXI6YS9i", cursor.to_owned()),
        ("status=Up&limit=0", format!("{states}; {limit}")),
    ] {
        let answer = world.platform().get(&format!("{PATH}?{query}")).await;
        answer.is(400, json!({"error": error}));
    }
    assert_eq!(world.railway().operations(), [""; 0]);
}

#[tokio::test]
async fn only_the_platform_may_list() {
    let world = World::start().await;
    for caller in [world.anonymous(), world.owner_of("demo-running")] {
        let answer = caller.get(PATH).await;
        answer.is(401, json!({"error": "Unauthorized"}));
    }
}

#[tokio::test]
async fn a_page_of_railway_that_fails_fails_the_listing_and_stands_for_a_moment() {
    let world = World::start().await;
    let refused = Fault::Errors("Problem processing request".to_owned());
    world.railway().inject([refused]);
    for _ in 0..3 {
        let answer = world.platform().get(PATH).await;
        answer.is(500, json!({"error": "Failed to list instances"}));
    }
    // Those who ask right after a failure do not ask Railway again.
    assert_eq!(world.railway().operations(), ["Fleet"]);
    world.clock.advance(SignedDuration::from_secs(5));
    assert_eq!(world.platform().get(PATH).await.status, 200);
}

#[tokio::test]
async fn a_rate_limit_tells_when_to_come_back() {
    let world = World::start().await;
    world.railway().inject([Fault::RateLimited(Some(77))]);
    let answer = world.platform().get(PATH).await;
    answer.is(500, json!({"error": "Failed to list instances"}));
    assert_eq!(answer.header("retry-after"), Some("77"));
    world.clock.advance(SignedDuration::from_secs(59));
    assert_eq!(world.platform().get(PATH).await.status, 500);
    assert_eq!(world.railway().operations(), ["Fleet"]);
    world.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(world.platform().get(PATH).await.status, 200);
}

#[tokio::test]
async fn many_at_once_cost_one_listing() {
    let world = World::start().await;
    let platform = world.platform();
    let requests = (0..20).map(|_| platform.get(PATH));
    for answer in futures_util::future::join_all(requests).await {
        assert_eq!(answer.status, 200);
    }
    assert_eq!(world.railway().operations(), ["Fleet"]);
    world.clock.advance(SignedDuration::from_secs(9));
    platform.get(PATH).await;
    assert_eq!(world.railway().operations(), ["Fleet"]);
    world.clock.advance(SignedDuration::from_secs(1));
    platform.get(PATH).await;
    assert_eq!(world.railway().operations(), ["Fleet", "Fleet"]);
}

#[tokio::test]
async fn a_fleet_of_several_pages_is_listed_whole() {
    let builder = World::ticking().hasty();
    let world = builder.start().await;
    let answer = world.platform().get(PATH).await;
    assert_eq!(ids(&answer.body), DEMO);
    // Three services a page.
    assert_eq!(world.railway().operations(), ["Fleet"; 3]);
}

#[tokio::test]
async fn without_railway_the_missing_variable_is_named() {
    let world = World::with(RAILWAY_API_KEY, "key").start().await;
    let answer = world.platform().get(PATH).await;
    answer.is(
        503,
        json!({"error": "RAILWAY_ENVIRONMENT_ID not configured"}),
    );
    let path = format!("{PATH}/demo-running/stats");
    let answer = world.platform().get(&path).await;
    answer.is(
        503,
        json!({"error": "RAILWAY_ENVIRONMENT_ID not configured"}),
    );
}

#[tokio::test]
async fn a_damaged_record_is_counted_and_hides_no_other_one() {
    let world = World::start().await;
    let damaged = json!({"instanceId": "damaged", "ownerId": "a", "createdAt": "soon"});
    world.records.put_instance(&damaged).await;
    let answer = world.platform().get(PATH).await;
    assert_eq!(ids(&answer.body), DEMO);
    assert_eq!(answer.body["count"], 7);
    assert_eq!(answer.body["damagedRecords"], 1);
}

#[tokio::test]
async fn a_store_that_is_lost_is_a_500() {
    let world = World::start().await;
    world.records.lose_instances().await;
    for path in [PATH.to_owned(), format!("{PATH}/demo-running/stats")] {
        let answer = world.platform().get(&path).await;
        answer.is(500, json!({"error": "Internal server error"}));
    }
}
