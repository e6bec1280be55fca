//! Kept connections to agents that close them without a word, as servers do whose
//! keep-alive time is over just when the next request is on its way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::json;
use tests::{RunningRelay, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// An agent that answers the first requests of each connection, and closes the
/// connection when one more has come.
struct ClosingAgent {
    url: String,
    requests: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl ClosingAgent {
    async fn start(answered: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<AtomicUsize>::default();
        let mut tasks = JoinSet::new();
        let counted = requests.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(answer(stream, answered, counted.clone()));
            }
        });
        Self {
            url,
            requests,
            _tasks: tasks,
        }
    }

    fn requests(&self) -> usize {
        self.requests.swap(0, Ordering::SeqCst)
    }
}

async fn answer(mut stream: TcpStream, answered: usize, requests: Arc<AtomicUsize>) {
    for at in 0.. {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        requests.fetch_add(1, Ordering::SeqCst);
        if at == answered {
            return;
        }
        let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        if stream.write_all(reply).await.is_err() {
            return;
        }
    }
}

async fn ask(relay: &RunningRelay, method: Method, body: &'static str) -> (u16, String) {
    let url = format!("{}/api/openclaw/proxy/closing/x", relay.url);
    let http = common::client::builder().build().unwrap();
    let answer = http.request(method, url).body(body).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

const UNREACHABLE: &str = "{\"error\":\"OpenClaw instance unreachable\"}";

#[tokio::test]
async fn a_get_whose_kept_connection_was_closed_is_sent_once_more_and_nothing_else_is() {
    let world = World::start().await;
    let agent = ClosingAgent::start(1).await;
    world.deploy("closing", "owner", &agent.url).await;
    let relay = RunningRelay::start(&world, |_| {}).await;
    for method in [Method::GET, Method::HEAD] {
        assert_eq!(ask(&relay, Method::GET, "").await.0, 200);
        assert_eq!(agent.requests(), 1);
        assert_eq!(ask(&relay, method, "").await, (200, String::new()));
        assert_eq!(agent.requests(), 2);
    }
    for (method, body) in [
        (Method::POST, ""),
        (Method::PUT, "x"),
        (Method::DELETE, ""),
        (Method::GET, "x"),
    ] {
        assert_eq!(ask(&relay, Method::GET, "").await.0, 200);
        assert_eq!(agent.requests(), 1);
        let answer = ask(&relay, method.clone(), body).await;
        assert_eq!(answer, (502, UNREACHABLE.to_owned()), "{method}");
        assert_eq!(agent.requests(), 1, "{method}");
    }
}

#[tokio::test]
async fn a_get_whose_new_connection_was_closed_is_not_sent_again() {
    let world = World::start().await;
    let agent = ClosingAgent::start(0).await;
    world.deploy("closing", "owner", &agent.url).await;
    let relay = RunningRelay::start(&world, |_| {}).await;
    let answer = ask(&relay, Method::GET, "").await;
    assert_eq!(answer, (502, UNREACHABLE.to_owned()));
    assert_eq!(agent.requests(), 1);
    let answer = world.anonymous().get("/api/openclaw/proxy/closing/x").await;
    answer.is(502, json!({"error": "OpenClaw instance unreachable"}));
}
