//! A proxy in front of a DynamoDB, which injects faults and records requests.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use common::aws::{Aws, Endpoint};
use common::store::Connection;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::calls;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is answered.
    Answered,
    /// It is refused, as when a table's throughput is exceeded.
    Throttled,
    /// It is answered with an error, and has no effect.
    Failed,
    /// It has its effect, and its answer is lost.
    AnswerLost,
    /// Every other item of a batch is written, and the answer has the rest.
    HalfTaken,
}

/// A proxy in front of a DynamoDB. It ends when it is dropped.
pub struct FaultyDynamoDb {
    url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

const JSON: (header::HeaderName, &str) = (header::CONTENT_TYPE, "application/x-amz-json-1.0");

type Script = Box<dyn FnMut(&str, &str) -> Fate + Send>;

struct Shared {
    upstream: String,
    http: reqwest::Client,
    script: Mutex<Script>,
    operations: Mutex<Vec<String>>,
}

impl FaultyDynamoDb {
    /// A proxy that lets everything pass.
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let http = common::client::builder().build().expect("an HTTP client");
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            http,
            script: Mutex::new(Box::new(|_, _| Fate::Answered)),
            operations: Mutex::default(),
        });
        let app = Router::new().fallback(pass).with_state(shared.clone());
        let task = tokio::spawn(async {
            axum::serve(listener, app).await.expect("the proxy serves");
        });
        Self {
            url: format!("http://{address}"),
            shared,
            task,
        }
    }

    /// Decides about each request from now on, by its operation (`Scan`,
    /// `UpdateItem`) and its body. What the SDK sends again is asked for again.
    pub fn decide(&self, script: impl FnMut(&str, &str) -> Fate + Send + 'static) {
        *lock(&self.shared.script) = Box::new(script);
    }

    /// The operations that were asked for, since this was last called.
    pub fn operations(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.shared.operations))
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection through the proxy.
    pub async fn connect(&self) -> Connection {
        Connection::open(&Aws::new(Endpoint::Local(self.url.clone())))
    }
}

impl Drop for FaultyDynamoDb {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a whole request");
    let target = parts.headers.get("x-amz-target");
    let target = target.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    calls::record(&parts.headers, &operation, &body);
    let fate = (lock(&shared.script))(&operation, &String::from_utf8_lossy(&body));
    lock(&shared.operations).push(operation);
    match fate {
        Fate::Throttled => refusal(
            StatusCode::BAD_REQUEST,
            "ThrottlingException",
            "Rate exceeded",
        ),
        Fate::Failed => unavailable(),
        Fate::Answered => forward(&shared, parts.headers, body).await,
        Fate::AnswerLost => {
            forward(&shared, parts.headers, body).await;
            unavailable()
        }
        Fate::HalfTaken => {
            let (taken, left) = halves(&body);
            if let Some(taken) = taken {
                forward(&shared, parts.headers, taken.to_string().into()).await;
            }
            let body = json!({"UnprocessedItems": left}).to_string();
            ([JSON], body).into_response()
        }
    }
}

/// A batch with every other item of one, if there is any, and the other items by table.
fn halves(batch: &[u8]) -> (Option<Value>, Value) {
    let mut batch: Value = serde_json::from_slice(batch).expect("a request is JSON");
    let tables = batch
        .get_mut("RequestItems")
        .and_then(Value::as_object_mut)
        .expect("a batch");
    let mut left = Map::new();
    for (table, items) in tables.iter_mut() {
        let items = items.as_array_mut().expect("items of a table");
        let (others, taken) = mem::take(items)
            .into_iter()
            .enumerate()
            .partition::<Vec<_>, _>(|(place, _)| place % 2 == 0);
        let values = |items: Vec<(usize, Value)>| items.into_iter().map(|(_, item)| item).collect();
        *items = values(taken);
        left.insert(table.clone(), Value::Array(values(others)));
    }
    tables.retain(|_, items| items.as_array().is_some_and(|items| !items.is_empty()));
    let taken = !tables.is_empty();
    (taken.then_some(batch), Value::Object(left))
}

fn unavailable() -> Response {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    refusal(status, "InternalServerError", "Internal server error")
}

fn refusal(status: StatusCode, kind: &str, message: &str) -> Response {
    let body = json!({
        "__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"),
        "message": message,
    });
    (status, [JSON], body.to_string()).into_response()
}

async fn forward(shared: &Shared, mut headers: HeaderMap, body: Bytes) -> Response {
    headers.remove(header::HOST);
    headers.remove(header::CONTENT_LENGTH);
    let answer = shared
        .http
        .post(&shared.upstream)
        .headers(headers)
        .body(body)
        .send()
        .await
        .expect("DynamoDB answers");
    let status = answer.status();
    let content_type = answer.headers().get(header::CONTENT_TYPE).cloned();
    let body = answer.bytes().await.expect("a whole answer");
    let mut response = (status, body).into_response();
    if let Some(content_type) = content_type {
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type);
    }
    response
}

/// A panic of another holder leaves nothing half-done here.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
