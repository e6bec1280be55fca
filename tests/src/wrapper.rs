//! A wrapper in front of a gateway: it answers requests by itself, and passes the
//! frames of WebSockets on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// What the gateway does on its WebSocket.
#[derive(Clone, Debug)]
pub enum Gateway {
    /// It welcomes whoever has this token.
    Token(String),
    /// It has whoever has this token wait for an approval.
    Pairing(String),
    /// It has no authentication.
    Open,
    /// It refuses everybody with this code, before it looks at a token.
    Refusing(&'static str),
    /// It says other things first, and a word of its own about the token.
    Talkative(String),
    /// It hangs: the connection opens, and nothing comes.
    Hanging,
    /// It closes at once.
    Closing,
    /// The wrapper wants a login first.
    BehindLogin,
}

/// How the wrapper answers a path.
type Answers = Arc<dyn Fn(&str) -> (u16, Value) + Send + Sync>;

/// A wrapper on a free port of the loopback. It ends when it is dropped.
#[derive(Debug)]
pub struct Wrapper {
    url: String,
    sockets: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Wrapper {
    /// A wrapper whose own answers are those of a function.
    pub async fn start(
        gateway: Gateway,
        answers: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let sockets = Arc::new(AtomicUsize::new(0));
        let (counted, answers): (_, Answers) = (sockets.clone(), Arc::new(answers));
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (gateway, answers) = (gateway.clone(), answers.clone());
                connections.spawn(serve(stream, gateway, answers, counted.clone()));
            }
        });
        Self {
            url: format!("http://{address}"),
            sockets,
            task,
        }
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many WebSockets were asked for so far.
    pub fn sockets(&self) -> usize {
        self.sockets.load(Ordering::SeqCst)
    }
}

impl Drop for Wrapper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    gateway: Gateway,
    answers: Answers,
    sockets: Arc<AtomicUsize>,
) -> Option<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            let found = lines.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
            Some(found.1.to_owned())
        };
        if let Some(key) = header("sec-websocket-key") {
            sockets.fetch_add(1, Ordering::SeqCst);
            if !matches!(gateway, Gateway::BehindLogin) {
                let accept = derive_accept_key(key.as_bytes());
                let answer = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
                     connection: Upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
                );
                stream.write_all(answer.as_bytes()).await.ok()?;
                let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
                return speak(socket, &gateway).await;
            }
        }
        let length = header("content-length").and_then(|it| it.parse().ok());
        stream
            .read_exact(&mut vec![0; length.unwrap_or(0)])
            .await
            .ok()?;
        let path = head.split(' ').nth(1).unwrap_or_default();
        let (status, body) = match gateway {
            Gateway::BehindLogin if path == "/" => (401, json!("Auth required")),
            _ => answers(path),
        };
        let body = body.to_string();
        let answer = format!(
            "HTTP/1.1 {status} Any\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n\
             {body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

async fn speak(mut socket: WebSocketStream<TcpStream>, gateway: &Gateway) -> Option<()> {
    let challenge = json!({
        "type": "event", "event": "connect.challenge", "payload": {"nonce": "n", "ts": 1},
    });
    match gateway {
        Gateway::Hanging => return std::future::pending().await,
        Gateway::Closing => return socket.close(None).await.ok(),
        Gateway::Talkative(_) => {
            let _ = socket.send(Message::Ping("p".into())).await;
            let tick = json!({"type": "event", "event": "tick", "payload": {}});
            socket.send(Message::text(tick.to_string())).await.ok()?;
        }
        _ => {}
    }
    socket
        .send(Message::text(challenge.to_string()))
        .await
        .ok()?;
    let request = loop {
        if let Message::Text(text) = socket.next().await?.ok()? {
            break text;
        }
    };
    let request: Value = serde_json::from_str(&request).expect("JSON");
    let asked = |pointer: &str| request.pointer(pointer).cloned().unwrap_or_default();
    assert_eq!(asked("/method"), "connect", "{request}");
    let protocols = (asked("/params/minProtocol"), asked("/params/maxProtocol"));
    assert_eq!(protocols, (json!(3), json!(4)));
    assert_eq!(asked("/params/client/id"), "openclaw-probe");
    let presented = asked("/params/auth/token");
    let presented = presented.as_str().unwrap_or_default();
    let refused = |code: &str, detail: &str| {
        let error = json!({"code": code, "message": "no", "details": {"code": detail}});
        json!({"type": "res", "id": asked("/id"), "ok": false, "error": error})
    };
    let welcome = json!({
        "type": "res", "id": asked("/id"), "ok": true,
        "payload": {"type": "hello-ok", "protocol": 4, "padding": "x".repeat(100_000)},
    });
    let mismatch = || refused("INVALID_REQUEST", "AUTH_TOKEN_MISMATCH");
    let answer = match gateway {
        Gateway::Token(token) | Gateway::Talkative(token) if token == presented => welcome,
        Gateway::Pairing(token) if token == presented => refused("NOT_PAIRED", "PAIRING_REQUIRED"),
        Gateway::Open => welcome,
        Gateway::Refusing(code) => refused("INVALID_REQUEST", code),
        _ => mismatch(),
    };
    socket.send(Message::text(answer.to_string())).await.ok()?;
    socket.close(None).await.ok()
}
