//! Links to agents' pages, and the sessions that they begin: how long they last.

use futures_util::future::join_all;
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::RawSocket;

use crate::pages::{BAD_LINK, OPEN, Opened, is_page};

#[tokio::test]
async fn a_link_works_once_for_a_minute_and_for_its_agent() {
    let opened = Opened::start().await;
    opened
        .world
        .deploy("other", "owner-of-other", opened.agent.url())
        .await;
    let link = opened.link("echo", "owner-of-echo").await;
    // Elsewhere it does nothing, and stays good.
    is_page(opened.get("other", &link, &[]).await, 403, BAD_LINK).await;
    let post = opened.send(Method::POST, "echo", &link, &[]).await;
    is_page(post, 405, "A link is opened with GET").await;
    let guess = opened
        .get("echo", &link, &[("sec-purpose", "prefetch")])
        .await;
    is_page(guess, 403, "Another page may not use this one").await;
    assert_eq!(opened.get("echo", &link, &[]).await.status(), 303);
    is_page(opened.get("echo", &link, &[]).await, 403, BAD_LINK).await;

    let late = opened.link("echo", "owner-of-echo").await;
    opened.world.clock.advance(SignedDuration::from_secs(60));
    is_page(opened.get("echo", &late, &[]).await, 403, BAD_LINK).await;
    for made_up in [
        "",
        "?ticket=",
        "?ticket=x",
        &format!("?ticket={}", "0".repeat(64)),
    ] {
        let path = format!("{OPEN}{made_up}");
        is_page(opened.get("echo", &path, &[]).await, 403, BAD_LINK).await;
    }
    // Neither kind of ticket is the other.
    let owner = opened.world.log_in("owner-of-echo").await;
    let mut ticket = owner.post("/api/openclaw/proxy/echo/ticket").await;
    let path = format!("{OPEN}?ticket={}", ticket.take("ticket").as_str().unwrap());
    is_page(opened.get("echo", &path, &[]).await, 403, BAD_LINK).await;
    let link = opened.link("echo", "owner-of-echo").await;
    let cookie = opened.opened().await;
    let session = cookie.split_once('=').unwrap().1;
    for ticket in [link.split_once('=').unwrap().1, session] {
        let path = format!("/api/openclaw/proxy/echo/x?ticket={ticket}");
        let (_, head) = RawSocket::upgrade(&opened.world.stack.api, &path, "").await;
        assert!(head.starts_with("http/1.1 403 "), "{head}");
    }
    assert_eq!(opened.agent.connections(), 0);
}

#[tokio::test]
async fn of_many_browsers_with_one_link_one_gets_in() {
    let opened = Opened::start().await;
    let link = opened.link("echo", "owner-of-echo").await;
    let answers = join_all((0..20).map(|_| opened.get("echo", &link, &[]))).await;
    let in_ = answers
        .iter()
        .filter(|answer| answer.status() == 303)
        .count();
    let out = answers
        .iter()
        .filter(|answer| answer.status() == 403)
        .count();
    assert_eq!((in_, out), (1, 19));
}

#[tokio::test]
async fn a_session_ends_after_an_hour() {
    let opened = Opened::start().await;
    let cookie = opened.opened().await;
    opened.world.clock.advance(SignedDuration::from_secs(3599));
    let path = "/healthz";
    assert_eq!(
        opened
            .get("echo", path, &[("cookie", &cookie)])
            .await
            .status(),
        200
    );
    opened.world.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(
        opened
            .get("echo", path, &[("cookie", &cookie)])
            .await
            .status(),
        401
    );
}

#[tokio::test]
async fn an_owner_closes_the_page_everywhere_and_others_do_not() {
    let opened = Opened::start().await;
    let path = "/api/instance/echo/open";
    let (link, cookie) = (
        opened.link("echo", "owner-of-echo").await,
        opened.opened().await,
    );
    let stranger = opened.world.stranger();
    let refused = stranger.send(Method::DELETE, path, "").await;
    refused.is(403, json!({"error": "Forbidden"}));
    opened.world.clock.advance(SignedDuration::from_secs(1));
    let owner = opened.world.log_in("owner-of-echo").await;
    owner
        .send(Method::DELETE, path, "")
        .await
        .is(204, Value::Null);
    assert_eq!(
        opened
            .get("echo", "/x", &[("cookie", &cookie)])
            .await
            .status(),
        401
    );
    is_page(opened.get("echo", &link, &[]).await, 403, BAD_LINK).await;
    // What is opened after that is open.
    opened.world.clock.advance(SignedDuration::from_secs(1));
    let cookie = opened.opened().await;
    assert_eq!(
        opened
            .get("echo", "/x", &[("cookie", &cookie)])
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn who_owns_the_agent_no_more_has_its_page_open_no_more() {
    let opened = Opened::start().await;
    let cookie = opened.opened().await;
    let body = json!({"ownerId": "another-owner", "openclawUrl": opened.agent.url()});
    let path = "/api/openclaw/instances/echo";
    assert_eq!(opened.world.platform().put(path, &body).await.status, 200);
    assert_eq!(
        opened
            .get("echo", "/x", &[("cookie", &cookie)])
            .await
            .status(),
        401
    );
}
