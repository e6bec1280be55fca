//! An origin for each agent: who gets in, and what is there.

use http::Method;
use serde_json::{Value, json};
use tests::{RawSocket, RunningRelay, World, frame};

use crate::pages::{BAD_LINK, COOKIE, OPEN, Opened, cookie_of, is_page, is_refused};
use crate::support::sent;

const NOT_OPEN: &str = "This page is not open in this browser";
const AS_PAGE: (&str, &str) = ("accept", "text/html,*/*;q=0.8");

#[tokio::test]
async fn an_owner_gets_a_link_and_others_do_not() {
    let opened = Opened::start().await;
    let world = &opened.world;
    let path = "/api/instance/echo/open";
    let unauthorized = json!({"error": "Unauthorized"});
    world
        .anonymous()
        .post(path)
        .await
        .is(401, unauthorized.clone());
    world.platform().post(path).await.is(401, unauthorized);
    let forbidden = json!({"error": "Forbidden"});
    world.stranger().post(path).await.is(403, forbidden.clone());
    world
        .owner_of("demo-running")
        .post(path)
        .await
        .is(403, forbidden);
    let foreign = world.log_in("owner-of-echo").await;
    let foreign = foreign.with("origin", opened.origin("demo-running"));
    assert_eq!(foreign.post(path).await.status, 403);

    // With the token of an agent that has one, where no server sees it.
    let owner = world.owner_of("demo-running");
    let mut answer = owner.post("/api/instance/demo-running/open").await;
    let url = answer.take("url").as_str().unwrap().to_owned();
    answer.is(201, json!({"expiresAt": "2026-04-04T03:11:00.000Z"}));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let start = format!("{}{OPEN}?ticket=", opened.origin("demo-running"));
    let (ticket, token) = url.strip_prefix(&start).unwrap().split_once('#').unwrap();
    assert!(ticket.len() == 64 && ticket.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let known = owner.get("/api/instance/demo-running/token").await.body;
    assert_eq!(
        Some(token),
        known["token"]
            .as_str()
            .map(|it| format!("token={it}"))
            .as_deref()
    );
}

#[tokio::test]
async fn a_link_begins_a_session_of_this_host_alone_and_leads_to_the_root() {
    let opened = Opened::start().await;
    let link = opened.link("echo", "owner-of-echo").await;
    let answer = opened.get("echo", &link, &[]).await;
    assert_eq!(answer.status(), 303);
    let headers = answer.headers();
    assert_eq!(headers["location"], "/");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    let set = headers["set-cookie"].to_str().unwrap();
    let (pair, attributes) = set.split_once("; ").unwrap();
    assert_eq!(
        attributes,
        "Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=3600"
    );
    assert_eq!(pair.len(), COOKIE.len() + 1 + 64);
    assert_eq!(opened.agent.connections(), 0);
}

#[tokio::test]
async fn the_agent_is_at_the_root_for_its_visitor_and_gets_nothing_of_the_platforms() {
    let opened = Opened::start().await;
    let cookie = opened.opened().await;
    let key = format!("Bearer {}", opened.world.stack.bearer.reveal());
    let cookies = format!("a=1; {cookie}; agentbot-session=session-of-owner-of-echo; b=2");
    let headers = [("cookie", &*cookies), ("authorization", &*key)];
    for path in [
        "/",
        "/api/instance/echo?x=%20&ticket=1",
        "/healthz",
        "/api/openclaw/proxy/echo/x",
    ] {
        let mirror = opened.get("echo", path, &headers).await;
        assert_eq!(mirror.status(), 200);
        let mirror: Value = mirror.json().await.unwrap();
        assert_eq!(mirror["target"], path);
        assert_eq!(sent(&mirror, "cookie"), ["a=1; b=2"]);
        assert_eq!(sent(&mirror, "authorization"), <[&str; 0]>::default());
        assert_eq!(sent(&mirror, "x-forwarded-for"), ["198.51.100.1"]);
        let host = opened.origin("echo");
        assert_eq!(
            sent(&mirror, "x-forwarded-host"),
            [host.trim_start_matches("http://")]
        );
    }
    let (_, head) = opened
        .socket("/a/%2e%2e/b", &format!("cookie: {cookie}\r\n"))
        .await;
    assert!(head.starts_with("http/1.1 400 "), "{head}");
    for path in ["/api/v1/admin/rpc", "//api/V1/%61dmin/rpc/"] {
        let rpc = opened
            .send(Method::POST, "echo", path, &[("cookie", &cookie)])
            .await;
        is_refused(rpc, 403, "The gateway's admin RPC is not passed on").await;
    }
    assert_eq!(opened.agent.rpc_calls(), []);
}

#[tokio::test]
async fn who_has_not_opened_the_page_is_told_so_and_reaches_no_agent() {
    let opened = Opened::start().await;
    let others = opened.open("demo-running", "owner-running").await;
    let made_up = format!("{COOKIE}={}", "0".repeat(64));
    let twice = format!("{others}; {others}");
    let session = "agentbot-session=session-of-owner-of-echo";
    let key = format!("Bearer {}", opened.world.stack.bearer.reveal());
    for headers in [
        &[][..],
        &[("cookie", session)],
        &[("authorization", &*key)],
        &[("cookie", &*others)],
        &[("cookie", &*made_up)],
        &[("cookie", &*twice)],
    ] {
        let shown = [headers, &[AS_PAGE]].concat();
        is_page(opened.get("echo", "/", &shown).await, 401, NOT_OPEN).await;
        let advice = "POST /api/instance/{userId}/open answers with a link that opens it; programs \
                      use /api/openclaw/proxy/{agentId}/";
        let answer = opened.get("echo", "/healthz", headers).await;
        is_refused(answer, 401, &format!("{NOT_OPEN}. {advice}")).await;
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let (_, head) = opened.socket("/", &lines).await;
        assert!(head.starts_with("http/1.1 401 "), "{head}");
    }
    assert_eq!(opened.agent.connections(), 0);
}

#[tokio::test]
async fn ids_that_are_no_host_names_have_origins_too() {
    let opened = Opened::start().await;
    for id in ["Echo", "e_cho", "-echo-", "xn--echo"] {
        opened
            .world
            .deploy(id, "owner-of-echo", opened.agent.url())
            .await;
        let owner = opened.world.log_in("owner-of-echo").await;
        let mut answer = owner.post(&format!("/api/instance/{id}/open")).await;
        let url = answer.take("url").as_str().unwrap().to_owned();
        let (origin, path) = url.split_once(".agents.localhost").unwrap();
        let label = origin.trim_start_matches("http://");
        assert!(label.starts_with("id-") && label.len() == 35, "{url}");
        let link = &path[path.find('/').unwrap()..];
        let cookie = cookie_of(&opened.get(label, link, &[]).await);
        let mirror = opened.get(label, "/x", &[("cookie", &cookie)]).await;
        assert_eq!(mirror.status(), 200, "{id}");
        // Its cookie opens nobody else's, in whatever case.
        assert_eq!(
            opened
                .get("echo", "/x", &[("cookie", &cookie)])
                .await
                .status(),
            401
        );
    }
}

#[tokio::test]
async fn where_no_agent_can_be_nobody_answers_and_least_of_all_the_api() {
    let opened = Opened::start().await;
    let session = ("cookie", "agentbot-session=session-of-owner-of-echo");
    let path = "/api/instance/echo";
    let (_, port) = opened.world.stack.api.rsplit_once(':').unwrap();
    let client = common::client::builder().build().unwrap();
    for host in [
        "agents.localhost",
        "x.echo.agents.localhost",
        "echo.agents.localhost.",
        "ECHO.Agents.LocalHost.",
    ] {
        let url = format!("{}{path}", opened.world.stack.api);
        let request = client.get(url).header("host", format!("{host}:{port}"));
        let answer = request
            .header(session.0, session.1)
            .header(AS_PAGE.0, AS_PAGE.1);
        let answer = answer.send().await.unwrap();
        is_page(answer, 404, "There is no agent at this address").await;
    }
    for label in ["echo", "ECHO", "nobody"] {
        let answer = opened.get(label, path, &[session]).await;
        assert_eq!(answer.status(), 401, "{label}");
    }
    // The API's own host serves it as ever.
    let owner = opened.world.log_in("owner-of-echo").await;
    assert_eq!(owner.get(path).await.body["userId"], "echo");
    assert_eq!(opened.agent.connections(), 3);
}

#[tokio::test]
async fn the_relay_routes_by_host_too() {
    let opened = Opened::start().await;
    let relay = RunningRelay::start(&opened.world, |_| {}).await;
    let client = common::client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let get = |path: &str| {
        let url = format!("{}{path}", relay.url);
        client.get(url).header("host", "echo.agents.localhost")
    };
    // None of its own endpoints is there.
    for path in ["/healthz", "/metrics", "/api/openclaw/proxy/echo/x"] {
        let key = opened.world.stack.bearer.reveal();
        let answer = get(path).bearer_auth(key).send().await.unwrap();
        assert_eq!(answer.status(), 401);
    }
    let link = opened.link("echo", "owner-of-echo").await;
    let cookie = cookie_of(&get(&link).send().await.unwrap());
    is_page(get(&link).send().await.unwrap(), 403, BAD_LINK).await;
    let mirror = get("/healthz")
        .header("cookie", &cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(mirror.json::<Value>().await.unwrap()["target"], "/healthz");
    let headers = format!("cookie: {cookie}\r\norigin: http://echo.agents.localhost\r\n");
    let (mut socket, head) =
        RawSocket::upgrade_at(&relay.url, "echo.agents.localhost", "/x", &headers).await;
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    socket.send(&frame(0x81, b"hello")).await;
    assert_eq!(socket.frame().await, (0x81, b"hello".to_vec()));
}

#[tokio::test]
async fn a_socket_is_open_for_the_page_itself() {
    let opened = Opened::start().await;
    let cookie = opened.opened().await;
    let headers = format!("cookie: {cookie}\r\norigin: {}\r\n", opened.origin("echo"));
    for path in ["/", "/x?ticket=1"] {
        let (mut socket, head) = opened.socket(path, &headers).await;
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        socket.send(&frame(0x81, b"hello")).await;
        assert_eq!(socket.frame().await, (0x81, b"hello".to_vec()));
    }
    let handshakes = opened.agent.handshakes();
    let targets: Vec<&str> = handshakes.iter().map(|(target, _)| &**target).collect();
    assert_eq!(targets, ["/", "/x?ticket=1"]);
    assert!(
        handshakes
            .iter()
            .all(|(_, headers)| !headers.contains_key("cookie"))
    );
}

#[tokio::test]
async fn a_pattern_that_gives_agents_no_origins_stops_the_start() {
    for bad in [
        "https://agents.example",
        "http://{agentId}.agents.example",
        "https://{agentId}.x/y",
    ] {
        let started = World::with(common::config::AGENT_ORIGIN, bad)
            .try_start()
            .await;
        let error = started.err().unwrap().to_string();
        assert_eq!(
            error,
            "bad configuration: AGENT_ORIGIN must be an origin such as https://{agentId}.agents.example: \
             {agentId} once and in the first label of the host name, at most 24 lower-case letters, digits \
             and hyphens beside it there, and nothing behind the host but a port; http only for hosts \
             below localhost",
            "{bad}"
        );
    }
}

#[tokio::test]
async fn without_origins_no_page_is_opened() {
    let world = World::with(common::config::AGENT_ORIGIN, "").start().await;
    let owner = world.owner_of("demo-running");
    let path = "/api/instance/demo-running/open";
    let error = json!({"error": "Agents' pages cannot be opened here: AGENT_ORIGIN is not set"});
    owner.post(path).await.is(503, error.clone());
    owner.send(Method::DELETE, path, "").await.is(503, error);
}
