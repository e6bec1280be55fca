//! Requests that two servers could understand in two ways.

use serde_json::Value;
use tests::{RawSocket, RunningRelay};

use crate::support::{Proxied, sent};

const HEAD: &str = "POST /api/openclaw/proxy/echo/x HTTP/1.1\r\nhost: a\r\n";

/// The local stack and the relay read requests by servers of their own.
async fn servers() -> (Proxied, RunningRelay) {
    let proxied = Proxied::start().await;
    let relay = RunningRelay::start(&proxied.world, |_| {}).await;
    (proxied, relay)
}

/// All that comes back until the server hangs up.
async fn answers(base: &str, request: &str) -> String {
    let mut socket = RawSocket::connect(base).await;
    socket.send(request.as_bytes()).await;
    String::from_utf8(socket.rest().await).unwrap()
}

#[tokio::test]
async fn requests_of_two_meanings_are_refused() {
    let (proxied, relay) = servers().await;
    for (name, headers, body) in [
        (
            "two lengths",
            "content-length: 5\r\ncontent-length: 6\r\n",
            "hello",
        ),
        ("a list of lengths", "content-length: 5, 6\r\n", "hello"),
        ("a signed length", "content-length: +5\r\n", "hello"),
        ("a length in hex", "content-length: 0x5\r\n", "hello"),
        (
            "a folded header",
            "x-a: 1\r\n content-length: 5\r\n",
            "hello",
        ),
        (
            "a space before the colon",
            "content-length : 5\r\n",
            "hello",
        ),
        (
            "a space before the colon of a coding",
            "transfer-encoding : chunked\r\n",
            "0\r\n\r\n",
        ),
        (
            "a coding that is not chunked",
            "transfer-encoding: gzip\r\n",
            "hello",
        ),
        (
            "a coding that is almost chunked",
            "transfer-encoding: xchunked\r\n",
            "0\r\n\r\n",
        ),
        (
            "chunked behind a vertical tab",
            "transfer-encoding: \x0bchunked\r\n",
            "0\r\n\r\n",
        ),
        (
            "chunked not last",
            "transfer-encoding: chunked, gzip\r\n",
            "0\r\n\r\n",
        ),
        (
            "chunked not last, in two lines",
            "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
            "0\r\n\r\n",
        ),
        ("a bare CR", "x-a: 1\rcontent-length: 5\r\n", "hello"),
        ("a NUL", "x-a: 1\0\r\n", ""),
        ("no name", ": 1\r\n", ""),
    ] {
        for base in [&proxied.world.stack.api, &relay.url] {
            let before = proxied.agent.connections();
            let answer = answers(base, &format!("{HEAD}{headers}\r\n{body}")).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{name}: {answer}");
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{name}: {answer}");
            assert_eq!(proxied.agent.connections(), before, "{name}");
        }
    }
}

/// The chunks count, the agent gets only them, and nothing after them is taken
/// for a request.
#[tokio::test]
async fn of_both_lengths_at_once_the_chunks_count() {
    let (proxied, relay) = servers().await;
    for headers in [
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
        "transfer-encoding: CHUNKED\r\ncontent-length: 4\r\n",
    ] {
        for base in [&proxied.world.stack.api, &relay.url] {
            let smuggled = "5\r\nhello\r\n0\r\n\r\nGET /api/openclaw/proxy/echo/smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
            let answer = answers(base, &format!("{HEAD}{headers}\r\n{smuggled}")).await;
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
            let mirror = mirror_of(&answer);
            assert_eq!(mirror["body"], "hello");
            assert_eq!(sent(&mirror, "content-length"), Vec::<&str>::new());
        }
    }
}

/// A line may end without a CR (RFC 9112, 2.2): the agent is sent lines that
/// everybody reads alike.
#[tokio::test]
async fn a_bare_lf_reaches_the_agent_as_the_end_of_a_line_or_not_at_all() {
    let (proxied, relay) = servers().await;
    for base in [&proxied.world.stack.api, &relay.url] {
        let request = format!("{HEAD}connection: close\r\nx-a: 1\ncontent-length: 5\r\n\r\nhello");
        let mirror = mirror_of(&answers(base, &request).await);
        assert_eq!(sent(&mirror, "x-a"), ["1"]);
        assert_eq!(sent(&mirror, "content-length"), ["5"]);
        assert_eq!(mirror["body"], "hello");
        // A chunk's own lines have no such licence.
        let chunked = "connection: close\r\ntransfer-encoding: chunked\r\n\r\n5\nhello\n0\n\n";
        let answer = answers(base, &format!("{HEAD}{chunked}")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
}

#[tokio::test]
async fn encoded_ends_of_lines_stay_encoded() {
    let (proxied, relay) = servers().await;
    for base in [&proxied.world.stack.api, &relay.url] {
        let target = "/a%0d%0ax-injected:%201%0d%0a%0d%0aGET%20/b?q=%0d%0ax-injected:%201";
        let request = format!(
            "GET /api/openclaw/proxy/echo{target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
        );
        let mirror = mirror_of(&answers(base, &request).await);
        assert_eq!(mirror["target"], target);
        assert_eq!(sent(&mirror, "x-injected"), Vec::<&str>::new());
    }
}

fn mirror_of(answer: &str) -> Value {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
    serde_json::from_str(body).unwrap()
}
