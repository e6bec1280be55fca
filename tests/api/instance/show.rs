//! `GET /api/instance/{userId}`.

use common::config::{AGENT_HOSTS, OPENCLAW_IMAGE};
use jiff::SignedDuration;
use local::agents::Trouble;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Builder, ScriptedServer, World};

use crate::support::states::{Expected, agent_of_the_spec, all_failed, behaviours, look};

/// What is told of an agent of 2026.9.6 without the platform's wrapper.
async fn newer(world: &World, trouble: Trouble) -> Value {
    let agent = world.stack.simulated("demo-legacy").unwrap();
    agent.set_version("2026.9.6".parse().unwrap());
    agent.set_trouble(Some(trouble));
    let body = world
        .owner_of("demo-legacy")
        .get("/api/instance/demo-legacy")
        .await
        .body;
    json!([
        body["status"],
        body["statusReason"],
        body["degraded"],
        body["openclawVersion"],
        body["openclawVersionSource"]
    ])
}

#[tokio::test]
async fn an_agent_of_a_newer_release_is_told_by_what_it_says() {
    let world = World::start().await;
    let attribution = "/healthz responds, but /readyz does not: HTTP 403: \
                       proxy_attribution_required: the gateway runs, and refuses what comes \
                       through this proxy; name the proxy's addresses in its \
                       gateway.trustedProxies";
    let draining = "The gateway is draining: it finishes its work, and ends then";
    let telegram = "/healthz responds, but /readyz does not: HTTP 503: telegram not ready";
    for (trouble, reason, degraded, version, source) in [
        (
            Trouble::ProxyAttribution,
            attribution,
            &["proxy_attribution_required"][..],
            "2026.4.11",
            "default",
        ),
        (Trouble::Draining, draining, &[], "2026.9.6", "startupz"),
        (
            Trouble::Channel("telegram"),
            telegram,
            &["telegram"],
            "2026.9.6",
            "startupz",
        ),
    ] {
        let expected = json!(["starting", reason, degraded, version, source]);
        assert_eq!(newer(&world, trouble).await, expected);
    }
    let well = json!(["healthy", null, [], "2026.9.6", "startupz"]);
    assert_eq!(newer(&world, Trouble::LockedOut).await, well);
}

#[tokio::test]
async fn a_version_of_a_check_in_is_told_where_the_agent_tells_none() {
    let world = World::start().await;
    let told = async || {
        let owner = world.owner_of("demo-legacy");
        let body = owner.get("/api/instance/demo-legacy").await.body;
        json!([body["openclawVersion"], body["openclawVersionSource"]])
    };
    assert_eq!(told().await, json!(["2026.4.11", "default"]));
    let token = world
        .owner_of("demo-legacy")
        .get("/api/instance/demo-legacy/token")
        .await;
    let bearer = format!("Bearer {}", token.body["token"].as_str().unwrap());
    let agent = world.anonymous().with("authorization", bearer);
    let beat = json!({"instanceId": "demo-legacy", "openclawVersion": "2026.9.6"}).to_string();
    assert_eq!(
        agent
            .send(Method::POST, "/api/heartbeat", beat)
            .await
            .status,
        200
    );
    assert_eq!(told().await, json!(["2026.9.6", "check-in"]));
    // Another process may be of another release.
    world.clock.advance(SignedDuration::from_mins(1));
    let simulated = world.stack.simulated("demo-legacy").unwrap();
    simulated.set(simulated.behaviour()).unwrap();
    assert_eq!(told().await, json!(["2026.4.11", "default"]));
}

const NO_INSTANCE: &str = "No instance found. Please deploy first.";

#[tokio::test]
async fn the_example_of_the_spec_is_answered() {
    let world = World::start().await;
    let agent = ScriptedServer::agent(agent_of_the_spec(None)).await;
    let owner = world.log_in("owner").await;
    world
        .records
        .put_instance(&json!({
            "instanceId": "abc123",
            "ownerId": "owner",
            "openclawUrl": agent.url(),
            "plan": "solo",
            "registeredAt": "2026-04-04T03:10:00Z",
            "createdAt": "2026-03-01T00:00:00Z",
            "provisionedAt": "2026-04-01T00:00:00Z",
            "lastSeenAt": "2026-04-04T03:10:00Z",
            "gatewayProcessStatus": "active",
            "subscriptionStatus": "active",
        }))
        .await;

    // The contract's agent lives on Railway and this one on the loopback; all
    // other values are the contract's.
    owner.get("/api/instance/abc123").await.is(
        200,
        json!({
            "userId": "abc123",
            "status": "running",
            "statusReason": null,
            "degraded": [],
            "probeChecks": [
                {"path": "/healthz", "ok": true, "status": 200, "reason": null},
                {"path": "/readyz", "ok": true, "status": 200, "reason": null},
                {"path": "/api/status", "ok": true, "status": 200, "reason": null},
            ],
            "startedAt": "2026-04-04T03:10:00.000Z",
            "subdomain": "127.0.0.1",
            "url": agent.url(),
            "plan": "solo",
            "openclawVersion": "2026.4.11",
            "openclawVersionSource": "healthz",
            "ffmpegAvailable": true,
            "ffmpegVersion": "ffmpeg version 6.1",
            "provisionedAt": "2026-04-01T00:00:00.000Z",
            "lastSeenAt": "2026-04-04T03:10:00.000Z",
            "observedAt": null,
            "gatewayProcessStatus": "active",
            "reportedVersion": null,
            "subscriptionStatus": "active",
        }),
    );
}

/// The answer about an instance of the demo.
fn state(world: &World, expected: &Expected) -> Value {
    let id = format!("demo-{}", expected.name);
    let mut agents = world.stack.agents.iter();
    let agent = agents.find(|agent| agent.instance_id == id).unwrap();
    json!({
        "userId": id,
        "status": expected.status,
        "statusReason": expected.reason,
        "degraded": [],
        "probeChecks": expected.checks,
        "startedAt": "2026-04-04T03:10:00.000Z",
        "subdomain": "127.0.0.1",
        "url": agent.url,
        "plan": "solo",
        "openclawVersion": "2026.4.11",
        "openclawVersionSource": if expected.tells_version { "api-status" } else { "default" },
        "ffmpegAvailable": expected.tells_version,
        "ffmpegVersion": expected.tells_version.then_some("ffmpeg version 6.1"),
        "provisionedAt": "2026-04-04T03:10:00.000Z",
        "lastSeenAt": null,
        "observedAt": null,
        "gatewayProcessStatus": null,
        "reportedVersion": null,
        "subscriptionStatus": "active",
    })
}

#[tokio::test]
async fn every_behaviour_of_an_agent_is_shown() {
    let world = World::start().await;
    for expected in behaviours() {
        let id = format!("demo-{}", expected.name);
        let path = format!("/api/instance/{id}");
        let answer = look(&world, &id, &path).await;
        answer.is(200, state(&world, &expected));
    }
}

#[tokio::test]
async fn a_changed_agent_is_shown_as_it_is_now() {
    use local::agents::Behaviour;

    let world = World::start().await;
    let owner = world.owner_of("demo-running");
    let agent = world.stack.simulated("demo-running").unwrap();
    agent.set_version("2026.5.1".parse().unwrap());
    let answer = owner.get("/api/instance/demo-running").await;
    assert_eq!(answer.body["openclawVersion"], "2026.5.1");
    for (behaviour, status) in [
        (Behaviour::Unreachable, "unreachable"),
        (Behaviour::Starting, "starting"),
        (Behaviour::Running, "running"),
    ] {
        agent.set(behaviour).unwrap();
        let answer = owner.get("/api/instance/demo-running").await;
        assert_eq!(answer.body["status"], status);
    }
}

#[tokio::test]
async fn a_record_without_anything_has_nulls_and_the_fallbacks_of_the_spec() {
    // The constructed host is off the list, so nobody looks it up.
    let world = World::with(AGENT_HOSTS, "127.0.0.1")
        .with(OPENCLAW_IMAGE, "ghcr.io/openclaw/openclaw:2026.5.2")
        .start()
        .await;
    let owner = world.log_in("owner").await;
    let record = json!({"instanceId": "abc123", "ownerId": "owner"});
    world.records.put_instance(&record).await;
    let refused = "request failed: host agentbot-agent-abc123-production.up.railway.app is not \
                   one of 127.0.0.1";
    owner.get("/api/instance/abc123").await.is(
        200,
        json!({
            "userId": "abc123",
            "status": "unreachable",
            "statusReason": format!("No probe succeeded: {refused}"),
            "degraded": [],
            "probeChecks": all_failed(refused),
            "startedAt": null,
            "subdomain": "agentbot-agent-abc123-production.up.railway.app",
            "url": "https://agentbot-agent-abc123-production.up.railway.app",
            "plan": "free",
            "openclawVersion": "2026.5.2",
            "openclawVersionSource": "default",
            "ffmpegAvailable": false,
            "ffmpegVersion": null,
            "provisionedAt": null,
            "lastSeenAt": null,
            "observedAt": null,
            "gatewayProcessStatus": null,
            "reportedVersion": null,
            "subscriptionStatus": null,
        }),
    );
}

#[tokio::test]
async fn times_fall_back_from_registration_to_creation() {
    let world = World::start().await;
    let owner = world.log_in("owner").await;
    let (created, registered, provisioned) = (
        "2026-01-01T00:00:00.000Z",
        "2026-02-01T00:00:00.000Z",
        "2026-03-01T00:00:00.000Z",
    );
    let rows = [
        (json!({}), Value::Null, Value::Null),
        (
            json!({"createdAt": created}),
            json!(created),
            json!(created),
        ),
        (
            json!({"createdAt": created, "registeredAt": registered}),
            json!(registered),
            json!(registered),
        ),
        (
            json!({"createdAt": created, "provisionedAt": provisioned}),
            json!(created),
            json!(provisioned),
        ),
        (
            json!({"provisionedAt": "2026-03-01T02:00:00+02:00"}),
            Value::Null,
            json!(provisioned),
        ),
    ];
    for (times, started_at, provisioned_at) in rows {
        let mut record = json!({
            "instanceId": "abc123", "ownerId": "owner", "openclawUrl": "http://127.0.0.1:1",
        });
        let fields = record.as_object_mut().unwrap();
        fields.extend(times.as_object().unwrap().clone());
        world.records.put_instance(&record).await;
        let answer = owner.get("/api/instance/abc123").await;
        assert_eq!(
            (&answer.body["startedAt"], &answer.body["provisionedAt"]),
            (&started_at, &provisioned_at),
            "{times}"
        );
    }
}

#[tokio::test]
async fn nobody_is_forbidden_to_see_an_instance_as_the_spec_says() {
    let world = World::start().await;
    let answer = world.anonymous().get("/api/instance/demo-running").await;
    answer.is(403, json!({"error": "Forbidden"}));
}

#[tokio::test]
async fn an_instance_of_somebody_else_and_one_that_is_not_there_look_the_same() {
    let world = World::start().await;
    let somebody_else = world.owner_of("demo-legacy");
    for caller in [world.stranger(), somebody_else] {
        for id in ["demo-running", "demo-Running", "no-such-instance"] {
            let answer = caller.get(&format!("/api/instance/{id}")).await;
            answer.is(404, json!({"error": NO_INSTANCE}));
            let answer = caller.get(&format!("/api/instance/{id}/stats")).await;
            answer.is(403, json!({"error": "Forbidden"}));
        }
    }
}

#[tokio::test]
async fn the_bearer_key_opens_no_page_of_an_owner() {
    let world = World::start().await;
    let answer = world.platform().get("/api/instance/demo-running").await;
    answer.is(403, json!({"error": "Forbidden"}));
    let path = "/api/instance/demo-running/stats";
    let answer = world.platform().get(path).await;
    answer.is(401, json!({"error": "Unauthorized"}));
}

#[tokio::test]
async fn a_look_costs_two_requests_to_dynamodb() {
    let world = Builder::default().watched().start().await;
    let owner = world.owner_of("demo-running");
    world.dynamodb().operations();
    let answer = owner.get("/api/instance/demo-running").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(world.dynamodb().operations(), ["GetItem", "GetItem"]);
}
