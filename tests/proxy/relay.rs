//! What the relay adds: care for connections.

use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tests::{RawSocket, RunningRelay, frame};
use tokio::time::sleep;

use crate::support::{Proxied, sent};

const PATH: &str = "/api/openclaw/proxy/echo";
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

fn http() -> Client {
    common::client::builder().build().unwrap()
}

async fn upgraded(proxied: &Proxied, relay: &RunningRelay, path: &str) -> RawSocket {
    let bearer = format!(
        "authorization: Bearer {}\r\n",
        proxied.world.stack.bearer.reveal()
    );
    let target = format!("{PATH}{path}");
    let (socket, head) = RawSocket::upgrade(&relay.url, &target, &bearer).await;
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    socket
}

async fn answer_to(relay: &RunningRelay, request: &[u8]) -> String {
    let mut socket = RawSocket::connect(&relay.url).await;
    socket.send(request).await;
    socket.head().await
}

#[tokio::test]
async fn it_serves_the_proxy_and_endpoints_of_its_own() {
    let proxied = Proxied::start().await;
    let relay = RunningRelay::start(&proxied.world, |_| {}).await;
    let get = |path: &str| http().get(format!("{}{path}", relay.url));
    for (path, body) in [("/healthz", "\"live\""), ("/readyz", "\"ready\"")] {
        let answer = get(path).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.text().await.unwrap()),
            (200, body.to_owned())
        );
    }
    let mirror: Value = get(&format!("{PATH}/x"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    // Never the loopback: agents refuse whoever comes from there through a proxy.
    assert_eq!(sent(&mirror, "x-forwarded-for"), ["198.51.100.1"]);
    let other = get("/api/instance/demo-running").send().await.unwrap();
    assert_eq!(other.status(), 404);

    let mut socket = upgraded(&proxied, &relay, "/x").await;
    socket.send(&frame(0x81, b"hello")).await;
    assert_eq!(socket.frame().await, (0x81, b"hello".to_vec()));
    assert_eq!(get("/metrics").send().await.unwrap().status(), 401);
    let key = proxied.world.stack.bearer.reveal();
    assert_eq!(
        get("/metrics")
            .bearer_auth("wrong")
            .send()
            .await
            .unwrap()
            .status(),
        401
    );
    let metrics = get("/metrics")
        .bearer_auth(key)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    for line in [
        "relay_answers_total{status=\"200\"} 1\n",
        "relay_answers_total{status=\"101\"} 1\n",
        "relay_websockets 1\n",
        "relay_websockets_opened_total 1\n",
        "relay_bytes_to_clients_total 7\n",
        "relay_bytes_to_agents_total 11\n",
        "# EOF\n",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    assert!(!metrics.contains(key));
}

#[tokio::test]
async fn who_sends_a_request_slowly_is_cut_off() {
    let proxied = Proxied::start().await;
    let relay = RunningRelay::start(&proxied.world, |settings| {
        settings.head_timeout = Duration::from_millis(400);
        settings.limits.client_timeout = Duration::from_millis(400);
    })
    .await;
    // A head that never ends, a letter at a time.
    let mut slow = RawSocket::connect(&relay.url).await;
    let drip = async {
        for _ in 0..400 {
            if tokio::io::AsyncWriteExt::write_all(&mut slow.0, b"x")
                .await
                .is_err()
            {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("nobody cuts it off");
    };
    drip.await;
    // A connection that says nothing at all.
    let mut idle = RawSocket::connect(&relay.url).await;
    idle.rest().await;
    // A body that never comes.
    let head = format!("POST {PATH}/upload HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc");
    let answer = answer_to(&relay, head.as_bytes()).await;
    assert!(
        answer.starts_with("http/1.1 408 ") || answer.starts_with("http/1.1 502 "),
        "{answer}"
    );
    // The others do not notice.
    let answer = http()
        .get(format!("{}/healthz", relay.url))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let proxied = Proxied::start().await;
    let relay = RunningRelay::start(&proxied.world, |_| {}).await;
    let many: String = (0..20_000).map(|_| "x:\r\n").collect();
    let long = format!("x-long: {}\r\n", "y".repeat(70_000));
    for headers in [many, long] {
        let request = format!("GET {PATH}/x HTTP/1.1\r\nhost: a\r\n{headers}\r\n");
        let answer = answer_to(&relay, request.as_bytes()).await;
        assert!(answer.starts_with("http/1.1 431 "), "{answer}");
    }
    let target = "x".repeat(70_000);
    let answer = answer_to(&relay, format!("GET /{target} HTTP/1.1\r\n").as_bytes()).await;
    assert!(
        answer.starts_with("http/1.1 414 ") || answer.starts_with("http/1.1 431 "),
        "{answer}"
    );
    assert_eq!(proxied.agent.connections(), 0);
}

#[tokio::test]
async fn bodies_that_are_too_long_are_refused() {
    let proxied = Proxied::start().await;
    let relay = RunningRelay::start(&proxied.world, |settings| {
        settings.limits.max_body = 100_000
    })
    .await;
    let post = |headers: &str| format!("POST {PATH}/upload HTTP/1.1\r\nhost: a\r\n{headers}\r\n");
    // A gigabyte: it is not even waited for, nor the agent asked.
    let answer = answer_to(&relay, post("content-length: 1073741824\r\n").as_bytes()).await;
    assert!(answer.starts_with("http/1.1 413 "), "{answer}");
    assert_eq!(proxied.agent.connections(), 0);
    // One that does not say how long it is.
    let mut chunked = post("transfer-encoding: chunked\r\n").into_bytes();
    for _ in 0..10 {
        chunked.extend_from_slice(b"4e20\r\n");
        chunked.extend_from_slice(&[b'x'; 20_000]);
        chunked.extend_from_slice(b"\r\n");
    }
    let answer = answer_to(&relay, &chunked).await;
    assert!(answer.starts_with("http/1.1 413 "), "{answer}");
    // The longest that is allowed.
    let url = format!("{}{PATH}/upload", relay.url);
    let answer = http()
        .post(url)
        .body(vec![b'x'; 100_000])
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.json::<Value>().await.unwrap(),
        json!({"got": 100_000})
    );
}

#[tokio::test]
async fn connections_beyond_the_limit_are_turned_away_and_find_a_place_later() {
    let proxied = Proxied::start().await;
    let relay = RunningRelay::start(&proxied.world, |settings| settings.connections = 2).await;
    let one = upgraded(&proxied, &relay, "/x").await;
    let _other = upgraded(&proxied, &relay, "/x").await;
    let mut third = RawSocket::connect(&relay.url).await;
    assert!(third.head().await.starts_with("http/1.1 503 "));
    assert_eq!(third.rest().await, b"{\"error\": \"No more connections\"}");
    drop(one);
    for _ in 0..200 {
        sleep(Duration::from_millis(20)).await;
        let mut again = RawSocket::connect(&relay.url).await;
        again
            .send(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
            .await;
        if again.head().await.starts_with("http/1.1 200 ") {
            return;
        }
    }
    panic!("the place of a WebSocket that has ended is not given back");
}

#[tokio::test]
async fn a_silent_peer_is_asked_for_a_sign_of_life_and_given_up() {
    let proxied = Proxied::start().await;
    let ping = Duration::from_millis(150);
    let relay = RunningRelay::start(&proxied.world, |settings| {
        settings.limits.sockets.ping_interval = ping
    })
    .await;
    let mut alive = upgraded(&proxied, &relay, "/x").await;
    let mut dead = upgraded(&proxied, &relay, "/x").await;
    assert_eq!(proxied.agent.open_sockets(), 2);
    for _ in 0..8 {
        let (first, payload) = alive.frame().await;
        assert_eq!(first, PING);
        alive.send(&frame(PONG, &payload)).await;
    }
    // It was pinged, and not told of an end that it would not hear of.
    let rest = dead.rest().await;
    assert!(rest.starts_with(&[PING]), "{rest:?}");
    assert!(!rest.contains(&CLOSE));
    alive.send(&frame(0x81, b"still here")).await;
    loop {
        match alive.frame().await {
            (PING, payload) => alive.send(&frame(PONG, &payload)).await,
            echo => break assert_eq!(echo, (0x81, b"still here".to_vec())),
        }
    }
    for _ in 0..200 {
        if proxied.agent.open_sockets() == 1 {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("the agent was not told that a client is gone");
}

#[tokio::test]
async fn it_ends_by_telling_websockets_and_answering_requests() {
    let proxied = Proxied::start().await;
    let relay = RunningRelay::start(&proxied.world, |_| {}).await;
    let url = relay.url.clone();
    let mut socket = upgraded(&proxied, &relay, "/x").await;
    let mut asking = RawSocket::connect(&url).await;
    let head = format!("POST {PATH}/upload HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabc");
    asking.send(head.as_bytes()).await;
    let mut idle = RawSocket::connect(&url).await;
    idle.send(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    idle.head().await;
    let task = relay.end();
    assert_eq!(socket.close_code().await, 1012);
    socket.send(&frame(CLOSE, &1012_u16.to_be_bytes())).await;
    assert_eq!(socket.rest().await, b"");
    asking.send(b"def").await;
    let answer = String::from_utf8(asking.rest().await).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("{\"got\":6}"),
        "{answer}"
    );
    RunningRelay::ended(task).await;
    assert!(
        tokio::net::TcpStream::connect(url.trim_start_matches("http://"))
            .await
            .is_err()
    );
    assert_eq!(proxied.agent.open_sockets(), 0);
}

#[tokio::test]
async fn it_ends_in_time_although_somebody_does_not() {
    let proxied = Proxied::start().await;
    let relay = RunningRelay::start(&proxied.world, |settings| {
        settings.drain = Duration::from_millis(300);
        settings.limits.sockets.linger = Duration::from_secs(60);
    })
    .await;
    let _deaf = upgraded(&proxied, &relay, "/mute").await;
    let mut events = RawSocket::connect(&relay.url).await;
    events
        .send(format!("GET {PATH}/events HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes())
        .await;
    events.head().await;
    RunningRelay::ended(relay.end()).await;
}
