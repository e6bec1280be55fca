//! The proxy as a server that lives long, for what Lambda cannot do: WebSockets,
//! and answers that stream.
//!
//! It serves the routes of the function `proxy`, and `/healthz`, `/readyz` and
//! `/metrics` of its own. What it adds is care for connections: how many there
//! are, how slow they may be, and how they end.

mod metrics;
mod settings;

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use common::aws::Aws;
use common::http::{ApiError, InternalKey, PeerAddress, presented};
use common::process::StartError;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use proxy::{Held, Tunnels};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use metrics::Metrics;
pub use settings::Settings;

/// The longest head of a request, in bytes, and the most headers in it.
const HEAD: usize = 64 * 1024;
const HEADERS: usize = 100;

/// A relay that is ready to serve.
pub struct Relay {
    app: Router,
    tunnels: Tunnels,
    places: Arc<Semaphore>,
    metrics: Metrics,
    head: Duration,
    drain: Duration,
    connections: TaskTracker,
    ending: CancellationToken,
}

/// What the relay's own endpoints work with.
#[derive(Clone)]
struct Own {
    key: InternalKey,
    tunnels: Tunnels,
    metrics: Metrics,
}

impl Relay {
    /// Makes the clients.
    ///
    /// # Errors
    /// When an HTTP client cannot be made.
    pub async fn new(settings: Settings, aws: &Aws) -> Result<Self, StartError> {
        let state = settings.proxy.open(aws, settings.limits).await?;
        let tunnels = state.tunnels.clone();
        let places = Arc::new(Semaphore::new(settings.connections));
        let metrics = Metrics::new(tunnels.clone(), places.clone(), settings.connections);
        let own = Own {
            key: settings.key,
            tunnels: tunnels.clone(),
            metrics: metrics.clone(),
        };
        let routes = Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/metrics", get(show_metrics))
            .with_state(own)
            .merge(
                proxy::router(state)
                    .layer(middleware::from_fn_with_state(metrics.clone(), measure)),
            );
        Ok(Self {
            app: common::http::app(routes),
            tunnels,
            places,
            metrics,
            head: settings.head,
            drain: settings.drain,
            connections: TaskTracker::new(),
            ending: CancellationToken::new(),
        })
    }

    /// Serves until `ending` resolves, and then ends what is open: requests are
    /// answered, WebSockets told to connect anew, and whoever takes too long is
    /// cut off.
    pub async fn serve(self, listener: TcpListener, ending: impl Future<Output = ()>) {
        tokio::pin!(ending);
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.welcome(stream, PeerAddress(peer)),
                    Err(error) => {
                        // Out of descriptors, mostly: some will come back.
                        tracing::warn!(%error, "a connection was not accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
                () = &mut ending => break,
            }
        }
        drop(listener);
        tracing::info!(websockets = self.tunnels.open_now(), "the relay is ending");
        self.ending.cancel();
        self.connections.close();
        let ended = async { tokio::join!(self.connections.wait(), self.tunnels.drain()) };
        if timeout(self.drain, ended).await.is_err() {
            tracing::warn!(
                websockets = self.tunnels.open_now(),
                "some connections were cut off"
            );
        }
    }

    fn welcome(&self, stream: TcpStream, peer: PeerAddress) {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            self.metrics.turned_away.inc();
            turn_away(&stream);
            return;
        };
        // It only waits longer without.
        let _ = stream.set_nodelay(true);
        let (app, ending) = (self.app.clone(), self.ending.clone());
        let connection = connection(stream, peer, app, place, self.head, ending);
        self.connections.spawn(connection);
    }
}

/// One connection, up to its end or until it becomes a WebSocket.
async fn connection(
    stream: TcpStream,
    peer: PeerAddress,
    app: Router,
    place: OwnedSemaphorePermit,
    head: Duration,
    ending: CancellationToken,
) {
    let held = Held(Arc::new(place));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let extensions = request.extensions_mut();
        extensions.insert(peer);
        extensions.insert(held.clone());
        let app = app.clone();
        async {
            if head_len(&request) > HEAD {
                return Ok(ApiError::HeadTooLarge(HEAD).into_response());
            }
            Ok::<_, Infallible>(app.oneshot(request).await.into_response())
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            // Also how long a connection may be idle between two requests.
            .header_read_timeout(head)
            .max_buf_size(HEAD)
            .max_headers(HEADERS)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
    );
    // How it ends is of no interest: clients break off whenever they like.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = ending.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// How long the head of a request is, about. The server reads in large steps,
/// and looks at its own limit between them only.
fn head_len(request: &hyper::Request<Incoming>) -> usize {
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + 4);
    request.uri().path().len() + request.uri().query().map_or(0, str::len) + headers.sum::<usize>()
}

/// Says that there is no place. It is not waited for: a full server has no time.
fn turn_away(stream: &TcpStream) {
    const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
        content-length: 32\r\nretry-after: 1\r\nconnection: close\r\n\r\n\
        {\"error\": \"No more connections\"}";
    let _: io::Result<usize> = stream.try_write(FULL);
}

/// Whether the process runs.
async fn healthz() -> Response {
    Json("live").into_response()
}

/// Whether it takes requests.
async fn readyz(State(own): State<Own>) -> Response {
    if own.tunnels.is_draining() {
        return (StatusCode::SERVICE_UNAVAILABLE, Json("draining")).into_response();
    }
    Json("ready").into_response()
}

/// For those who have the key: the figures say how many people use it.
async fn show_metrics(State(own): State<Own>, request: Request) -> Result<Response, ApiError> {
    match presented(request.headers()) {
        Some(key) if own.key.is(key) => Ok(own.metrics.shown()),
        _ => Err(ApiError::Unauthorized),
    }
}

async fn measure(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let response = next.run(request).await;
    metrics.answered(response.status().as_u16(), start.elapsed());
    response
}
