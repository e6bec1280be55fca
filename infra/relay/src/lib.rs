//! The proxy as a long-running server, for what Lambda cannot do: WebSockets and
//! streaming responses.
//!
//! It serves the routes of the function `proxy`, and `/healthz`, `/readyz` and
//! `/metrics` for its operator. On top of that it manages connections: how many there
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
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use common::client::{ClientError, HEAD_LIMIT, MAX_HEADERS};
use common::http::{AllowedOrigins, ApiError, InternalKey, PeerAddress, presented};
use common::platform::Platform;
use http::{Method, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use proxy::{ConnectionGuard, ProxyError, Tunnels};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use metrics::Metrics;
pub use settings::Settings;

pub struct Relay {
    workers: Vec<Worker>,
    tunnels: Tunnels,
    permits: Arc<Semaphore>,
    metrics: Metrics,
    head_timeout: Duration,
    client_timeout: Duration,
    drain: Duration,
    connections: TaskTracker,
    shutdown: CancellationToken,
}

/// A thread that serves connections.
struct Worker {
    runtime: Handle,
    app: Arc<App>,
}

struct App {
    routes: Router,
    forwarding: proxy::State,
    metrics: Metrics,
}

/// What the endpoints for the relay's operator share.
#[derive(Clone)]
struct OperatorState {
    key: InternalKey,
    tunnels: Tunnels,
    metrics: Metrics,
}

impl Relay {
    /// Serves connections on the runtime that calls this.
    ///
    /// # Errors
    /// When an HTTP client cannot be made.
    pub fn new(settings: Settings, platform: &Platform) -> Result<Self, ClientError> {
        Self::on_runtimes(vec![Handle::current()], settings, platform)
    }

    /// Serves connections on these runtimes in turn. Each of them has its own
    /// connections to agents.
    ///
    /// # Errors
    /// When an HTTP client cannot be made.
    pub fn on_runtimes(
        runtimes: Vec<Handle>,
        settings: Settings,
        platform: &Platform,
    ) -> Result<Self, ClientError> {
        let state = settings.proxy.build(platform, settings.limits)?;
        let tunnels = state.tunnels();
        let permits = Arc::new(Semaphore::new(settings.connections));
        let metrics = Metrics::new(tunnels.clone(), permits.clone(), settings.connections);
        let operator = OperatorState {
            key: settings.key,
            tunnels: tunnels.clone(),
            metrics: metrics.clone(),
        };
        let mut workers = Vec::new();
        for runtime in runtimes {
            let app = Arc::new(App::new(&operator, state.with_own_connections()));
            workers.push(Worker { runtime, app });
        }
        Ok(Self {
            workers,
            tunnels,
            permits,
            metrics,
            head_timeout: settings.head_timeout,
            client_timeout: settings.limits.client_timeout,
            drain: settings.drain,
            connections: TaskTracker::new(),
            shutdown: CancellationToken::new(),
        })
    }

    /// Serves until `shutdown` resolves, then drains: requests are answered,
    /// WebSockets closed with "service restart", and whatever is still open after
    /// the drain time is cut off.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        let mut workers = self.workers.iter().cycle();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut shutdown => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    if let Some(worker) = workers.next() {
                        self.accept(stream, PeerAddress(peer), worker);
                    }
                }
                Err(error) => {
                    // Mostly out of file descriptors: some will be freed.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        drop(listener);
        tracing::info!(websockets = self.tunnels.open_now(), "the relay is ending");
        self.shutdown.cancel();
        self.connections.close();
        let ended = async { tokio::join!(self.connections.wait(), self.tunnels.drain()) };
        if timeout(self.drain, ended).await.is_err() {
            tracing::warn!(
                websockets = self.tunnels.open_now(),
                "some connections were cut off"
            );
        }
    }

    fn accept(&self, stream: TcpStream, peer: PeerAddress, worker: &Worker) {
        let Ok(permit) = self.permits.clone().try_acquire_owned() else {
            self.metrics.connection_rejected();
            reject(&stream);
            return;
        };
        // If it fails, small writes take longer, and nothing else.
        let _ = stream.set_nodelay(true);
        // Moves the stream from the runtime that accepted it to the one that
        // serves it.
        let stream = match stream.into_std() {
            Ok(stream) => stream,
            Err(error) => return log_dropped(&error),
        };
        let (app, shutdown) = (worker.app.clone(), self.shutdown.clone());
        let timeouts = (self.head_timeout, self.client_timeout);
        let connection = connection(stream, peer, app, permit, timeouts, shutdown);
        self.connections.spawn_on(connection, &worker.runtime);
    }
}

impl App {
    fn new(operator: &OperatorState, state: proxy::State) -> Self {
        let measured = middleware::from_fn_with_state(operator.metrics.clone(), measure);
        let routes = Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/metrics", get(show_metrics))
            .with_state(operator.clone())
            .merge(proxy::router(state.clone()).layer(measured));
        Self {
            // Its pages are the agents', and programs need no permission.
            routes: common::http::app(routes, &AllowedOrigins::default()),
            forwarding: state,
            metrics: operator.metrics.clone(),
        }
    }

    /// Forwarded requests bypass the router, which would be a third of their cost.
    async fn answer(&self, request: Request) -> Response {
        if let Some(owner) = proxy::agent_host(&self.forwarding, &request) {
            let start = Instant::now();
            let answer = Box::pin(proxy::answer_at_origin(&self.forwarding, owner, request)).await;
            self.metrics
                .record_response(answer.status().as_u16(), start.elapsed());
            return answer;
        }
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
            .record_response(answer.status().as_u16(), start.elapsed());
        answer
    }
}

fn log_dropped(error: &io::Error) {
    tracing::error!(%error, "a connection is dropped");
}

/// Serves one connection until it ends or becomes a WebSocket.
async fn connection(
    stream: std::net::TcpStream,
    peer: PeerAddress,
    app: Arc<App>,
    permit: OwnedSemaphorePermit,
    (head_timeout, client_timeout): (Duration, Duration),
    shutdown: CancellationToken,
) {
    let mut stream = match TcpStream::from_std(stream) {
        Ok(stream) => TimeoutStream::new(stream),
        Err(error) => return log_dropped(&error),
    };
    // Who reads nothing would hold its place for ever.
    stream.set_write_timeout(Some(client_timeout));
    let guard = ConnectionGuard(Arc::new(permit));
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        let upgrades = request.headers().contains_key(header::UPGRADE);
        let extensions = request.extensions_mut();
        extensions.insert(peer);
        if upgrades {
            extensions.insert(guard.clone());
        }
        let app = app.clone();
        async move {
            if head_len(&request) > HEAD_LIMIT {
                return Ok(ProxyError::HeadTooLarge(HEAD_LIMIT).into_response());
            }
            Ok::<_, Infallible>(app.answer(request.map(Body::new)).await)
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            // Also how long a connection may be idle between two requests.
            .header_read_timeout(head_timeout)
            .max_buf_size(HEAD_LIMIT)
            .max_headers(MAX_HEADERS)
            // A client may have said all, and still wait for its answer.
            .half_close(true)
            .serve_connection(TokioIo::new(Box::pin(stream)), service)
            .with_upgrades()
    );
    // How it ends does not matter: clients disconnect whenever they like.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// The approximate length of a request's head. The server reads in large steps, and
/// checks its own limit only between them.
fn head_len(request: &http::Request<Incoming>) -> usize {
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + 4);
    request.uri().path().len() + request.uri().query().map_or(0, str::len) + headers.sum::<usize>()
}

/// Answers 503 without waiting for the client: a server at its limit has no time.
fn reject(stream: &TcpStream) {
    const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
        content-length: 32\r\nretry-after: 1\r\nconnection: close\r\n\r\n\
        {\"error\": \"No more connections\"}";
    let _: io::Result<usize> = stream.try_write(FULL);
}

/// Liveness: the process runs.
async fn healthz() -> Response {
    Json("live").into_response()
}

/// Readiness: it accepts requests.
async fn readyz(State(operator): State<OperatorState>) -> Response {
    if operator.tunnels.is_draining() {
        return (StatusCode::SERVICE_UNAVAILABLE, Json("draining")).into_response();
    }
    Json("ready").into_response()
}

/// Needs the key: the metrics reveal how many people use the relay.
async fn show_metrics(
    State(operator): State<OperatorState>,
    request: Request,
) -> Result<Response, ApiError> {
    match presented(request.headers()) {
        Some(key) if operator.key.is(key) => Ok(operator.metrics.render()),
        _ => Err(ApiError::Unauthorized),
    }
}

async fn measure(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let response = next.run(request).await;
    metrics.record_response(response.status().as_u16(), start.elapsed());
    response
}
