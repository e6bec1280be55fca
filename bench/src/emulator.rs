//! A small emulator of Lambda's Runtime API: it starts a function's process,
//! sends it events, and takes its responses.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::routing::{get, post};
use http::{Response, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::failed::Failed;
use crate::linux;

/// No function may take longer, from its start to an answer.
const LIMIT: Duration = Duration::from_secs(30);

/// A running process of a function, and the Runtime API that it talks to. Both end
/// when this is dropped.
pub(crate) struct Function {
    child: Child,
    started: Instant,
    events: mpsc::Sender<Value>,
    happened: mpsc::Receiver<(Instant, Happened)>,
    server: JoinHandle<()>,
}

/// What a function did.
enum Happened {
    /// It asked for its next event.
    Asked,
    /// It answered one.
    Answered(Bytes),
    /// It says that it failed, and how.
    Failed(String),
}

/// What the handlers of the Runtime API share.
struct Runtime {
    events: Mutex<mpsc::Receiver<Value>>,
    happened: mpsc::Sender<(Instant, Happened)>,
}

impl Function {
    /// Starts a program as a function of this name, with these variables and no
    /// others.
    pub(crate) async fn start(
        mut program: Command,
        name: &str,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, Failed> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (events, incoming) = mpsc::channel(1);
        let (told, happened) = mpsc::channel(8);
        let runtime = Arc::new(Runtime {
            events: Mutex::new(incoming),
            happened: told,
        });
        let api = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route(
                "/2018-06-01/runtime/invocation/{id}/response",
                post(answered),
            )
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(failed))
            .with_state(runtime);
        let server = tokio::spawn(async {
            if let Err(error) = axum::serve(listener, api).await {
                eprintln!("the Runtime API ended: {error}");
            }
        });
        program
            .env_clear()
            .envs(variables)
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", name)
            .env("AWS_LAMBDA_LOG_STREAM_NAME", name)
            .stdin(Stdio::null())
            // Logs go there.
            .stdout(Stdio::null())
            .kill_on_drop(true);
        let started = Instant::now();
        let child = program.spawn()?;
        Ok(Self {
            child,
            started,
            events,
            happened,
            server,
        })
    }

    /// Waits until it asks for an event, and tells how long that took from its
    /// start.
    pub(crate) async fn ready(&mut self) -> Result<Duration, Failed> {
        match self.next().await? {
            (at, Happened::Asked) => Ok(at - self.started),
            (_, Happened::Failed(how)) => Err(format!("it failed: {how}").into()),
            (_, Happened::Answered(_)) => Err("it answered twice".into()),
        }
    }

    /// Hands it an event, and returns what it answers and how long that took. Then
    /// it has asked for the next one.
    pub(crate) async fn invoke(&mut self, event: Value) -> Result<(Duration, Value), Failed> {
        let start = Instant::now();
        self.events.send(event).await?;
        let (at, body) = match self.next().await? {
            (at, Happened::Answered(body)) => (at, body),
            (_, Happened::Failed(how)) => return Err(format!("it failed: {how}").into()),
            (_, Happened::Asked) => return Err("it asked for another event".into()),
        };
        self.ready().await?;
        Ok((at - start, serde_json::from_slice(&body)?))
    }

    /// The most memory that it ever held.
    pub(crate) fn peak_mib(&self) -> Result<f64, Failed> {
        let id = self.child.id().ok_or("it has ended")?;
        linux::peak_mib(&id.to_string())
    }

    async fn next(&mut self) -> Result<(Instant, Happened), Failed> {
        tokio::select! {
            happened = self.happened.recv() => Ok(happened.ok_or("the Runtime API ended")?),
            status = self.child.wait() => Err(format!("it ended: {}", status?).into()),
            () = tokio::time::sleep(LIMIT) => Err("it takes too long".into()),
        }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Runtime {
    async fn tell(&self, happened: Happened) {
        // Nobody listens any more once the function has ended.
        let _ = self.happened.send((Instant::now(), happened)).await;
    }
}

async fn next(State(runtime): State<Arc<Runtime>>) -> Result<Response<Body>, StatusCode> {
    /// Far from now, in milliseconds since 1970.
    const DEADLINE: u64 = 4_102_444_800_000;
    runtime.tell(Happened::Asked).await;
    let event = runtime.events.lock().await.recv().await;
    let event = event.ok_or(StatusCode::GONE)?;
    Response::builder()
        .header("content-type", "application/json")
        .header(
            "lambda-runtime-aws-request-id",
            "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        )
        .header("lambda-runtime-deadline-ms", DEADLINE)
        .header(
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:benchmark",
        )
        .body(Body::from(event.to_string()))
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

async fn answered(
    State(runtime): State<Arc<Runtime>>,
    Path(_): Path<String>,
    body: Bytes,
) -> StatusCode {
    runtime.tell(Happened::Answered(body)).await;
    StatusCode::ACCEPTED
}

async fn failed(State(runtime): State<Arc<Runtime>>, body: Bytes) -> StatusCode {
    let how = String::from_utf8_lossy(&body).into_owned();
    runtime.tell(Happened::Failed(how)).await;
    StatusCode::ACCEPTED
}
