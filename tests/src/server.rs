//! Servers that answer with exactly the bytes that a test chooses: agents that
//! are other people's code, and backends.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a server sends for one request, byte by byte.
#[derive(Clone, Debug)]
pub enum Reply {
    /// These bytes, and then the connection is closed.
    Bytes(Vec<u8>),
    /// The first bytes, then the second ones again and again, with a pause in
    /// between, for as long as somebody reads.
    Forever(Vec<u8>, Vec<u8>, Duration),
    /// Nothing, on a connection that stays open.
    Silence,
}

impl Reply {
    /// Any status with any content type and body.
    pub fn http(status: u16, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let mut bytes = format!(
            "HTTP/1.1 {status} Any\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        Self::Bytes(bytes)
    }

    /// Status 200 with a JSON body.
    pub fn json(body: &Value) -> Self {
        Self::http(200, "application/json", body.to_string())
    }

    /// Status 404, as OpenClaw's gateway words it.
    pub fn not_found() -> Self {
        Self::http(404, "text/plain; charset=utf-8", "Not Found")
    }

    /// These bytes, and then the connection is closed.
    pub fn raw(bytes: impl AsRef<[u8]>) -> Self {
        Self::Bytes(bytes.as_ref().to_vec())
    }
}

/// A server on a free port of the loopback. It ends when it is dropped.
#[derive(Debug)]
pub struct ScriptedServer {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

/// What a server was asked.
#[derive(Clone, Debug)]
struct Request {
    head: String,
    body: String,
}

impl ScriptedServer {
    /// A server that replies to a path as the script says.
    pub async fn start(script: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::by_head(move |head| script(head.split(' ').nth(1).unwrap_or_default())).await
    }

    /// A server that replies to the head of a request, in lower case, as the script
    /// says.
    pub async fn by_head(script: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(serve(listener, Arc::new(script), requests.clone()));
        Self {
            url: format!("http://{address}"),
            requests,
            task,
        }
    }

    /// An agent that replies so to `/healthz`, `/readyz` and `/api/status`.
    pub async fn agent(replies: [Reply; 3]) -> Self {
        Self::start(move |path| {
            let [healthz, readyz, api_status] = &replies;
            match path {
                "/healthz" => healthz.clone(),
                "/readyz" => readyz.clone(),
                "/api/status" => api_status.clone(),
                _ => Reply::not_found(),
            }
        })
        .await
    }

    /// A server that replies the same to everything.
    pub async fn always(reply: Reply) -> Self {
        Self::start(move |_| reply.clone()).await
    }

    /// Its base URL, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The heads of all requests that it got so far, in lower case.
    pub fn requests(&self) -> Vec<String> {
        self.each(|request| request.head.clone())
    }

    /// The bodies of all requests that it got so far.
    pub fn bodies(&self) -> Vec<String> {
        self.each(|request| request.body.clone())
    }

    fn each(&self, part: impl Fn(&Request) -> String) -> Vec<String> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().map(part).collect()
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Script = Arc<dyn Fn(&str) -> Reply + Send + Sync>;

async fn serve(listener: TcpListener, script: Script, requests: Arc<Mutex<Vec<Request>>>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let script = script.clone();
        let requests = requests.clone();
        connections.spawn(async move {
            // Whoever asks may hang up at any time.
            let _ = answer(stream, &*script, &requests).await;
        });
    }
}

async fn answer(
    mut stream: TcpStream,
    script: &(dyn Fn(&str) -> Reply + Send + Sync),
    requests: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    stream.read_exact(&mut body).await?;
    let body = String::from_utf8_lossy(&body).into_owned();
    let reply = script(&head);
    requests
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(Request { head, body });
    match reply {
        Reply::Bytes(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await?;
            // Until the other side has closed too: a reset would throw away
            // what it has not read yet.
            while stream.read(&mut [0; 64]).await? > 0 {}
            Ok(())
        }
        Reply::Forever(first, rest, pause) => {
            stream.write_all(&first).await?;
            loop {
                stream.write_all(&rest).await?;
                tokio::time::sleep(pause).await;
            }
        }
        Reply::Silence => std::future::pending().await,
    }
}
