//! `GET /api/openclaw/maintenance`.

use common::config::{AGENT_HOSTS, OPENCLAW_IMAGE};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{ScriptedServer, World};

use crate::support::states::{agent_of_the_spec, all_failed, behaviours, look, take_seconds};

const PATH: &str = "/api/openclaw/maintenance";

#[tokio::test]
async fn the_example_of_the_spec_is_answered() {
    let world = World::start().await;
    let agent = ScriptedServer::agent(agent_of_the_spec(Some("2d 5h"))).await;
    let owner = world.deploy("abc123", "owner", agent.url()).await;
    // The contract's agent lives on Railway and this one on the loopback; all
    // other values are the contract's.
    owner.get(PATH).await.is(
        200,
        json!({
            "instanceId": "abc123",
            "railwayUrl": agent.url(),
            "healthy": true,
            "ready": true,
            "version": "2026.4.11",
            "versionSource": "healthz",
            "uptime": "2d 5h",
            "status": "running",
            "statusReason": null,
            "checks": [
                {"path": "/healthz", "ok": true, "status": 200, "reason": null},
                {"path": "/readyz", "ok": true, "status": 200, "reason": null},
                {"path": "/api/status", "ok": true, "status": 200, "reason": null},
            ],
        }),
    );
}

#[tokio::test]
async fn every_behaviour_of_an_agent_is_told() {
    let world = World::start().await;
    for expected in behaviours() {
        let id = format!("demo-{}", expected.name);
        let mut answer = look(&world, &id, PATH).await;
        if expected.tells_uptime {
            take_seconds(&mut answer);
        } else {
            assert_eq!(answer.take("uptime"), Value::Null);
        }
        let mut agents = world.stack.agents.iter();
        let agent = agents.find(|agent| agent.instance_id == id).unwrap();
        answer.is(
            200,
            json!({
                "instanceId": id,
                "railwayUrl": agent.url,
                "healthy": expected.checks[0]["ok"],
                "ready": expected.checks[1]["ok"],
                "version": "2026.4.11",
                "versionSource": if expected.tells_version { "api-status" } else { "default" },
                "status": expected.status,
                "statusReason": expected.reason,
                "checks": expected.checks,
            }),
        );
    }
}

#[tokio::test]
async fn a_user_without_an_agent_is_told_so() {
    let world = World::start().await;
    let answer = world.stranger().get(PATH).await;
    answer.is(
        200,
        json!({"status": "no_agent", "healthy": false, "ready": false}),
    );
}

#[tokio::test]
async fn health_is_unauthorized_to_nobody() {
    let world = World::start().await;
    for caller in [world.anonymous(), world.platform()] {
        let answer = caller.get(PATH).await;
        answer.is(401, json!({"error": "Unauthorized"}));
    }
}

#[tokio::test]
async fn an_agent_without_an_address_is_asked_at_the_constructed_one() {
    // The constructed host is off the list, so nobody looks it up.
    let world = World::with(AGENT_HOSTS, "127.0.0.1")
        .with(OPENCLAW_IMAGE, "registry.example:5000/openclaw")
        .start()
        .await;
    let owner = world.log_in("owner").await;
    let record = json!({"instanceId": "abc123", "ownerId": "owner"});
    world.records.put_instance(&record).await;
    let refused = "request failed: host agentbot-agent-abc123-production.up.railway.app is not \
                   one of 127.0.0.1";
    owner.get(PATH).await.is(
        200,
        json!({
            "instanceId": "abc123",
            "railwayUrl": "https://agentbot-agent-abc123-production.up.railway.app",
            "healthy": false,
            "ready": false,
            "version": "2026.4.11",
            "versionSource": "default",
            "uptime": null,
            "status": "unreachable",
            "statusReason": format!("No probe succeeded: {refused}"),
            "checks": all_failed(refused),
        }),
    );
}

#[tokio::test]
async fn of_several_instances_of_an_owner_the_newest_is_meant() {
    let world = World::start().await;
    let second = ScriptedServer::agent(agent_of_the_spec(None)).await;
    let hour = SignedDuration::from_hours(1);
    // In an order that is neither that of the ids nor that of the writes.
    world
        .deploy("m-oldest", "owner", "http://127.0.0.1:1")
        .await;
    world.clock.advance(hour);
    world.clock.advance(hour);
    let owner = world.deploy("a-newest", "owner", second.url()).await;
    world.clock.advance(-hour);
    world
        .deploy("z-between", "owner", "http://127.0.0.1:1")
        .await;
    let undated = json!({"instanceId": "zz-undated", "ownerId": "owner"});
    world.records.put_instance(&undated).await;

    let answer = owner.get(PATH).await;
    assert_eq!(answer.body["instanceId"], "a-newest");
    assert_eq!(answer.body["status"], "running");
}

#[tokio::test]
async fn an_update_does_not_make_an_instance_newer() {
    let world = World::start().await;
    let owner = world.deploy("first", "owner", "http://127.0.0.1:1").await;
    world.clock.advance(SignedDuration::from_secs(1));
    world.deploy("second", "owner", "http://127.0.0.1:1").await;
    world.clock.advance(SignedDuration::from_secs(1));
    let update = json!({"ownerId": "owner", "plan": "label"});
    let path = "/api/openclaw/instances/first";
    assert_eq!(world.platform().put(path, &update).await.status, 200);
    let answer = owner.get(PATH).await;
    assert_eq!(answer.body["instanceId"], "second");
}

#[tokio::test]
async fn an_instance_that_changes_hands_belongs_to_the_new_owner_alone() {
    let world = World::start().await;
    let before = world.deploy("abc123", "before", "http://127.0.0.1:1").await;
    let after = world.log_in("after").await;
    let path = "/api/openclaw/instances/abc123";
    let sale = json!({"ownerId": "after"});
    assert_eq!(world.platform().put(path, &sale).await.status, 200);
    assert_eq!(before.get(PATH).await.body["status"], "no_agent");
    assert_eq!(after.get(PATH).await.body["instanceId"], "abc123");
    let path = "/api/instance/abc123";
    assert_eq!(before.get(path).await.status, 404);
    assert_eq!(after.get(path).await.status, 200);
}
