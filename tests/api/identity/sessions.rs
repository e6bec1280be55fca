//! Who is asking: session cookies and the bearer key.

use jiff::SignedDuration;
use serde_json::json;
use tests::World;

use crate::support::logins::{HEALTH, is_logged_in};

const VERSION: &str = "/api/openclaw/version";

#[tokio::test]
async fn both_names_of_the_cookie_are_taken() {
    let world = World::start().await;
    world.store_session("opaque", "user").await;
    for cookie in [
        "agentbot-session=opaque",
        "__Secure-agentbot.session-token=opaque",
        "theme=dark; agentbot-session=opaque; lang=en",
        "theme=dark;agentbot-session=opaque",
    ] {
        let caller = world.anonymous().with("cookie", cookie);
        assert!(is_logged_in(&caller).await, "{cookie}");
    }
}

#[tokio::test]
async fn cookies_that_are_no_text_hide_no_session() {
    let world = World::start().await;
    world.store_session("opaque", "user").await;
    for cookie in [
        b"city=Z\xc3\xbcrich; agentbot-session=opaque".as_slice(),
        b"agentbot-session=opaque; city=Z\xfcrich",
        b"\xff; =\xfe; agentbot-session=opaque; \xc3",
        b"agentbot-session=\xff; __Secure-agentbot.session-token=opaque",
    ] {
        let caller = world.anonymous().with("cookie", cookie);
        assert!(is_logged_in(&caller).await, "{cookie:?}");
    }
}

#[tokio::test]
async fn cookies_may_be_spread_over_headers() {
    let world = World::start().await;
    world.store_session("opaque", "user").await;
    let caller = world
        .anonymous()
        .with("cookie", "theme=dark")
        .with("cookie", "agentbot-session=opaque");
    assert!(is_logged_in(&caller).await);
}

#[tokio::test]
async fn cookies_that_are_no_session_open_nothing() {
    let world = World::start().await;
    world.store_session("opaque", "user").await;
    world.store_session(&"x".repeat(4096), "user").await;
    let longest = format!("agentbot-session={}", "x".repeat(4096));
    let too_long = format!("{longest}x");
    for cookie in [
        b"".as_slice(),
        b"agentbot-session",
        b"agentbot-session=",
        b"agentbot-session=other",
        b"agentbot-session=Opaque",
        b"agentbot-session=opaquer",
        b"agentbot-session=%6Fpaque",
        b"Agentbot-Session=opaque",
        b"agentbot.session-token=opaque",
        b"session=opaque",
        b"opaque",
        b"=opaque",
        b"agentbot-session=\xff\xfe",
        b"agentbot-session=;;;===",
        b"agentbot-session='; drop table sessions; --",
        too_long.as_bytes(),
    ] {
        let caller = world.anonymous().with("cookie", cookie);
        let shown = String::from_utf8_lossy(cookie);
        assert!(!is_logged_in(&caller).await, "{shown}");
    }
    let caller = world.anonymous().with("cookie", longest);
    assert!(is_logged_in(&caller).await);
}

#[tokio::test]
async fn the_hash_in_the_table_is_not_a_cookie() {
    let world = World::start().await;
    world.store_session("abc", "user").await;
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let caller = world
        .anonymous()
        .with("cookie", format!("agentbot-session={hash}"));
    assert!(!is_logged_in(&caller).await);
}

#[tokio::test]
async fn of_two_cookies_of_one_name_the_first_counts() {
    let world = World::start().await;
    world.store_session("opaque", "user").await;
    let caller = |cookie| world.anonymous().with("cookie", cookie);
    let good_first = "agentbot-session=opaque; agentbot-session=other";
    let good_last = "agentbot-session=other; agentbot-session=opaque";
    assert!(is_logged_in(&caller(good_first)).await);
    assert!(!is_logged_in(&caller(good_last)).await);
}

#[tokio::test]
async fn a_valid_cookie_of_either_name_is_enough_and_the_secure_one_wins() {
    let world = World::start().await;
    let agents = &world.stack.agents;
    let cookie_of = |id: &str| {
        let agent = agents.iter().find(|agent| agent.instance_id == id).unwrap();
        agent.cookie.split_once('=').unwrap().1
    };
    let stopped = cookie_of("demo-stopped");
    let setup = cookie_of("demo-setup");
    for (secure, plain, instance) in [
        (stopped, setup, "demo-stopped"),
        (setup, stopped, "demo-setup"),
        ("gone", setup, "demo-setup"),
        (stopped, "gone", "demo-stopped"),
    ] {
        let cookie = format!("agentbot-session={plain}; __Secure-agentbot.session-token={secure}");
        let answer = world.anonymous().with("cookie", cookie).get(HEALTH).await;
        assert_eq!(answer.body["instanceId"], instance);
    }
}

#[tokio::test]
async fn a_session_ends_when_its_time_is_over() {
    let world = World::start().await;
    let user = world.log_in("user").await;
    let lifetime = SignedDuration::from_hours(30 * 24);
    world.clock.advance(lifetime - SignedDuration::from_secs(1));
    assert!(is_logged_in(&user).await);
    world.clock.advance(SignedDuration::from_secs(1));
    assert!(!is_logged_in(&user).await);
    let path = "/api/instance/demo-running";
    user.get(path).await.is(403, json!({"error": "Forbidden"}));
    let answer = user.get(&format!("{path}/stats")).await;
    answer.is(401, json!({"error": "Unauthorized"}));
}

#[tokio::test]
async fn the_bearer_key_is_needed_whole_and_as_a_bearer() {
    let world = World::start().await;
    let key = world.stack.bearer.reveal();
    let rows = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        key.to_owned(),
        format!("Bearer {key}x"),
        format!("Bearer {}", &key[1..]),
        format!("Bearer {}", &key[..key.len() - 1]),
        format!("Bearer {}", key.to_uppercase()),
        format!("Bearer \"{key}\""),
        format!("Bearer {key} {key}"),
        format!("Basic {key}"),
        "Basic bG9jYWwtaW50ZXJuYWwtYXBpLWtleTo=".to_owned(),
        format!("Token {key}"),
        format!("Bearer={key}"),
    ];
    for authorization in rows {
        let caller = world.anonymous().with("authorization", &authorization);
        let answer = caller.get(VERSION).await;
        answer.is(401, json!({"error": "Unauthorized"}));
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let nobody = world.anonymous().get(VERSION).await;
    nobody.is(401, json!({"error": "Unauthorized"}));
    let not_text = world.anonymous().with("authorization", b"Bearer \xff");
    let answer = not_text.get(VERSION).await;
    answer.is(401, json!({"error": "Unauthorized"}));
}

#[tokio::test]
async fn the_scheme_of_the_bearer_key_may_be_in_any_case() {
    let world = World::start().await;
    let key = world.stack.bearer.reveal();
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let authorization = format!("{scheme} {key}");
        let caller = world.anonymous().with("authorization", authorization);
        assert_eq!(caller.get(VERSION).await.status, 200, "{scheme}");
    }
}

#[tokio::test]
async fn a_session_is_no_bearer_key() {
    let world = World::start().await;
    let owner = world.owner_of("demo-running");
    let answer = owner.get(VERSION).await;
    answer.is(401, json!({"error": "Unauthorized"}));
}
