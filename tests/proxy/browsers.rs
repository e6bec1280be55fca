//! The contract's path in a browser, which takes an agent's page there for part of
//! the API unless it is told otherwise.

use serde_json::json;
use tests::{Reply, ScriptedServer, World, frame};

use crate::support::Proxied;

const ROOT: &str = "/api/openclaw/proxy/echo";

#[tokio::test]
async fn a_page_has_no_rights_on_the_hosts_origin_and_no_say_in_it() {
    let world = World::start().await;
    let agent = ScriptedServer::always(Reply::raw(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\
         access-control-allow-origin: *\r\naccess-control-allow-credentials: true\r\n\
         cache-control: public, max-age=31536000, immutable\r\n\
         clear-site-data: \"*\"\r\n\
         content-security-policy: sandbox allow-same-origin allow-scripts\r\n\
         cross-origin-opener-policy: unsafe-none\r\nlink: </api>; rel=preload\r\n\
         permissions-policy: camera=*\r\nrefresh: 0; url=/\r\n\
         service-worker-allowed: /\r\nstrict-transport-security: max-age=1\r\n\
         x-made-up: 1\r\nconnection: close\r\n\r\n<p>x",
    ))
    .await;
    world.deploy("page", "owner-of-page", agent.url()).await;
    let url = format!("{}/api/openclaw/proxy/page/", world.stack.api);
    let client = common::client::builder().build().unwrap();
    let answer = client.get(url).send().await.unwrap();
    let mut headers: Vec<String> = answer
        .headers()
        .iter()
        .filter(|(name, _)| *name != "x-request-id" && *name != "date")
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    let expected = [
        "cache-control: no-store",
        "content-length: 4",
        "content-security-policy: sandbox allow-downloads allow-forms allow-modals allow-popups \
         allow-scripts",
        "content-type: text/html",
        "x-content-type-options: nosniff",
    ];
    assert_eq!(headers, expected);
    assert_eq!(answer.text().await.unwrap(), "<p>x");
}

#[tokio::test]
async fn the_root_without_its_slash_leads_to_the_one_with_it() {
    let proxied = Proxied::start().await;
    let anonymous = proxied.world.anonymous();
    for (query, location) in [
        ("", "/api/openclaw/proxy/echo/"),
        ("?a=%20&b", "/api/openclaw/proxy/echo/?a=%20&b"),
    ] {
        let answer = anonymous.get(&format!("{ROOT}{query}")).await;
        answer.is(308, json!(null));
        assert_eq!(answer.header("location"), Some(location));
    }
    let odd = anonymous.get("/api/openclaw/proxy/a.b").await;
    odd.is(
        400,
        json!({"error": "agentId must be 1 to 64 letters, digits, hyphens or underscores"}),
    );
    assert_eq!(proxied.agent.connections(), 0);
}

#[tokio::test]
async fn a_socket_is_opened_at_the_root_without_its_slash_too() {
    let proxied = Proxied::start().await;
    let (_, head) = proxied.open_with("", "").await;
    assert!(head.starts_with("http/1.1 401 "), "{head}");
    let mut socket = proxied.socket("").await;
    socket.send(&frame(0x81, b"hello")).await;
    assert_eq!(socket.frame().await, (0x81, b"hello".to_vec()));
    let [(target, _)] = &proxied.agent.handshakes()[..] else {
        panic!("one handshake")
    };
    assert_eq!(target, "/");
}

#[tokio::test]
async fn the_admin_rpc_passes_for_nobody_in_any_spelling() {
    let proxied = Proxied::start().await;
    let world = &proxied.world;
    for path in [
        "/api/v1/admin/rpc",
        "/api/v1/admin/rpc/",
        "/API/v1/Admin/RPC",
        "//api//v1//admin//rpc",
        "/api/v1/admin/%72pc",
        "/api%2Fv1%2Fadmin%2frpc",
        "/api/v1/%2561dmin/rpc",
        "/api/v1/admin%5Crpc",
        "/api/v1/admin/.../rpc",
        "/api/v1/admin/rpc;x",
        "/api/v1/admin/rpc?x",
        "/base/api/v1/admin/rpc",
    ] {
        for caller in [world.platform(), world.log_in("owner-of-echo").await] {
            let answer = caller.get_literally(&format!("{ROOT}{path}")).await;
            let refused = json!({"error": "The gateway's admin RPC is not passed on"});
            answer.is(403, refused);
        }
        let (_, head) = proxied.open(path).await;
        assert!(head.starts_with("http/1.1 403 "), "{path}: {head}");
    }
    assert_eq!(proxied.agent.connections(), 0);
}
