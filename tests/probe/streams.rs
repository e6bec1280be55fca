//! An agent over HTTP/2, which TLS negotiates, that counts its handshakes.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::{Request, Response, StatusCode};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What an agent does about a request.
pub(crate) enum Then {
    /// Status 200 with this body.
    Say(&'static str),
    /// Hints before the answer.
    Hint(&'static str),
    /// The same bytes without an end.
    Pour(&'static [u8]),
    /// Nothing.
    Hang,
    /// It resets the request.
    Reset(Reason),
    /// It resets the request, and takes no more of them on this connection.
    GoAway,
}

pub(crate) struct Agent {
    /// Its base URL.
    pub(crate) url: String,
    handshakes: Arc<Mutex<usize>>,
    requests: Arc<Mutex<Vec<Request<()>>>>,
    task: JoinHandle<()>,
}

type Script = Arc<dyn Fn(usize, &str) -> Then + Send + Sync>;
type Http2 = Connection<TlsStream<TcpStream>, Bytes>;

impl Agent {
    /// An agent that does to a path, on the connection of a number, what the
    /// script says.
    pub(crate) async fn start(
        config: ServerConfig,
        builder: Builder,
        script: impl Fn(usize, &str) -> Then + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let tls = TlsAcceptor::from(Arc::new(config));
        let (handshakes, requests) = (Arc::new(Mutex::new(0)), Arc::default());
        let (count, log) = (handshakes.clone(), Arc::clone(&requests));
        let script: Script = Arc::new(script);
        let task = tokio::spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let stream = tls.accept(stream).await.unwrap();
                let number = {
                    let mut count = count.lock().unwrap();
                    *count += 1;
                    *count
                };
                let (builder, script, log) = (builder.clone(), script.clone(), Arc::clone(&log));
                open.spawn(async move {
                    if let Ok(connection) = builder.handshake(stream).await {
                        talk(connection, &log, &|path| script(number, path)).await;
                    }
                });
            }
        });
        Self {
            url,
            handshakes,
            requests,
            task,
        }
    }

    pub(crate) fn handshakes(&self) -> usize {
        *self.handshakes.lock().unwrap()
    }

    /// The heads of all requests.
    pub(crate) fn requests(&self) -> Vec<Request<()>> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn talk(
    mut connection: Http2,
    log: &Mutex<Vec<Request<()>>>,
    script: &(dyn Fn(&str) -> Then + Send + Sync),
) {
    let mut held = Vec::new();
    let mut pouring = JoinSet::new();
    // An error means that the other side has gone.
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        log.lock().unwrap().push(Request::from_parts(parts, ()));
        match script(&path) {
            Then::Say(text) => say(&mut respond, text),
            Then::Hint(text) => {
                let hints = Response::builder()
                    .status(StatusCode::EARLY_HINTS)
                    .body(())
                    .unwrap();
                respond.send_informational(hints).unwrap();
                say(&mut respond, text);
            }
            Then::Pour(bytes) => drop(pouring.spawn(pour(respond, bytes))),
            Then::Hang => held.push((respond, body)),
            Then::Reset(reason) => respond.send_reset(reason),
            Then::GoAway => {
                respond.send_reset(Reason::REFUSED_STREAM);
                connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            }
        }
    }
    drop::<Vec<(SendResponse<Bytes>, RecvStream)>>(held);
}

fn head() -> Response<()> {
    Response::builder()
        .header("content-type", "application/json")
        .body(())
        .unwrap()
}

fn say(respond: &mut SendResponse<Bytes>, text: &'static str) {
    let mut stream = respond.send_response(head(), false).unwrap();
    stream
        .send_data(Bytes::from_static(text.as_bytes()), true)
        .unwrap();
}

async fn pour(mut respond: SendResponse<Bytes>, bytes: &'static [u8]) {
    let mut stream = respond.send_response(head(), false).unwrap();
    loop {
        stream.reserve_capacity(bytes.len());
        let capacity = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await;
        let Some(Ok(_)) = capacity else { return };
        if stream.send_data(Bytes::from_static(bytes), false).is_err() {
            return;
        }
    }
}
