//! Agents are other people's code: whatever they answer is bounded and named.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Reply, ScriptedServer, World, skip_limit};
use tokio::time::Instant;

/// The JSON that is good for `/healthz` and `/readyz`.
const GOOD: &str = r#"{"ok":true,"ready":true}"#;

/// [`GOOD`], compressed.
const GOOD_GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\xca\xcf\x56\xb2\x2a\
    \x29\x2a\x4d\xd5\x51\x2a\x4a\x4d\x4c\xa9\x84\x70\x6a\x01\x04\x54\x36\xf9\x18\x00\x00\x00";

/// An answer with status 200 and more headers before its body.
fn ok_with(headers: &str, body: impl AsRef<[u8]>) -> Reply {
    let mut bytes = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n",
        body.as_ref().len()
    )
    .into_bytes();
    bytes.extend_from_slice(body.as_ref());
    Reply::Bytes(bytes)
}

/// A good answer, padded to a length.
fn padded(len: usize) -> String {
    let padding = " ".repeat(len - GOOD.len());
    format!("{GOOD}{padding}")
}

fn endless(first: &str, rest: impl AsRef<[u8]>) -> Reply {
    let rest = rest.as_ref().to_vec();
    Reply::Forever(first.as_bytes().to_vec(), rest, Duration::ZERO)
}

/// An agent that replies so to `/healthz`, and knows nothing else.
async fn agent(reply: Reply) -> ScriptedServer {
    ScriptedServer::agent([reply, Reply::not_found(), Reply::not_found()]).await
}

/// What the check of `/healthz` says of an agent.
async fn check(world: &World, id: &str, agent: &ScriptedServer) -> Value {
    let owner = world.deploy(id, id, agent.url()).await;
    let answer = owner.get(&format!("/api/instance/{id}")).await;
    assert_eq!(answer.status, 200);
    let mut check = answer.body["probeChecks"][0].clone();
    assert_eq!(check["path"].take(), "/healthz");
    check
}

fn refused(status: Option<u16>, reason: &str) -> Value {
    json!({"path": null, "ok": false, "status": status, "reason": reason})
}

fn taken() -> Value {
    json!({"path": null, "ok": true, "status": 200, "reason": null})
}

#[tokio::test]
async fn hostile_answers_are_bounded_and_named() {
    const PAGE: &str = "HTTP 200, but the answer is a page";
    const TOO_LARGE: &str = "HTTP 200, but the answer is larger than 64 KiB";
    const BROKEN: &str = "request failed: connection closed or broken answer";
    let ok = |reason| refused(Some(200), reason);
    let failed = |reason| refused(None, reason);
    let json_head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let many_headers: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
    let long_header = format!("x-long: {}\r\n", "y".repeat(1024 * 1024));
    let rows = [
        ("largest", ok_with("", padded(65_536)), taken()),
        ("one byte more", ok_with("", padded(65_537)), ok(TOO_LARGE)),
        (
            "endless",
            endless(&format!("{json_head}\r\n"), [b' '; 8192]),
            ok(TOO_LARGE),
        ),
        (
            "endless in chunks",
            endless(
                &format!("{json_head}transfer-encoding: chunked\r\n\r\n"),
                "400\r\n".to_owned() + &" ".repeat(1024) + "\r\n",
            ),
            ok(TOO_LARGE),
        ),
        (
            "compressed",
            ok_with("content-encoding: gzip\r\n", GOOD_GZIP),
            taken(),
        ),
        (
            "html",
            Reply::http(200, "text/html; charset=utf-8", "<!doctype html>"),
            ok(PAGE),
        ),
        (
            "a type with a script",
            Reply::http(200, "text/<script>", GOOD),
            taken(),
        ),
        (
            "html that calls itself json",
            ok_with("", "<!doctype html>"),
            ok(PAGE),
        ),
        ("broken json", ok_with("", "{\"ok\":tru"), taken()),
        ("json too deep", ok_with("", "[".repeat(60_000)), taken()),
        ("a list", ok_with("", "[]"), taken()),
        ("nothing", ok_with("", ""), taken()),
        ("not utf-8", ok_with("", b"{\"ok\":\"\xff\"}"), taken()),
        (
            "a denial",
            ok_with("", "{\"ok\":false}"),
            ok("HTTP 200, but the answer says ok: false"),
        ),
        (
            "garbage",
            Reply::raw("SSH-2.0-OpenSSH_9.6\r\n"),
            failed(BROKEN),
        ),
        (
            "tls",
            Reply::raw(b"\x15\x03\x01\x00\x02\x02\x46"),
            failed(BROKEN),
        ),
        (
            "a status that is none",
            Reply::raw("HTTP/1.1 999999 ?\r\n\r\n"),
            failed(BROKEN),
        ),
        ("no answer", Reply::raw(""), failed(BROKEN)),
        (
            "half a head",
            Reply::raw("HTTP/1.1 200 OK\r\ncontent-ty"),
            failed(BROKEN),
        ),
        ("many headers", ok_with(&many_headers, GOOD), taken()),
        (
            "more headers than fit",
            ok_with(&"x:\r\n".repeat(20_000), GOOD),
            failed(BROKEN),
        ),
        ("a long header", ok_with(&long_header, GOOD), failed(BROKEN)),
        (
            "endless headers",
            endless(json_head, "x-more: and more\r\n".repeat(500)),
            failed(BROKEN),
        ),
        (
            "half a body",
            Reply::raw(format!("{json_head}content-length: 99\r\n\r\n{{\"ok\"")),
            ok("HTTP 200, but the answer broke off"),
        ),
        (
            "two lengths",
            Reply::raw(format!(
                "{json_head}content-length: 24\r\ncontent-length: 2\r\n\r\n{GOOD}"
            )),
            failed(BROKEN),
        ),
        (
            "not modified",
            Reply::http(304, "text/plain", ""),
            refused(Some(304), "HTTP 304"),
        ),
        (
            "teapot",
            Reply::http(418, "text/plain", ""),
            refused(Some(418), "HTTP 418"),
        ),
        (
            "500",
            Reply::http(500, "application/json", GOOD),
            refused(Some(500), "HTTP 500"),
        ),
    ];
    let world = World::start().await;
    for (n, (name, reply, expected)) in rows.into_iter().enumerate() {
        let start = Instant::now();
        assert_eq!(
            check(&world, &format!("i{n}"), &agent(reply).await).await,
            expected,
            "{name}"
        );
        let took = start.elapsed();
        assert!(took < Duration::from_secs(4), "{name}: {took:?}");
    }
}

#[tokio::test]
async fn answers_that_never_end_are_cut_off_at_the_limit() {
    let json_head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let drip = |first: &str, rest: &str| {
        let pause = Duration::from_millis(100);
        Reply::Forever(first.as_bytes().to_vec(), rest.as_bytes().to_vec(), pause)
    };
    let cut_off = refused(Some(200), "HTTP 200, but the answer timed out after 5 s");
    let timed_out = refused(None, "request failed: timed out after 5 s");
    let rows = [
        ("i1", Reply::Silence, timed_out.clone()),
        ("i2", drip(&format!("{json_head}\r\n"), " "), cut_off),
        ("i3", drip(json_head, "x: y\r\n"), timed_out.clone()),
        (
            "i4",
            drip("", "HTTP/1.1 103 Early Hints\r\n\r\n"),
            timed_out,
        ),
    ];
    let world = World::start().await;
    let agents =
        join_all(rows.map(async |(id, reply, expected)| (id, agent(reply).await, expected)));
    let agents = agents.await;
    let start = Instant::now();
    let checks = join_all(agents.iter().map(async |(id, agent, expected)| {
        assert_eq!(check(&world, id, agent).await, *expected, "{id}");
    }));
    let asked = || {
        agents
            .iter()
            .all(|(_, agent, _)| agent.requests().len() >= 3)
    };
    skip_limit(Duration::from_secs(5), asked, checks).await;
    let took = start.elapsed().as_secs_f64();
    assert!((5.0..8.0).contains(&took), "{took} s");
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let world = World::start().await;
    let elsewhere = ScriptedServer::always(Reply::json(&json!({"ok": true}))).await;
    for (n, status) in [301, 302, 303, 307, 308].into_iter().enumerate() {
        let redirect = format!(
            "HTTP/1.1 {status} Moved\r\nlocation: {}/healthz\r\ncontent-length: 0\r\n\r\n",
            elsewhere.url()
        );
        let found = check(&world, &format!("i{n}"), &agent(Reply::raw(redirect)).await).await;
        assert_eq!(found, refused(Some(status), &format!("HTTP {status}")));
    }
    assert_eq!(elsewhere.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn the_gateway_token_shows_nowhere() {
    const TOKEN: &str = "simulated-gateway-token";
    let world = World::start().await;
    let leak = json!({
        "ok": true, "ready": true, "running": true, "state": "running", "gatewayToken": TOKEN,
        "token": TOKEN, "env": {"OPENCLAW_GATEWAY_TOKEN": TOKEN}, "aiProvider": TOKEN,
        "failing": [{"token": TOKEN}], "runtime": {"ffmpeg": {"available": TOKEN, "version": [TOKEN]}},
    });
    let agent = ScriptedServer::agent([(); 3].map(|()| Reply::json(&leak))).await;
    let leaking = world.deploy("abc123", "owner", agent.url()).await;
    let broken = Reply::http(500, "application/json", leak.to_string());
    let agent = ScriptedServer::agent([(); 3].map(|()| broken.clone())).await;
    let failing = world.deploy("abc124", "other", agent.url()).await;
    let mut callers = vec![(leaking, "abc123"), (failing, "abc124")];
    for id in [
        "demo-running",
        "demo-starting",
        "demo-stopped",
        "demo-setup",
    ] {
        callers.push((world.owner_of(id), id));
    }
    for (caller, id) in callers {
        for path in [
            format!("/api/instance/{id}"),
            format!("/api/instance/{id}/stats"),
            "/api/openclaw/maintenance".to_owned(),
        ] {
            let answer = caller.get(&path).await;
            assert_eq!(answer.status, 200);
            let shown = format!("{:?} {}", answer.headers, answer.body);
            assert!(!shown.contains(TOKEN), "{path}: {shown}");
        }
    }
}
