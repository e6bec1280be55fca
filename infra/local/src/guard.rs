//! Which requests the local stack answers. Its keys and cookies are no secret,
//! so a web page that could reach it from a developer's browser could do all.
//!
//! A page on another site cannot choose the `Host` that a browser sends, even if
//! it makes its own name resolve to the loopback (DNS rebinding); and it cannot
//! hide its `Origin` when it writes.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use common::http::{AllowedOrigins, only_header};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN};
use http::uri::Authority;
use http::{Method, StatusCode};
use serde_json::json;

/// Answers a request that names this machine, and whose page, if a page sent it,
/// is this stack's or one of `ALLOWED_ORIGINS`.
pub(crate) async fn own_requests(
    State(allowed): State<Arc<AllowedOrigins>>,
    request: Request,
    next: Next,
) -> Response {
    let authority = match request.uri().authority() {
        Some(authority) => Some(authority.clone()),
        None => only_header(request.headers(), HOST).and_then(|host| host.parse().ok()),
    };
    let Some(authority) = authority.filter(is_this_machine) else {
        return refusal(
            StatusCode::MISDIRECTED_REQUEST,
            "Host must name this machine: 127.0.0.1, [::1], localhost or a name below .localhost",
        );
    };
    if request.headers().contains_key(ORIGIN) {
        let own = format!("http://{authority}");
        let origin = only_header(request.headers(), ORIGIN);
        if !origin.is_some_and(|origin| origin == own || allowed.contains(origin)) {
            return refusal(
                StatusCode::FORBIDDEN,
                "Origin is neither this stack's own nor one of ALLOWED_ORIGINS",
            );
        }
    }
    next.run(request).await
}

/// Ends the API's JSON with a newline, for those who read it at a prompt. What
/// an agent answers stays as it is.
pub(crate) async fn end_line(request: Request, next: Next) -> Response {
    let is_agents = request.uri().path().starts_with(proxy::PREFIX);
    let is_head = request.method() == Method::HEAD;
    let response = next.run(request).await;
    let kind = response.headers().get(CONTENT_TYPE);
    if is_agents || is_head || kind.is_none_or(|kind| kind != "application/json") {
        return response;
    }
    let (mut head, body) = response.into_parts();
    match to_bytes(body, usize::MAX).await {
        Ok(body) => {
            let line = [&body[..], b"\n"].concat();
            head.headers.remove(CONTENT_LENGTH);
            Response::from_parts(head, Body::from(line))
        }
        Err(error) => {
            tracing::error!(%error, "an answer broke off");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn is_this_machine(authority: &Authority) -> bool {
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => {
            let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

fn refusal(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({"error": error}))).into_response()
}
