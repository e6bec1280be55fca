//! Opening WebSockets, and their ends.

use std::time::Duration;

use serde_json::json;
use tests::frame;
use tokio::io::AsyncWriteExt;

use crate::support::Proxied;

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;

#[tokio::test]
async fn a_socket_without_the_platforms_key_never_reaches_the_agent() {
    let proxied = Proxied::start().await;
    for (headers, status) in [
        ("", 401),
        ("authorization: Basic eDp5\r\n", 401),
        ("cookie: agentbot-session=demo-running\r\n", 401),
        ("authorization: Bearer wrong-key-of-16-letters\r\n", 403),
    ] {
        let (_, head) = proxied.open_with("/x", headers).await;
        assert!(
            head.starts_with(&format!("http/1.1 {status} ")),
            "{headers}: {head}"
        );
        assert!(head.contains("content-type: application/json"), "{head}");
    }
    assert_eq!(proxied.agent.connections(), 0);
}

#[tokio::test]
async fn a_handshake_passes_without_the_platforms_secrets() {
    let proxied = Proxied::start().await;
    let key = proxied.world.stack.bearer.reveal();
    let headers = format!(
        "authorization: Bearer {key}\r\norigin: https://app.example\r\nsec-websocket-protocol: one, two\r\n\
         cookie: agentbot-session=x; a=1\r\nx-forwarded-for: 192.0.2.1\r\n"
    );
    let (_socket, head) = proxied.open_with("/x%2Fy?a=%20&ticket=t&b", &headers).await;
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(
        head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
        "{head}"
    );
    assert!(head.contains("sec-websocket-protocol: one\r\n"), "{head}");
    let [(target, seen)] = &proxied.agent.handshakes()[..] else {
        panic!("one handshake")
    };
    assert_eq!(target, "/x%2Fy?a=%20&b");
    assert_eq!(seen["origin"], "https://app.example");
    assert_eq!(seen["cookie"], "a=1");
    assert_eq!(seen["x-forwarded-for"], "198.51.100.1");
    assert_eq!(seen["x-forwarded-host"], "api.example");
    assert!(!seen.contains_key("authorization"));
}

#[tokio::test]
async fn malformed_handshakes_are_refused_and_those_of_an_agent_passed_on() {
    let proxied = Proxied::start().await;
    let key = proxied.world.stack.bearer.reveal();
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\n";
    for (method, headers, status) in [
        (
            "POST",
            "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            400,
        ),
        ("GET", "sec-websocket-version: 13\r\n", 400),
        (
            "GET",
            "sec-websocket-version: 13\r\nsec-websocket-key: short\r\n",
            400,
        ),
        (
            "GET",
            "sec-websocket-version: 8\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            426,
        ),
        (
            "GET",
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            426,
        ),
    ] {
        let mut socket = tests::RawSocket::connect(&proxied.world.stack.api).await;
        let request = format!(
            "{method} /api/openclaw/proxy/echo/x HTTP/1.1\r\nhost: a\r\n{upgrade}authorization: Bearer {key}\r\n{headers}\r\n"
        );
        socket.send(request.as_bytes()).await;
        let head = socket.head().await;
        assert!(
            head.starts_with(&format!("http/1.1 {status} ")),
            "{headers}: {head}"
        );
        assert_eq!(
            head.contains("sec-websocket-version: 13\r\n"),
            status == 426
        );
    }
    assert_eq!(proxied.agent.connections(), 0);
    let (mut socket, head) = proxied.open("/refuse").await;
    assert!(head.starts_with("http/1.1 503 "), "{head}");
    assert_eq!(socket.receive(15).await, b"no more sockets");
    let gone = proxied
        .world
        .stack
        .simulated("demo-unreachable")
        .unwrap()
        .url();
    proxied.world.deploy("gone", "owner", &gone).await;
    let bearer = format!("authorization: Bearer {key}\r\n");
    let api = &proxied.world.stack.api;
    let (_, head) = tests::RawSocket::upgrade(api, "/api/openclaw/proxy/gone/", &bearer).await;
    assert!(head.starts_with("http/1.1 502 "), "{head}");
}

#[tokio::test]
async fn close_codes_and_reasons_are_kept_in_both_directions() {
    let proxied = Proxied::start().await;
    for code in [1000_u16, 1001, 1008, 1011, 3000, 4999] {
        let mut socket = proxied.socket("/x").await;
        let payload = [&code.to_be_bytes()[..], b"bye"].concat();
        socket.send(&frame(CLOSE, &payload)).await;
        // The agent's library repeats the code.
        assert_eq!(socket.close_code().await, code);
        assert_eq!(socket.rest().await, b"");
        let mut socket = proxied.socket(&format!("/close/{code}")).await;
        let (first, payload) = socket.frame().await;
        assert_eq!(
            (first, &payload[..]),
            (
                CLOSE,
                &[&code.to_be_bytes()[..], b"as you wish"].concat()[..]
            )
        );
        socket.send(&frame(CLOSE, &code.to_be_bytes())).await;
        assert_eq!(socket.rest().await, b"");
    }
}

#[tokio::test]
async fn a_client_that_only_stops_sending_still_gets_what_is_on_the_way() {
    let proxied = Proxied::start().await;
    let mut socket = proxied.socket("/x").await;
    let message = vec![b'x'; 300_000];
    socket.send(&frame(TEXT, &message)).await;
    socket.0.shutdown().await.unwrap();
    let (first, echo) = socket.frame().await;
    assert!((first, &echo) == (TEXT, &message));
    socket.rest().await;
    ended(&proxied).await;
}

#[tokio::test]
async fn when_a_peer_vanishes_the_other_one_is_told() {
    let proxied = Proxied::start().await;
    let mut socket = proxied.socket("/x").await;
    socket.send(&frame(TEXT, b"hello")).await;
    assert_eq!(socket.frame().await, (TEXT, b"hello".to_vec()));
    assert_eq!(proxied.agent.open_sockets(), 1);
    // Not closed, but reset, as when a process is killed.
    #[expect(deprecated, reason = "it blocks nothing when the time is zero")]
    socket.0.set_linger(Some(Duration::ZERO)).unwrap();
    drop(socket);
    ended(&proxied).await;
    assert_eq!(proxied.agent.open_sockets(), 0);

    let mut socket = proxied.socket("/x").await;
    drop(proxied.agent);
    assert_eq!(socket.rest().await, b"");
}

/// All tunnels have ended.
async fn ended(proxied: &Proxied) {
    for _ in 0..400 {
        if proxied.world.stack.tunnels.open_now() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("a tunnel is still open");
}

#[tokio::test]
async fn a_restart_is_told_to_both_peers() {
    let proxied = Proxied::start().await;
    let mut idle = proxied.socket("/x").await;
    let mut busy = proxied.socket("/x").await;
    busy.send(&frame(TEXT, b"hello")).await;
    let tunnels = proxied.world.stack.tunnels.clone();
    let drained = tokio::spawn(async move { tunnels.drain().await });
    assert_eq!(idle.close_code().await, 1012);
    idle.send(&frame(CLOSE, &1012_u16.to_be_bytes())).await;
    assert_eq!(idle.rest().await, b"");
    let mut next = busy.frame().await;
    if next.0 == TEXT {
        next = busy.frame().await;
    }
    assert_eq!((next.0, &next.1[..2]), (CLOSE, &1012_u16.to_be_bytes()[..]));
    drop(busy);
    drained.await.unwrap();
    assert_eq!(proxied.agent.open_sockets(), 0);
    let (mut socket, head) = proxied.open("/x").await;
    assert!(head.starts_with("http/1.1 503 "), "{head}");
    assert!(head.contains("retry-after: 1\r\n"), "{head}");
    let body = json!({"error": "This server is restarting"}).to_string();
    assert_eq!(socket.receive(body.len()).await, body.as_bytes());
}
