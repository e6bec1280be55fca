//! What simulated agents answer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::{Json, Router};
use common::model::OpenclawVersion;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::life::{Behaviour, Life, Trouble, lock};

/// Ends with all its connections when its task is aborted.
pub(super) async fn serve(listener: TcpListener, life: Arc<Mutex<Life>>) {
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
