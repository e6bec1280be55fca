//! An agent that returns the request that it got, and echoes WebSocket
//! messages.

use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use futures_util::{SinkExt, StreamExt, stream};
use http::{HeaderMap, StatusCode, header};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_tungstenite::tungstenite::handshake::server;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, protocol::WebSocketConfig};

/// An agent on a free port of the loopback. It ends when it is dropped.
///
/// Over HTTP it answers with what it was asked, as JSON, but for the paths
/// `/status/CODE`, `/redirect`, `/events` (a stream that never ends),
/// `/bytes/COUNT`, `/flood` (sends as fast as it can), `/upload` (counts what it
/// gets) and `/deaf` (reads nothing). Over WebSockets it echoes, but for `/close/CODE`, `/refuse` (no upgrade), `/mute` (reads
/// nothing) and `/pairing`, where it is a gateway that has not approved the device
/// `device-1` yet. Its RPC lists that device, and two more.
#[derive(Debug)]
pub struct EchoAgent {
    url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    asked: AtomicUsize,
    open: AtomicUsize,
    flooded: AtomicUsize,
    handshakes: Mutex<Vec<(String, HeaderMap)>>,
    rpc: Mutex<Vec<(String, Value)>>,
}

impl EchoAgent {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::<Shared>::default();
        let task = tokio::spawn(serve(listener, shared.clone()));
        Self {
            url: format!("http://{address}"),
            shared,
            task,
        }
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many connections it got so far.
    pub fn connections(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// How many bytes it has sent from `/flood` so far.
    pub fn flooded(&self) -> usize {
        self.shared.flooded.load(Ordering::SeqCst)
    }

    /// How many WebSockets are open at it now.
    pub fn open_sockets(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// The target and the headers of each handshake so far.
    pub fn handshakes(&self) -> Vec<(String, HeaderMap)> {
        let handshakes = &self.shared.handshakes;
        handshakes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The token and the body of each call of its RPC so far.
    pub fn rpc_calls(&self) -> Vec<(String, Value)> {
        let calls = &self.shared.rpc;
        calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for EchoAgent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                shared.asked.fetch_add(1, Ordering::SeqCst);
                connections.spawn(connection(stream, shared.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Whoever asks may hang up at any time, so how it ends is of no interest.
async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    match wants_upgrade(&stream).await {
        Ok(true) => {
            let _ = socket(stream, &shared).await;
        }
        Ok(false) => {
            let routes = Router::new().fallback(answer).with_state(shared);
            let service = TowerToHyperService::new(routes);
            // A connection is for one thing: what it is for is decided above.
            let _ = http1::Builder::new()
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
        Err(_) => {}
    }
}

async fn wants_upgrade(stream: &TcpStream) -> io::Result<bool> {
    let mut head = [0; 16 * 1024];
    loop {
        let len = stream.peek(&mut head).await?;
        let text =
            String::from_utf8_lossy(head.get(..len).unwrap_or_default()).to_ascii_lowercase();
        if text.contains("\r\n\r\n") || len == 0 {
            return Ok(text.contains("upgrade: websocket") && !text.starts_with("get /refuse"));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn socket(
    stream: TcpStream,
    shared: &Shared,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let mut path = String::new();
    #[expect(clippy::result_large_err, reason = "the library's own type")]
    let record = |request: &server::Request, mut response: server::Response| {
        path = request.uri().path().to_owned();
        let seen = (request.uri().to_string(), request.headers().clone());
        let handshakes = &shared.handshakes;
        handshakes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(seen);
        if let Some(protocols) = request.headers().get("sec-websocket-protocol") {
            let first = protocols.to_str().unwrap_or_default().split(',').next();
            if let Some(Ok(first)) = first.map(str::parse) {
                response
                    .headers_mut()
                    .insert("sec-websocket-protocol", first);
            }
        }
        Ok(response)
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0);
    let mut socket =
        tokio_tungstenite::accept_hdr_async_with_config(stream, record, Some(config)).await?;
    let _open = Open::one_more(shared);
    if let Some(code) = path.strip_prefix("/close/") {
        let close = CloseFrame {
            code: code.parse::<u16>()?.into(),
            reason: "as you wish".into(),
        };
        socket.close(Some(close)).await?;
    }
    if path == "/mute" {
        return std::future::pending().await;
    }
    while let Some(message) = socket.next().await {
        match message {
            Ok(Message::Text(_)) if path == "/pairing" => {
                let refused = json!({
                    "type": "res", "id": "1", "ok": false,
                    "error": {"code": "NOT_PAIRED", "details": {"code": "PAIRING_REQUIRED"}},
                });
                socket.send(Message::text(refused.to_string())).await?;
            }
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => socket.send(message).await?,
            Ok(_) => {}
            Err(error) => {
                // As OpenClaw's library does: what was wrong is told.
                let code = match &error {
                    Error::Utf8(_) => CloseCode::Invalid,
                    Error::Capacity(_) => CloseCode::Size,
                    _ => CloseCode::Protocol,
                };
                let reason = "broken".into();
                socket.close(Some(CloseFrame { code, reason })).await?;
                return Err(error.into());
            }
        }
    }
    Ok(())
}

struct Open<'s>(&'s Shared);

impl<'s> Open<'s> {
    fn one_more(shared: &'s Shared) -> Self {
        shared.open.fetch_add(1, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    if let Some(code) = path.strip_prefix("/status/") {
        let code: u16 = code.parse().expect("a status");
        return StatusCode::from_u16(code)
            .expect("a status")
            .into_response();
    }
    if let Some(count) = path.strip_prefix("/bytes/") {
        let count = count.parse().expect("a number");
        return vec![b'x'; count].into_response();
    }
    match path.as_str() {
        "/redirect" => {
            let location = [(header::LOCATION, "http://127.0.0.1:1/elsewhere")];
            (StatusCode::TEMPORARY_REDIRECT, location).into_response()
        }
        "/events" => events(),
        "/flood" => flood(shared),
        "/deaf" => std::future::pending().await,
        "/upload" => Json(json!({"got": count(request.into_body()).await})).into_response(),
        "/api/v1/admin/rpc" => rpc(&shared, request).await,
        "/refuse" => (StatusCode::SERVICE_UNAVAILABLE, "no more sockets").into_response(),
        _ => mirror(request).await,
    }
}

async fn rpc(shared: &Shared, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let token = parts.headers.get(header::AUTHORIZATION);
    let token = token
        .and_then(|token| token.to_str().ok())
        .unwrap_or_default();
    let body = axum::body::to_bytes(body, 10_000).await.unwrap_or_default();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let mut calls = shared.rpc.lock().unwrap_or_else(PoisonError::into_inner);
    calls.push((token.to_owned(), body));
    let pending = ["device-0", "device-1", "device-2"]
        .map(|device| json!({"requestId": format!("request-of-{device}"), "deviceId": device}));
    Json(json!({"id": "1", "ok": true, "payload": {"pending": pending, "paired": []}}))
        .into_response()
}

/// What was asked, as JSON.
async fn mirror(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers: Vec<_> = parts
        .headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), text(value.as_bytes())]))
        .collect();
    let body = axum::body::to_bytes(body, 10_000_000)
        .await
        .unwrap_or_default();
    Json(json!({
        "method": parts.method.as_str(),
        "target": parts.uri.to_string(),
        "headers": headers,
        "body": text(&body),
    }))
    .into_response()
}

/// One event at once, and one each 50 ms after that.
fn events() -> Response {
    let events = stream::unfold(0_u64, |number| async move {
        if number > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let event = Bytes::from(format!("data: {number}\n\n"));
        Some((Ok::<_, Infallible>(event), number + 1))
    });
    let event_stream = [(header::CONTENT_TYPE, "text/event-stream")];
    (event_stream, Body::from_stream(events)).into_response()
}

fn flood(shared: Arc<Shared>) -> Response {
    let part = Bytes::from_static(&[b'x'; 64 * 1024]);
    let parts = stream::repeat_with(move || {
        shared.flooded.fetch_add(part.len(), Ordering::SeqCst);
        Ok::<_, Infallible>(part.clone())
    });
    Body::from_stream(parts).into_response()
}

async fn count(mut body: Body) -> usize {
    let mut count = 0;
    loop {
        let part =
            std::future::poll_fn(|context| std::pin::Pin::new(&mut body).poll_frame(context));
        match part.await {
            Some(Ok(part)) => count += part.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) | None => return count,
        }
    }
}
