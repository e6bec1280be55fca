//! Simulated agents: small HTTP servers that answer as real ones do.
//!
//! Each has a port of its own for as long as it lives, also while it is
//! unreachable: a second socket holds the port without listening, so that a
//! connection is refused and nobody else gets the address.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::{Json, Router};
use common::clock::SharedClock;
use common::model::OpenclawVersion;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::{JoinHandle, JoinSet};

/// How a simulated agent behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Behaviour {
    /// Behind the platform's wrapper, and all is well.
    Running,
    /// Behind the wrapper, alive and not ready yet.
    Starting,
    /// The wrapper answers, its gateway process does not run.
    Stopped,
    /// The wrapper waits to be configured.
    Setup,
    /// A plain gateway, without `/api/status`.
    Legacy,
    /// Nothing listens.
    Unreachable,
    /// Connections open, and nothing ever comes.
    Hanging,
}

impl Behaviour {
    /// One agent of each.
    pub const ALL: [Self; 7] = [
        Self::Running,
        Self::Starting,
        Self::Stopped,
        Self::Setup,
        Self::Legacy,
        Self::Unreachable,
        Self::Hanging,
    ];

    /// As it is written in ids and in the list of agents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Starting => "starting",
            Self::Stopped => "stopped",
            Self::Setup => "setup",
            Self::Legacy => "legacy",
            Self::Unreachable => "unreachable",
            Self::Hanging => "hanging",
        }
    }
}

/// What newer releases do beside their behaviour: 2026.8 and later, which also
/// have `/startupz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The gateway does not know the proxy in front of it, and serves nobody.
    ProxyAttribution,
    /// It finishes its work, and ends then.
    Draining,
    /// The channel of this name does not work.
    Channel(&'static str),
    /// Too many attempts to log in have failed.
    LockedOut,
    /// A wrapper puts its own token into every request.
    LetsEverybodyIn,
    /// A wrapper says that the gateway runs, and does not reach it.
    Detached,
}

/// One simulated agent. It ends when it is dropped.
pub struct Agent {
    address: SocketAddr,
    /// Keeps the port while nothing listens.
    _holder: TcpSocket,
    life: Arc<Mutex<Life>>,
    server: Mutex<Option<JoinHandle<()>>>,
}

/// What an agent's answers depend on.
struct Life {
    behaviour: Behaviour,
    /// It was started without the platform's wrapper, and stays so.
    plain: bool,
    version: OpenclawVersion,
    clock: SharedClock,
    started: Timestamp,
    token: Option<String>,
    /// Whether its own configuration names the token, above its variables.
    keeps_token: bool,
    /// What ails it, if it is one of a newer release.
    trouble: Option<Trouble>,
    /// The requests that it leaves without an answer.
    unanswered: usize,
}

impl Agent {
    /// Starts an agent on a free port of the loopback, whose uptime goes by a clock.
    ///
    /// # Errors
    /// When no port is to be had.
    pub fn start(
        behaviour: Behaviour,
        version: OpenclawVersion,
        clock: SharedClock,
    ) -> io::Result<Self> {
        let holder = socket(0)?;
        let agent = Self {
            address: holder.local_addr()?,
            _holder: holder,
            life: Arc::new(Mutex::new(Life {
                behaviour,
                plain: behaviour == Behaviour::Legacy,
                version,
                started: clock.now(),
                clock,
                token: None,
                keeps_token: false,
                trouble: None,
                unanswered: 0,
            })),
            server: Mutex::new(None),
        };
        agent.set(behaviour)?;
        Ok(agent)
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How it behaves now.
    pub fn behaviour(&self) -> Behaviour {
        lock(&self.life).behaviour
    }

    /// How many requests it has left without an answer since it hangs.
    pub fn unanswered(&self) -> usize {
        lock(&self.life).unanswered
    }

    /// Changes its behaviour. Open connections are cut, as when a process ends.
    ///
    /// # Errors
    /// When its port cannot be listened on again.
    pub fn set(&self, behaviour: Behaviour) -> io::Result<()> {
        let mut server = lock(&self.server);
        if let Some(server) = server.take() {
            server.abort();
        }
        {
            let mut life = lock(&self.life);
            life.behaviour = behaviour;
            life.unanswered = 0;
            life.started = life.clock.now();
        }
        if behaviour != Behaviour::Unreachable {
            let listener = socket(self.address.port())?.listen(128)?;
            *server = Some(tokio::spawn(serve(listener, self.life.clone())));
        }
        Ok(())
    }

    /// Gives it the gateway token of its variables. One that was told to keep
    /// its own pays no attention.
    pub fn set_token(&self, token: &str) {
        let mut life = lock(&self.life);
        if !life.keeps_token {
            life.token = Some(token.to_owned());
        }
    }

    /// Has it keep the token that it has, whatever its variables say, as an
    /// agent does whose own configuration names one.
    pub fn keep_token(&self) {
        lock(&self.life).keeps_token = true;
    }

    /// Has it be of a newer release, in trouble; or mends it.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        lock(&self.life).trouble = trouble;
    }

    /// Changes the version that it reports.
    pub fn set_version(&self, version: OpenclawVersion) {
        lock(&self.life).version = version;
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(server) = lock(&self.server).take() {
            server.abort();
        }
    }
}

/// A panic of another holder leaves nothing half-done here.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn socket(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    Ok(socket)
}

/// Ends with all its connections when its task is aborted.
async fn serve(listener: TcpListener, life: Arc<Mutex<Life>>) {
    let service = TowerToHyperService::new(Router::new().fallback(answer).with_state(life));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let stream = TokioIo::new(stream);
                    let connection = http1::Builder::new().serve_connection(stream, service.clone());
                    connections.spawn(connection);
                }
                Err(error) => {
                    tracing::error!(%error, "a simulated agent cannot accept connections");
                    return;
                }
            },
            // A connection that ended, well or not, is of no more interest.
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn answer(
    State(life): State<Arc<Mutex<Life>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (behaviour, trouble, plain, version, token, uptime) = {
        let mut life = lock(&life);
        if life.behaviour == Behaviour::Hanging {
            life.unanswered += 1;
        }
        let (version, token) = (life.version.clone(), life.token.clone());
        (
            life.behaviour,
            life.trouble,
            life.plain,
            version,
            token,
            // A test may turn its clock back.
            Duration::try_from(life.clock.now().duration_since(life.started)).unwrap_or_default(),
        )
    };
    if behaviour == Behaviour::Hanging {
        return std::future::pending().await;
    }
    let gateway_runs = matches!(
        behaviour,
        Behaviour::Running | Behaviour::Starting | Behaviour::Legacy
    );
    if let Some(trouble) = trouble.filter(|_| gateway_runs)
        && let Some(answer) = in_trouble(trouble, uri.path(), &version, uptime)
    {
        return answer;
    }
    match (uri.path(), behaviour) {
        ("/healthz" | "/health", _) if gateway_runs => {
            Json(json!({"ok": true, "status": "live"})).into_response()
        }
        ("/readyz" | "/ready", Behaviour::Starting) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({"ready": false, "failing": ["startup"], "uptimeMs": uptime.as_millis() as u64})),
        )
            .into_response(),
        ("/readyz" | "/ready", _) if gateway_runs => Json(json!({
            "ready": true, "failing": [], "uptimeMs": uptime.as_millis() as u64,
        }))
        .into_response(),
        // The wrapper's gateway process is down: its proxy has nobody to ask.
        ("/healthz" | "/health" | "/readyz" | "/ready", _) => {
            (StatusCode::BAD_GATEWAY, "Bad Gateway").into_response()
        }
        ("/tools/invoke", _) if gateway_runs && method == Method::POST => {
            invoke(token.as_deref(), &headers, &body)
        }
        ("/api/status", _) if plain => not_found(),
        ("/api/status", _) => Json(json!({
            "state": if behaviour == Behaviour::Setup { "stopped" } else { behaviour.name() },
            "running": behaviour == Behaviour::Running,
            "configured": behaviour != Behaviour::Setup,
            "uptime": uptime.as_secs_f64(),
            "terminalSessions": 0,
            // Real wrappers show it here; it must get no further than the probe.
            "gatewayToken": "simulated-gateway-token",
            "aiProvider": "simulated",
            "version": version.to_string(),
            "runtime": {"ffmpeg": {"available": true, "version": "ffmpeg version 6.1"}},
        }))
        .into_response(),
        _ if method == Method::GET || method == Method::HEAD => {
            Html("<!doctype html><title>OpenClaw Control</title>").into_response()
        }
        _ => not_found(),
    }
}

/// What a gateway in trouble answers; nothing where it answers as ever.
fn in_trouble(
    trouble: Trouble,
    path: &str,
    version: &OpenclawVersion,
    uptime: Duration,
) -> Option<Response> {
    let answer = |status: StatusCode, body: Value| Some((status, Json(body)).into_response());
    let uptime = uptime.as_millis() as u64;
    let startup = |status: StatusCode, word: &str| {
        let ok = status.is_success();
        let (version, uptime) = (version.to_string(), uptime);
        let body = json!({"ok": ok, "status": word, "version": version, "uptimeMs": uptime});
        answer(status, body)
    };
    let unready = |name: &str| {
        let body = json!({"ready": false, "failing": [name], "uptimeMs": uptime});
        answer(StatusCode::SERVICE_UNAVAILABLE, body)
    };
    match (trouble, path) {
        (Trouble::ProxyAttribution, path) if path != "/healthz" => {
            let error = json!({
                "message": "Proxy client attribution is required.",
                "type": "proxy_attribution_required",
            });
            answer(StatusCode::FORBIDDEN, json!({"error": error}))
        }
        (Trouble::Draining, "/readyz") => unready("gateway-draining"),
        (Trouble::Draining, "/startupz") => startup(StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (Trouble::Channel(name), "/readyz") => unready(name),
        (Trouble::LockedOut, "/tools/invoke") => {
            let error = json!({"message": "Too many attempts", "type": "rate_limited"});
            let head = [(header::RETRY_AFTER, "300")];
            let body = Json(json!({"error": error}));
            Some((StatusCode::TOO_MANY_REQUESTS, head, body).into_response())
        }
        (Trouble::LetsEverybodyIn, "/tools/invoke") => {
            answer(StatusCode::OK, json!({"ok": true, "result": {}}))
        }
        (Trouble::Detached, "/healthz" | "/readyz" | "/startupz") => {
            Some((StatusCode::BAD_GATEWAY, "Bad Gateway").into_response())
        }
        (_, "/startupz") => startup(StatusCode::OK, "started"),
        _ => None,
    }
}

/// One tool, for those who present the token.
fn invoke(token: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Response {
    let error = |status: StatusCode, kind: &str, message: &str| {
        let error = json!({"error": {"message": message, "type": kind}});
        (status, Json(error)).into_response()
    };
    let presented = headers.get(header::AUTHORIZATION);
    let presented = presented.and_then(|header| header.to_str().ok()?.strip_prefix("Bearer "));
    if token.is_none() || presented != token {
        return error(StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized");
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match body.get("tool").and_then(Value::as_str) {
        Some("sessions_list") => {
            Json(json!({"ok": true, "result": {"sessions": []}})).into_response()
        }
        Some(_) => error(StatusCode::NOT_FOUND, "not_found", "Tool not available"),
        None => error(
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            "tools.invoke requires body.tool",
        ),
    }
}

/// As OpenClaw's gateway words it.
fn not_found() -> Response {
    let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (StatusCode::NOT_FOUND, plain, "Not Found").into_response()
}
