//! What the relay is measured with. `run.py` beside it puts the parts together.

use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use clap::{Parser, Subcommand};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// An agent: a kilobyte of JSON at `/json`, and on another port an echo of
    /// WebSockets
    Agent,
    /// Sends messages over some WebSockets, each after the echo of the one before
    Echo {
        /// The address, with ws://
        url: String,
        /// The bearer key
        #[arg(long, default_value = "")]
        key: String,
        /// How many WebSockets
        #[arg(long, default_value_t = 32)]
        sockets: usize,
        /// Bytes of a message
        #[arg(long, default_value_t = 512)]
        size: usize,
        /// For how many seconds
        #[arg(long, default_value_t = 8)]
        seconds: u64,
    },
    /// Opens WebSockets, says so, and holds them until its input ends
    Idle {
        /// The address, with ws://
        url: String,
        /// The bearer key
        #[arg(long, default_value = "")]
        key: String,
        /// How many WebSockets
        #[arg(long, default_value_t = 5_000)]
        sockets: usize,
    },
}

type Anything = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Anything> {
    match Arguments::parse().part {
        Part::Agent => agent().await,
        Part::Echo {
            url,
            key,
            sockets,
            size,
            seconds,
        } => echo(&url, &key, sockets, size, Duration::from_secs(seconds)).await,
        Part::Idle { url, key, sockets } => idle(&url, &key, sockets).await,
    }
}

async fn agent() -> Result<(), Anything> {
    let page = json!({"text": "x".repeat(1000)}).to_string();
    let json = move || {
        let page = page.clone();
        async move { ([("content-type", "application/json")], page) }
    };
    let routes = Router::new().route("/json", get(json));
    let http = TcpListener::bind(("127.0.0.1", 0)).await?;
    let sockets = TcpListener::bind(("127.0.0.1", 0)).await?;
    say(&json!({
        "http": format!("http://{}", http.local_addr()?),
        "sockets": format!("http://{}", sockets.local_addr()?),
    }))?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = sockets.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    Ok(axum::serve(http, routes).await?)
}

async fn answer(stream: TcpStream) -> Result<(), Anything> {
    stream.set_nodelay(true)?;
    let config = small_buffers();
    let mut socket = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await?;
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

/// Thousands of connections need not have large ones.
fn small_buffers() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0)
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(url: &str, key: &str) -> Result<Socket, Anything> {
    let mut request = url.into_client_request()?;
    if !key.is_empty() {
        let bearer = format!("Bearer {key}").parse()?;
        request.headers_mut().insert("authorization", bearer);
    }
    let config = small_buffers();
    let (socket, _) =
        tokio_tungstenite::connect_async_with_config(request, Some(config), true).await?;
    Ok(socket)
}

async fn echo(
    url: &str,
    key: &str,
    sockets: usize,
    size: usize,
    time: Duration,
) -> Result<(), Anything> {
    let mut tasks = Vec::new();
    for _ in 0..sockets {
        let mut socket = connect(url, key).await?;
        tasks.push(async move {
            let message = Message::binary(vec![7; size]);
            let mut count = 0_u64;
            let end = Instant::now() + time;
            while Instant::now() < end {
                socket.send(message.clone()).await?;
                match socket.next().await {
                    Some(Ok(_)) => count += 1,
                    _ => return Err("the echo broke off".into()),
                }
            }
            Ok::<u64, Anything>(count)
        });
    }
    let tasks: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut count = 0;
    for task in tasks {
        count += task.await??;
    }
    say(&json!({"messagesPerSecond": count / time.as_secs().max(1)}))
}

async fn idle(url: &str, key: &str, sockets: usize) -> Result<(), Anything> {
    let mut open = Vec::new();
    for _ in 0..sockets {
        open.push(connect(url, key).await?);
    }
    say(&json!({"open": open.len()}))?;
    tokio::task::spawn_blocking(|| io::read_to_string(io::stdin())).await??;
    Ok(())
}

fn say(line: &serde_json::Value) -> Result<(), Anything> {
    let mut out = io::stdout();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
