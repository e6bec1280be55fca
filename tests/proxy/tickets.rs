//! Tickets: how browsers open WebSockets.

use futures_util::future::join_all;
use http::Method;
use jiff::SignedDuration;
use serde_json::json;

use crate::support::Proxied;

const PATH: &str = "/api/openclaw/proxy/echo/ticket";

async fn ticket(proxied: &Proxied, agent: &str, owner: &str) -> String {
    let owner = proxied.world.log_in(owner).await;
    let path = format!("/api/openclaw/proxy/{agent}/ticket");
    let mut answer = owner.post(&path).await;
    let ticket = answer.take("ticket").as_str().unwrap().to_owned();
    answer.is(201, json!({"expiresAt": "2026-04-04T03:11:00.000Z"}));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    ticket
}

async fn status(proxied: &Proxied, ticket: &str) -> String {
    let (_, head) = proxied.open_with(&format!("/x?ticket={ticket}"), "").await;
    head.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn an_owner_gets_a_ticket_and_others_do_not() {
    let proxied = Proxied::start().await;
    let world = &proxied.world;
    world
        .anonymous()
        .post(PATH)
        .await
        .is(401, json!({"error": "Unauthorized"}));
    world
        .platform()
        .post(PATH)
        .await
        .is(401, json!({"error": "Unauthorized"}));
    world
        .stranger()
        .post(PATH)
        .await
        .is(403, json!({"error": "Forbidden"}));
    let stranger = world.stranger();
    let nobodys = stranger
        .post("/api/openclaw/proxy/nobody-has-it/ticket")
        .await;
    nobodys.is(403, json!({"error": "Forbidden"}));
    let odd = stranger.post("/api/openclaw/proxy/a.b/ticket").await;
    odd.is(
        400,
        json!({"error": "agentId must be 1 to 64 letters, digits, hyphens or underscores"}),
    );
    let foreign = world
        .log_in("owner-of-echo")
        .await
        .with("origin", "https://evil.example");
    assert_eq!(foreign.post(PATH).await.status, 403);
    assert_eq!(ticket(&proxied, "echo", "owner-of-echo").await.len(), 64);
    // Only POST is the ticket's.
    let mirror = world.anonymous().send(Method::PUT, PATH, "").await;
    assert_eq!(mirror.body["target"], "/ticket");
}

#[tokio::test]
async fn a_ticket_opens_one_socket_and_does_not_reach_the_agent() {
    let proxied = Proxied::start().await;
    let ticket = ticket(&proxied, "echo", "owner-of-echo").await;
    assert_eq!(status(&proxied, &ticket).await, "101");
    assert_eq!(status(&proxied, &ticket).await, "403");
    let [(target, _)] = &proxied.agent.handshakes()[..] else {
        panic!("one handshake")
    };
    assert_eq!(target, "/x");
}

#[tokio::test]
async fn of_many_at_once_one_opens_a_socket() {
    let proxied = Proxied::start().await;
    let ticket = ticket(&proxied, "echo", "owner-of-echo").await;
    let mut found = join_all((0..20).map(|_| status(&proxied, &ticket))).await;
    found.sort();
    assert_eq!(found[0], "101");
    assert!(found[1..].iter().all(|status| status == "403"), "{found:?}");
}

#[tokio::test]
async fn a_ticket_is_for_one_agent_and_one_minute() {
    let proxied = Proxied::start().await;
    proxied
        .world
        .deploy("other", "owner-of-other", proxied.agent.url())
        .await;
    let others = ticket(&proxied, "other", "owner-of-other").await;
    assert_eq!(status(&proxied, &others).await, "403");
    let own = ticket(&proxied, "echo", "owner-of-echo").await;
    proxied.world.clock.advance(SignedDuration::from_secs(60));
    assert_eq!(status(&proxied, &own).await, "403");
    for made_up in ["", "x", &"0".repeat(64), &own.to_uppercase()] {
        assert_eq!(status(&proxied, made_up).await, "403", "{made_up}");
    }
    assert_eq!(proxied.agent.connections(), 0);
}
