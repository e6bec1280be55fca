//! What support is told, by `SUPPORT_WEBHOOK_URL`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::config::SUPPORT_WEBHOOK_URL;
use local::agents::Behaviour;
use serde_json::{Value, json};
use tests::{Reply, ScriptedServer, World};

use crate::support::controls::{ID, until};

const HEAL: &str = "/api/support/heal-token";

/// A world that alerts a support which answers so, one reply after the other and
/// the last one again and again.
async fn world_with(replies: Vec<Reply>) -> (World, ScriptedServer) {
    let next = AtomicUsize::new(0);
    let support = ScriptedServer::start(move |_| {
        let index = next.fetch_add(1, Ordering::SeqCst);
        replies[index.min(replies.len() - 1)].clone()
    })
    .await;
    let url = format!("{}/hooks/secret-path?key=secret", support.url());
    let world = World::with(SUPPORT_WEBHOOK_URL, url).start().await;
    (world, support)
}

fn thanks() -> Reply {
    Reply::http(204, "text/plain", "")
}

async fn heal_unreachable(world: &World) -> Value {
    let agent = world.stack.simulated(ID).unwrap();
    agent.set(Behaviour::Unreachable).unwrap();
    let answer = world.owner_of(ID).post(HEAL).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["health"].clone()
}

async fn until_asked(support: &ScriptedServer, times: usize) {
    until("support is alerted", async || {
        support.requests().len() >= times
    })
    .await;
}

#[tokio::test]
async fn a_gateway_that_is_down_is_told_to_support_in_plain_fields() {
    let (world, support) = world_with(vec![thanks()]).await;
    heal_unreachable(&world).await;
    until_asked(&support, 1).await;
    let bodies = support.bodies();
    let body: Value = serde_json::from_str(&bodies[0]).unwrap();
    assert_eq!(
        body,
        json!({
            "severity": "critical", "title": "Gateway down",
            "text": "No probe succeeded: request failed: connection refused",
            "instanceId": ID, "time": "2026-04-04T03:10:00.000Z",
            "dedupKey": format!("gateway-down:{ID}"),
        })
    );
    let head = &support.requests()[0];
    assert!(
        head.starts_with("post /hooks/secret-path?key=secret "),
        "{head}"
    );
}

#[tokio::test]
async fn a_gateway_that_is_well_is_no_news() {
    let (world, support) = world_with(vec![thanks()]).await;
    let answer = world.owner_of(ID).post(HEAL).await;
    assert_eq!(answer.body["health"]["status"], "ok");
    world.stack.stop().await;
    assert_eq!(support.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_failure_is_told_too() {
    let (world, support) = world_with(vec![thanks()]).await;
    world.records.lose_tokens().await;
    let answer = world.owner_of(ID).post(HEAL).await;
    assert_eq!(answer.status, 500);
    until_asked(&support, 1).await;
    let body = support.bodies().remove(0);
    assert!(body.contains("The gateway token cannot be read"), "{body}");
}

#[tokio::test]
async fn the_same_problem_is_told_once_and_another_one_at_once() {
    let (world, support) = world_with(vec![thanks()]).await;
    for _ in 0..5 {
        heal_unreachable(&world).await;
    }
    let agent = world.stack.simulated(ID).unwrap();
    agent.set(Behaviour::Starting).unwrap();
    world.owner_of(ID).post(HEAL).await;
    until_asked(&support, 2).await;
    world.clock.advance(jiff::SignedDuration::from_mins(5));
    heal_unreachable(&world).await;
    until_asked(&support, 3).await;
    world.stack.stop().await;
    assert_eq!(support.requests().len(), 3);
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
    let busy = Reply::raw("HTTP/1.1 429 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n");
    let broken = Reply::raw("");
    let failed = Reply::http(503, "text/plain", "");
    let (world, support) = world_with(vec![busy, broken, failed, thanks()]).await;
    heal_unreachable(&world).await;
    until_asked(&support, 4).await;
    world.stack.stop().await;
    assert_eq!(support.requests().len(), 4);

    let elsewhere = ScriptedServer::always(thanks()).await;
    let moved = format!(
        "HTTP/1.1 302 Moved\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
        elsewhere.url()
    );
    for refusal in [Reply::http(404, "text/plain", ""), Reply::raw(moved)] {
        let (world, support) = world_with(vec![refusal]).await;
        heal_unreachable(&world).await;
        world.stack.stop().await;
        assert_eq!(support.requests().len(), 1);
    }
    assert_eq!(elsewhere.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn an_alert_delays_no_answer_and_is_finished_when_the_stack_ends() {
    // The support answers only when the caller has its own answer.
    let answered = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = answered.clone();
    let support = ScriptedServer::start(move |_| {
        if seen.load(Ordering::SeqCst) {
            thanks()
        } else {
            Reply::http(503, "text/plain", "")
        }
    })
    .await;
    let world = World::with(SUPPORT_WEBHOOK_URL, support.url())
        .start()
        .await;
    let health = heal_unreachable(&world).await;
    answered.store(true, Ordering::SeqCst);
    assert_eq!(health["status"], "down");
    world.stack.stop().await;
    let asked = support.requests().len();
    assert!(asked >= 1);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(support.requests().len(), asked, "nothing goes on");
}

#[tokio::test]
async fn a_support_that_is_not_there_harms_nobody() {
    let (world, support) = world_with(vec![Reply::Silence]).await;
    assert_eq!(heal_unreachable(&world).await["status"], "down");
    until_asked(&support, 1).await;
    drop(support);
    assert_eq!(heal_unreachable(&world).await["status"], "down");
}

#[tokio::test]
async fn a_webhook_that_is_no_url_stops_the_start_and_is_not_repeated() {
    let started = World::with(SUPPORT_WEBHOOK_URL, "http://hooks.example/secret");
    let error = started.try_start().await.err().unwrap().to_string();
    assert_eq!(
        error,
        "bad configuration: SUPPORT_WEBHOOK_URL must be an https URL without a user, or an http \
         URL on this machine"
    );
}
