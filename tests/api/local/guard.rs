//! What a web page in a developer's browser gets of the local stack: nothing.

use common::config::ALLOWED_ORIGINS;
use local::Data;
use serde_json::{Value, json};
use tests::{Builder, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::data::start;

/// Sends a request head as it is, and returns status and body.
async fn send(base: &str, head: &str, body: &str) -> (u16, String) {
    let address = base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!("{head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("access-control-allow-origin"), "{head}");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

#[tokio::test]
async fn a_name_that_is_not_this_machines_is_answered_nothing() {
    let world = Builder::default().guarded().start().await;
    let api = &world.stack.api;
    let error = "Host must name this machine: 127.0.0.1, [::1], localhost or a name below \
                 .localhost";
    for host in [
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "notlocalhost",
        "10.0.0.1",
        "0.0.0.0",
        "x@127.0.0.1",
        "",
    ] {
        let head = format!("GET /api/openclaw-version HTTP/1.1\r\nhost: {host}");
        let (status, body) = send(api, &head, "").await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, body), (421, json!({"error": error})), "{host}");
    }
    for host in [
        "127.0.0.1:8080",
        "127.0.0.2",
        "[::1]:8080",
        "localhost",
        "LOCALHOST.:1",
        "demo-running.agents.localhost:8080",
    ] {
        let head = format!("GET /nowhere HTTP/1.1\r\nhost: {host}");
        let (status, _) = send(api, &head, "").await;
        assert_ne!(status, 421, "{host}");
    }
}

#[tokio::test]
async fn a_page_of_another_origin_is_answered_nothing() {
    let world = World::with(ALLOWED_ORIGINS, "http://localhost:3000");
    let world = world.guarded().start().await;
    let api = &world.stack.api;
    let port = api.rsplit(':').next().unwrap();
    let ask = async |origin: &str| {
        let host = format!("127.0.0.1:{port}");
        let head =
            format!("GET /api/openclaw-version HTTP/1.1\r\nhost: {host}\r\norigin: {origin}");
        send(api, &head, "").await.0
    };
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost:4000",
        "http://127.0.0.1",
    ] {
        assert_eq!(ask(origin).await, 403, "{origin}");
    }
    assert_eq!(ask(api).await, 200);
}

#[tokio::test]
async fn dynamodb_wants_the_key_that_this_run_made_up() {
    let stack = start(&Data::Memory).await.unwrap();
    let ask = async |key: &str, more: &str| {
        let head = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: DynamoDB_20120810.ListTables\r\n\
             authorization: AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/dynamodb/\
             aws4_request, SignedHeaders=host, Signature=0{more}"
        );
        send(&stack.dynamodb, &head, "{}").await
    };
    let key = stack.access_key.clone();
    assert_eq!(key.len(), 32, "it is made up");
    let (status, body) = ask(&key, "").await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("instances"), "{body}");
    let refused = (
        400,
        json!({
            "__type": "com.amazonaws.dynamodb.v20120810#UnrecognizedClientException",
            "message": "The request is not signed with the access key of this stack.",
        }),
    );
    for (key, more) in [
        ("local", ""),
        ("", ""),
        (&key[1..], ""),
        (&key, "\r\norigin: https://evil.example"),
    ] {
        let (status, body) = ask(key, more).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, body), refused, "{key} {more}");
    }
    let preflight = "OPTIONS / HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example";
    assert_eq!(send(&stack.dynamodb, preflight, "").await.0, 405);
    stack.stop().await;
}

#[tokio::test]
async fn json_ends_with_a_newline() {
    let world = World::start().await;
    for path in ["/api/openclaw-version", "/nowhere"] {
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost");
        let (_, body) = send(&world.stack.api, &head, "").await;
        assert!(body.ends_with("}\n"), "{body:?}");
    }
}
