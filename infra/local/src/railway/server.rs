//! The HTTP side: Railway's edge, its limits and its keys.

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse, Response};
use common::clock::SharedClock;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::faults::{Fault, Faults};
use super::graphql::{self, Engine};
use super::ids::{ACCOUNT_KEY, PROJECT_KEY};
use super::lock::lock;
use super::model::Project;

/// What the server and its owner share.
pub(super) struct Shared {
    pub(super) engine: Engine,
    pub(super) project: Arc<Mutex<Project>>,
    pub(super) faults: Mutex<Faults>,
    pub(super) log: Mutex<Vec<Seen>>,
    pub(super) quota: Mutex<Quota>,
    pub(super) crowd: Mutex<Crowd>,
    pub(super) clock: SharedClock,
}

/// One request that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The name of the operation that it asks for.
    pub operation: String,
    /// The query of its address, not GraphQL's.
    pub query: Option<String>,
    /// Its `User-Agent`.
    pub user_agent: String,
}

/// How many requests are in progress.
#[derive(Default)]
pub(super) struct Crowd {
    now: usize,
    pub(super) most: usize,
}

/// One request that is in progress until this is dropped, also because its
/// client hung up.
struct InProgress<'c>(&'c Mutex<Crowd>);

impl Crowd {
    fn enter(crowd: &Mutex<Self>) -> InProgress<'_> {
        let mut here = lock(crowd);
        here.now += 1;
        here.most = here.most.max(here.now);
        InProgress(crowd)
    }
}

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        lock(self.0).now -= 1;
    }
}

/// How many requests are left in this hour.
pub(super) struct Quota {
    hourly: u32,
    left: u32,
    until: Timestamp,
}

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed on purpose")]
struct Closed;

/// Ends with all its connections when its task is aborted.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                let shared = shared.clone();
                let service = service_fn(move |request| answer(shared.clone(), request));
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                connections.spawn(connection);
            }
            // A connection that ended, well or not, is of no more interest.
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response, Closed> {
    let _in_progress = Crowd::enter(&shared.crowd);
    let (parts, body) = request.into_parts();
    let Some(user_agent) = parts.headers.get(header::USER_AGENT) else {
        return Ok((StatusCode::FORBIDDEN, "error code: 1010").into_response());
    };
    if parts.method != Method::POST || parts.uri.path() != "/graphql/v2" {
        return Ok(StatusCode::NOT_FOUND.into_response());
    }
    let body = to_bytes(Body::new(body), 1024 * 1024)
        .await
        .map_err(|_| Closed)?;
    let request = match serde_json::from_slice::<graphql::Request>(&body) {
        Ok(request) => request,
        Err(error) => {
            return Ok(invalid(
                &json!({"errors": [{"message": error.to_string()}]}),
            ));
        }
    };
    let operation = request.operation_name.clone().unwrap_or_default();
    let fault = lock(&shared.faults).take(&operation);
    lock(&shared.log).push(Seen {
        operation,
        query: parts.uri.query().map(str::to_owned),
        user_agent: user_agent.to_str().unwrap_or_default().to_owned(),
    });
    let now = shared.clock.now();
    let (allowed, limits) = lock(&shared.quota).take(now);
    if !allowed {
        return Ok(limited(limits));
    }
    let execute = || execute(&shared, &parts.headers, &request);
    let answer = match fault {
        None => execute(),
        Some(Fault::Status(status)) => StatusCode::from_u16(status)
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            .into_response(),
        Some(Fault::RateLimited(seconds)) => {
            let retry_after = seconds.map(|it| (header::RETRY_AFTER, HeaderValue::from(it)));
            return Ok(limited(retry_after.into_iter().collect()));
        }
        Some(Fault::Errors(message)) => errors(&message),
        Some(Fault::Slow(delay)) => {
            let answer = execute();
            sleep(delay).await;
            answer
        }
        Some(Fault::DropAfter) => {
            execute();
            return Err(Closed);
        }
        Some(Fault::DropBefore) => return Err(Closed),
    };
    Ok((dated(now), limits, answer).into_response())
}

/// Railway's own time, which may be a simulated one as well.
fn dated(now: Timestamp) -> HeaderMap {
    let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now);
    let date = date.ok().and_then(|date| date.parse().ok());
    date.map(|date| (header::DATE, date)).into_iter().collect()
}

fn execute(shared: &Shared, headers: &HeaderMap, request: &graphql::Request) -> Response {
    if !authorized(headers) {
        return errors("Not Authorized");
    }
    match shared.engine.execute(request, &shared.project) {
        Ok(answer) => Json(answer).into_response(),
        Err(graphql::Invalid(answer)) => invalid(&answer),
    }
}

/// Each key in its own header only.
fn authorized(headers: &HeaderMap) -> bool {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|it| it == value);
    is("authorization", &format!("Bearer {ACCOUNT_KEY}")) || is("project-access-token", PROJECT_KEY)
}

/// As Railway words every error of authorisation and execution.
fn errors(message: &str) -> Response {
    Json(json!({
        "errors": [{
            "message": message,
            "extensions": {"code": "INTERNAL_SERVER_ERROR"},
            "traceId": "0",
        }],
        "data": null,
    }))
    .into_response()
}

fn invalid(answer: &Value) -> Response {
    (StatusCode::BAD_REQUEST, Json(answer)).into_response()
}

fn limited(headers: HeaderMap) -> Response {
    (StatusCode::TOO_MANY_REQUESTS, headers, "error code: 1015").into_response()
}

impl Quota {
    pub(super) fn new(hourly: u32) -> Self {
        Self {
            hourly,
            left: hourly,
            until: Timestamp::MIN,
        }
    }

    /// Takes one request, and says what Railway's headers say of the rest.
    fn take(&mut self, now: Timestamp) -> (bool, HeaderMap) {
        if now >= self.until {
            self.left = self.hourly;
            self.until = now + SignedDuration::from_hours(1);
        }
        let allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        let mut headers = HeaderMap::from_iter(
            [
                ("x-ratelimit-limit", i64::from(self.hourly)),
                ("x-ratelimit-remaining", i64::from(self.left)),
                ("x-ratelimit-reset", self.until.as_second()),
            ]
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from(value))),
        );
        if !allowed {
            let wait = self.until.duration_since(now).as_secs();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
        }
        (allowed, headers)
    }
}
