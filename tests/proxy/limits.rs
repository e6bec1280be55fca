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

#[tokio::test]
async fn registered_methods_pass_and_others_are_405() {
    let proxied = Proxied::start().await;
    let relay = RunningRelay::start(&proxied.world, |_| {}).await;
    let ask = async |request: String| {
        let mut client = RawSocket::connect(&relay.url).await;
        client.send(request.as_bytes()).await;
        client.head().await
    };
    for method in ["GET", "PROPFIND", "MKCOL", "REPORT", "QUERY"] {
        let head = ask(format!(
            "{method} /api/openclaw/proxy/echo/x HTTP/1.1\r\nhost: a\r\n\r\n"
        ));
        assert!(head.await.starts_with("http/1.1 200 "), "{method}");
    }
    let before = proxied.agent.connections();
    for method in ["TRACE", "CONNECT", "get", "MADE-UP", "!#$%&'*+"] {
        let head = ask(format!(
            "{method} /api/openclaw/proxy/echo/x HTTP/1.1\r\nhost: a\r\n\r\n"
        ));
        let head = head.await;
        assert!(head.starts_with("http/1.1 405 "), "{method}: {head}");
        assert!(head.contains("\r\nallow: acl, "), "{method}: {head}");
    }
    let connect = "CONNECT a.example:443 HTTP/1.1\r\nhost: a.example\r\n\r\n";
    let head = ask(connect.to_owned()).await;
    assert!(head.starts_with("http/1.1 405 "), "{head}");
    assert_eq!(proxied.agent.connections(), before);
}

#[tokio::test]
async fn every_byte_in_every_part_of_a_request_gets_an_answer_or_an_end_of_its_own() {
    let proxied = Proxied::start().await;
    let relay = RunningRelay::start(&proxied.world, |_| {}).await;
    for byte in 0..=u8::MAX {
        for (before, after) in [
            (
                "GET /api/openclaw/proxy/echo/a",
                "b HTTP/1.1\r\nhost: a\r\n",
            ),
            (
                "GET /api/openclaw/proxy/echo/a?b",
                "c HTTP/1.1\r\nhost: a\r\n",
            ),
            ("GET /api/openclaw/proxy/ec", "ho/a HTTP/1.1\r\nhost: a\r\n"),
            (
                "GET /api/openclaw/proxy/echo/a HTTP/1.1\r\nhost: a\r\nx-",
                "b: c\r\n",
            ),
            (
                "GET /api/openclaw/proxy/echo/a HTTP/1.1\r\nhost: a\r\nx: ",
                "\r\n",
            ),
            (
                "GET /api/openclaw/proxy/echo/a HTTP/1.1\r\nhost: a\r\ncookie: a=",
                "\r\n",
            ),
            (
                "GET /api/openclaw/proxy/echo/a HTTP/1.1\r\nhost: a",
                "b\r\n",
            ),
            ("G", "ET /api/openclaw/proxy/echo/a HTTP/1.1\r\nhost: a\r\n"),
        ] {
            let mut request = before.as_bytes().to_vec();
            request.push(byte);
            request.extend_from_slice(after.as_bytes());
            request.extend_from_slice(b"connection: close\r\n\r\n");
            let mut client = RawSocket::connect(&relay.url).await;
            client.send(&request).await;
            let head = client.head().await;
            let status = head.split(' ').nth(1).unwrap_or_default();
            assert!(
                matches!(status, "200" | "308" | "400" | "404" | "405" | "502"),
                "{byte} after {before:?}: {head:?}"
            );
        }
    }
    let answer = http().get(format!("{}/healthz", relay.url)).send().await;
    assert_eq!(answer.unwrap().status(), 200);
}

#[tokio::test]
async fn every_byte_in_every_part_of_an_answer_is_passed_on_or_refused_by_itself() {
    let world = World::start().await;
    let relay = RunningRelay::start(&world, |_| {}).await;
    for byte in 0..=u8::MAX {
        for (before, after) in [
            ("HTTP/1.1 200 O", "K\r\ncontent-length: 0\r\n\r\n"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-", "b: c\r\n\r\n"),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\netag: a",
                "b\r\n\r\n",
            ),
            (
                "HTTP/1.1 302 OK\r\ncontent-length: 0\r\nlocation: /a",
                "b\r\n\r\n",
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nset-cookie: a=",
                "b\r\n\r\n",
            ),
            ("HTTP/1.1 20", "\r\ncontent-length: 0\r\n\r\n"),
        ] {
            let mut reply = before.as_bytes().to_vec();
            reply.push(byte);
            reply.extend_from_slice(after.as_bytes());
            let agent = ScriptedServer::always(Reply::raw(reply)).await;
            let id = format!("byte-{byte}-{}", before.len());
            world.deploy(&id, "owner", agent.url()).await;
            let url = format!("{}/api/openclaw/proxy/{id}/x", relay.url);
            let http = common::client::builder().redirect(reqwest::redirect::Policy::none());
            let answer = http.build().unwrap().get(url).send().await;
            let status = answer.unwrap().status().as_u16();
            assert!(
                matches!(status, 200..=209 | 302 | 502),
                "{byte} after {before:?}: {status}"
            );
        }
    }
}
