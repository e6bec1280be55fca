//! What Railway says keeps agents from being asked, or from being blamed.

use std::time::Duration;

use jiff::SignedDuration;
use local::agents::Behaviour;
use local::railway::Fault;
use serde_json::json;
use sweep::{Coordinator, ListingState, Settings};
use tests::{Caller, Reply, ScriptedServer, World};

const IMAGE: &str = "ghcr.io/openclaw/openclaw:2026.4.11";
const RUNNING: &str = "service-agentbot-agent-demo-running";

/// A world with an agent `abc123` of a service on Railway, which counts the
/// requests that it gets.
async fn counted() -> (World, ScriptedServer, String, Caller) {
    let world = World::start().await;
    world.wake_the_hanging();
    let body = json!({"ok": true, "ready": true, "state": "running"});
    let agent = ScriptedServer::always(Reply::json(&body)).await;
    let owner = world.deploy("abc123", "owner", agent.url()).await;
    let service = world
        .railway()
        .add_service("agentbot-agent-abc123", IMAGE, None);
    (world, agent, service, owner)
}

#[tokio::test]
async fn a_sleeping_agent_gets_no_request() {
    let (world, agent, service, owner) = counted().await;
    world.sweep().await;
    assert_eq!(agent.requests().len(), 3);
    world.railway().set_status(&service, "SLEEPING");
    for _ in 0..3 {
        let summary = world.sweep().await.summary;
        assert_eq!(summary.skipped_sleeping, 1);
    }
    assert_eq!(agent.requests().len(), 3);
    assert_eq!(world.condition("abc123").await, "sleeping");

    // Awake again, it is asked and up at once.
    world.railway().set_status(&service, "SUCCESS");
    world.sweep().await;
    assert_eq!(agent.requests().len(), 6);
    assert_eq!(world.condition("abc123").await, "up");
    let history = owner.get("/api/instance/abc123/history").await.body;
    let sleeping = &history["seconds"]["sleeping"];
    assert_eq!(
        (sleeping, &history["uptimePercent"]),
        (&json!(180), &json!(100.0))
    );
}

#[tokio::test]
async fn an_agent_that_was_stopped_on_purpose_is_not_down() {
    let world = World::start().await;
    world.wake_the_hanging();
    world.sweep().await;
    let answer = world
        .owner_of("demo-running")
        .post("/api/instance/demo-running/stop")
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    for _ in 0..4 {
        world.sweep().await;
        assert_eq!(world.condition("demo-running").await, "stopped");
    }
    let history = world.history("demo-running").await;
    assert_eq!(history["seconds"]["stopped"], 180);
    assert_eq!(history["uptimePercent"], 100.0);
}

#[tokio::test]
async fn failures_after_a_deployment_do_not_count() {
    // A deployment that takes as long as the test wants it to.
    let world = World::with("AGENT_HOSTS", "127.0.0.1")
        .stage(Duration::from_secs(3600))
        .start()
        .await;
    world.wake_the_hanging();
    world.sweep().await;
    world.clock.advance(SignedDuration::from_secs(1));
    let path = "/api/instance/demo-running/repair";
    assert_eq!(world.owner_of("demo-running").post(path).await.status, 200);
    let agent = world.stack.simulated("demo-running").unwrap();
    agent.set(Behaviour::Unreachable).unwrap();
    // Longer than the grace, and it is on its way still.
    for _ in 0..5 {
        world.sweep().await;
        assert_eq!(world.condition("demo-running").await, "starting");
    }
    world.railway().set_status(RUNNING, "SUCCESS");
    for expected in ["starting", "starting", "down"] {
        world.sweep().await;
        assert_eq!(world.condition("demo-running").await, expected);
    }
}

#[tokio::test]
async fn while_services_cannot_be_listed_the_last_listing_counts() {
    let (world, agent, service, _) = counted().await;
    world.railway().set_status(&service, "SLEEPING");
    world.sweep().await;
    let failing =
        Coordinator::new(world.sweeper(&world.stack.connection, true, Settings::default()));
    for (minutes, state) in [(1, ListingState::Old), (15, ListingState::Unavailable)] {
        world.clock.advance(SignedDuration::from_mins(minutes - 1));
        world.railway().clear_faults();
        world.railway().inject(vec![Fault::Status(503); 20]);
        let summary = world.sweep_with(&failing).await.summary;
        assert_eq!(summary.listing, state);
        assert_eq!(summary.skipped_sleeping, 1, "{minutes}");
        assert_eq!(summary.probed, 7, "{minutes}");
    }
    assert_eq!(agent.requests().len(), 0);
}

#[tokio::test]
async fn without_railway_every_agent_is_asked_and_the_sweep_says_so() {
    let (world, agent, service, _) = counted().await;
    world.railway().set_status(&service, "SLEEPING");
    let alone =
        Coordinator::new(world.sweeper(&world.stack.connection, false, Settings::default()));
    let summary = world.sweep_with(&alone).await.summary;
    assert_eq!(summary.listing, ListingState::NotConfigured);
    assert_eq!((summary.probed, summary.skipped_sleeping), (8, 0));
    assert_eq!(agent.requests().len(), 3);
}

#[tokio::test]
async fn services_are_listed_no_more_often_than_is_allowed() {
    let (world, ..) = counted().await;
    let settings = Settings {
        listing_interval: SignedDuration::from_mins(3),
        ..Settings::default()
    };
    let rarely = Coordinator::new(world.sweeper(&world.stack.connection, true, settings));
    world.railway().clear_log();
    for _ in 0..6 {
        world.sweep_with(&rarely).await;
    }
    let listings = world.railway().operations();
    // Two listings of eight services, three a page.
    assert_eq!(listings, ["Fleet"; 6]);
}
