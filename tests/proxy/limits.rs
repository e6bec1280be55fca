//! What agents and their clients may do slowly, long or in large numbers.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{RawSocket, Reply, RunningRelay, ScriptedServer, World};
use tokio::io::AsyncWriteExt;

use crate::support::Proxied;

fn http() -> reqwest::Client {
    common::client::builder().build().unwrap()
}

#[tokio::test]
async fn more_than_a_hundred_headers_pass_in_both_directions() {
    let many: String = (0..3_000).map(|n| format!("x-{n}: y\r\n")).collect();
    let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{many}\r\n");
    let agent = ScriptedServer::always(Reply::raw(reply)).await;
    let world = World::start().await;
    world.deploy("many", "owner", agent.url()).await;
    let relay = RunningRelay::start(&world, |_| {}).await;
    let mut client = RawSocket::connect(&relay.url).await;
    let request = format!("GET /api/openclaw/proxy/many/x HTTP/1.1\r\nhost: a\r\n{many}\r\n");
    client.send(request.as_bytes()).await;
    let head = client.head().await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    let [received] = &agent.requests()[..] else {
        panic!("one request")
    };
    assert!(received.contains("x-0: y\r\n") && received.contains("x-2999: y\r\n"));
}

#[tokio::test]
async fn an_agent_that_takes_too_long_is_a_504_that_says_so() {
    let proxied = Proxied::start().await;
    let relay = RunningRelay::start(&proxied.world, |settings| {
        settings.limits.response_timeout = Duration::from_secs(1);
    })
    .await;
    let agent = ScriptedServer::always(Reply::Silence).await;
    proxied.world.deploy("silent", "owner", agent.url()).await;
    let path = "/api/openclaw/proxy/silent/x";
    let answer = http().get(format!("{}{path}", relay.url)).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 504);
    let expected = json!({"error": "The agent did not answer within 1 seconds"});
    assert_eq!(answer.json::<Value>().await.unwrap(), expected);
}

#[tokio::test]
async fn a_client_that_has_said_all_still_gets_its_answer() {
    let proxied = Proxied::start().await;
    let relay = RunningRelay::start(&proxied.world, |_| {}).await;
    let mut client = RawSocket::connect(&relay.url).await;
    let request = b"POST /api/openclaw/proxy/echo/upload HTTP/1.1\r\nhost: a\r\n\
        content-length: 3\r\nconnection: close\r\n\r\nabc";
    client.send(request).await;
    client.0.shutdown().await.unwrap();
    let answer = String::from_utf8(client.rest().await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\n{\"got\":3}"), "{answer}");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_ended_and_its_place_is_given_back() {
    let proxied = Proxied::start().await;
    let relay = RunningRelay::start(&proxied.world, |settings| {
        settings.connections = 1;
        settings.limits.client_timeout = Duration::from_millis(300);
    })
    .await;
    let mut deaf = RawSocket::connect(&relay.url).await;
    deaf.send(b"GET /api/openclaw/proxy/echo/flood HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    for _ in 0..500 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let mut other = RawSocket::connect(&relay.url).await;
        // Whoever is turned away may find the connection closed already.
        let asked = other
            .0
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
        if asked.await.is_ok() && other.head().await.starts_with("http/1.1 200 ") {
            return;
        }
    }
    panic!("the place is never given back");
}

#[tokio::test]
async fn the_answer_to_a_refused_websocket_is_guarded_and_limited_as_any_other() {
    let body = "{\"state\":\"running\",\"gatewayToken\":\"secret\"}";
    let reply = Reply::http(200, "application/json", body);
    let agent = ScriptedServer::always(reply).await;
    let world = World::start().await;
    world.deploy("wrapped", "owner", agent.url()).await;
    let key = world.stack.bearer.reveal().to_owned();
    let bearer = format!("authorization: Bearer {key}\r\nrange: bytes=0-9\r\n");
    let target = "/api/openclaw/proxy/wrapped/api/status";
    let (mut socket, head) = RawSocket::upgrade(&world.stack.api, target, &bearer).await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    let shown = "{\"state\":\"running\"}";
    assert_eq!(socket.receive(shown.len()).await, shown.as_bytes());
    let [received] = &agent.requests()[..] else {
        panic!("one request")
    };
    assert!(received.contains("accept-encoding: identity\r\n"));
    assert!(!received.contains("range:"), "{received}");
}
