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

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use common::client::ClientError;
use common::http::{ApiError, InternalKey, PeerAddress, presented};
use common::platform::Platform;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use proxy::{Held, Tunnels};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use metrics::Metrics;
pub use settings::Settings;

/// The longest head of a request, in bytes. At most a hundred headers are in it,
/// which is hyper's own limit.
const HEAD: usize = 64 * 1024;

/// A relay that is ready to serve.
pub struct Relay {
    workers: Vec<Worker>,
    tunnels: Tunnels,
    places: Arc<Semaphore>,
    metrics: Metrics,
    head: Duration,
    drain: Duration,
    connections: TaskTracker,
    ending: CancellationToken,
}

/// Where connections are served.
struct Worker {
    runtime: Handle,
    app: Arc<App>,
}

/// What answers.
struct App {
    routes: Router,
    forwarding: proxy::State,
    metrics: Metrics,
}

/// What the relay's own endpoints work with.
#[derive(Clone)]
struct Own {
    key: InternalKey,
    tunnels: Tunnels,
    metrics: Metrics,
}

impl Relay {
    /// Makes the clients. Connections are served where this is called.
    ///
    /// # Errors
    /// When an HTTP client cannot be made.
    pub fn new(settings: Settings, platform: &Platform) -> Result<Self, ClientError> {
        Self::on(vec![Handle::current()], settings, platform)
    }

    /// Makes the clients. Connections are served on these runtimes in turn, and
    /// each of them has its own connections to agents.
    ///
    /// # Errors
    /// When an HTTP client cannot be made.
    pub fn on(
        runtimes: Vec<Handle>,
        settings: Settings,
        platform: &Platform,
    ) -> Result<Self, ClientError> {
        let state = settings.proxy.build(platform, settings.limits)?;
        let tunnels = state.tunnels.clone();
        let places = Arc::new(Semaphore::new(settings.connections));
        let metrics = Metrics::new(tunnels.clone(), places.clone(), settings.connections);
        let own = Own {
            key: settings.key,
            tunnels: tunnels.clone(),
            metrics: metrics.clone(),
        };
        let mut workers = Vec::new();
        for runtime in runtimes {
            let app = Arc::new(App::new(&own, state.with_own_connections()));
            workers.push(Worker { runtime, app });
        }
        Ok(Self {
            workers,
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
        let mut workers = self.workers.iter().cycle();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut ending => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    if let Some(worker) = workers.next() {
                        self.welcome(stream, PeerAddress(peer), worker);
                    }
                }
                Err(error) => {
                    // Out of descriptors, mostly: some will come back.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
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

    fn welcome(&self, stream: TcpStream, peer: PeerAddress, worker: &Worker) {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            self.metrics.turned_away();
            turn_away(&stream);
            return;
        };
        // It only waits longer without.
        let _ = stream.set_nodelay(true);
        // It is watched by the runtime that accepted it, and must be by the one
        // that serves it.
        let stream = match stream.into_std() {
            Ok(stream) => stream,
            Err(error) => return dropped(&error),
        };
        let (app, ending) = (worker.app.clone(), self.ending.clone());
        let connection = connection(stream, peer, app, place, self.head, ending);
        self.connections.spawn_on(connection, &worker.runtime);
    }
}

impl App {
    fn new(own: &Own, state: proxy::State) -> Self {
        let measured = middleware::from_fn_with_state(own.metrics.clone(), measure);
        let routes = Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/metrics", get(show_metrics))
            .with_state(own.clone())
            .merge(proxy::router(state.clone()).layer(measured));
        Self {
            routes: common::http::app(routes),
            forwarding: state,
            metrics: own.metrics.clone(),
        }
    }

    /// What is forwarded goes past the routes, which are a third of its cost.
    async fn answer(&self, request: Request) -> Response {
        let path = request.uri().path();
        let for_ticket = request.method() == Method::POST && path.ends_with("/ticket");
        if for_ticket || !path.starts_with(proxy::PREFIX) {
            let Ok(answer) = Box::pin(self.routes.clone().oneshot(request)).await;
            return answer;
        }
        let start = Instant::now();
        let forward = |request| proxy::forward(&self.forwarding, request);
        let answer = common::http::traced(request, proxy::ROUTE, forward).await;
        self.metrics
            .answered(answer.status().as_u16(), start.elapsed());
        answer
    }
}

/// Says that a connection could not be handed to its thread.
fn dropped(error: &io::Error) {
    tracing::error!(%error, "a connection is dropped");
}

/// One connection, up to its end or until it becomes a WebSocket.
async fn connection(
    stream: std::net::TcpStream,
    peer: PeerAddress,
    app: Arc<App>,
    place: OwnedSemaphorePermit,
    head: Duration,
    ending: CancellationToken,
) {
    let stream = match TcpStream::from_std(stream) {
        Ok(stream) => stream,
        Err(error) => return dropped(&error),
    };
    let held = Held(Arc::new(place));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let upgrades = request.headers().contains_key(header::UPGRADE);
        let extensions = request.extensions_mut();
        extensions.insert(peer);
        if upgrades {
            extensions.insert(held.clone());
        }
        let app = app.clone();
        async move {
            if head_len(&request) > HEAD {
                return Ok(ApiError::HeadTooLarge(HEAD).into_response());
            }
            Ok::<_, Infallible>(app.answer(request.map(Body::new)).await)
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            // Also how long a connection may be idle between two requests.
            .header_read_timeout(head)
            .max_buf_size(HEAD)
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
