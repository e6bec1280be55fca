//! DynamoDB with the records of a fleet, in a process of its own: the embedded
//! one of the local stack, with the template's tables. Where capacity is to be
//! counted, requests pass through a server that asks for it and adds it up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{self, Body, Bytes};
use axum::extract::State;
use clap::Args;
use common::aws::{Aws, Endpoint};
use common::clock::{Clock, SystemClock};
use common::model::AgentUrl;
use common::store::{Change, Connection, Instances, Registration, create_missing_tables};
use futures_util::{TryStreamExt, stream};
use http::{Request, Response, StatusCode, Uri, header, uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use local::{EmbeddedDynamoDb, LocalEnvironment, template};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;

use crate::agents::Targets;
use crate::failed::Failed;

/// The tables of instances and of history, as the local stack calls them.
pub(crate) const TABLES: [&str; 2] = ["instances", "history"];

/// How many records are written at once.
const WRITES: usize = 64;

/// The agents, whose [`Targets`] are read as one line.
#[derive(Args)]
pub(crate) struct Options {
    /// How many records there are; beyond the agents that there are, some have
    /// the address of another one.
    #[arg(long)]
    agents: usize,
    /// Count what each request uses up.
    #[arg(long)]
    counted: bool,
}

/// Where it is: the first line that the process prints.
#[derive(Deserialize, Serialize)]
pub(crate) struct Place {
    pub(crate) url: String,
}

/// What was used up since this was last asked for: printed whenever a line is
/// read.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Used {
    /// Requests of any kind.
    pub(crate) requests: u64,
    /// Read request units.
    pub(crate) reads: f64,
    /// Write request units.
    pub(crate) writes: f64,
}

/// Serves until its standard input ends.
pub(crate) async fn run(options: &Options) -> Result<(), Failed> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let targets = lines.next_line().await?.ok_or("no targets")?;
    let dynamodb = EmbeddedDynamoDb::in_memory(EmbeddedDynamoDb::TEST_KEY).await?;
    fill(
        &dynamodb.url,
        &serde_json::from_str(&targets)?,
        options.agents,
    )
    .await?;
    let used = Arc::new(Mutex::new(Used::default()));
    let url = if options.counted {
        count(&dynamodb.url, used.clone()).await?
    } else {
        dynamodb.url.clone()
    };
    println!("{}", serde_json::to_string(&Place { url })?);
    while lines.next_line().await?.is_some() {
        let used = std::mem::take(&mut *used.lock().unwrap_or_else(PoisonError::into_inner));
        println!("{}", serde_json::to_string(&used)?);
    }
    Ok(())
}

async fn fill(url: &str, targets: &Targets, agents: usize) -> Result<(), Failed> {
    let connection = Connection::open(&Aws::new(Endpoint::Local(url.to_owned())));
    let definitions = template::tables(&LocalEnvironment(BTreeMap::new()))?;
    create_missing_tables(&connection, &definitions).await?;
    let [table, _] = TABLES;
    let instances = &Instances::new(connection, table.to_owned());
    let now = SystemClock.now();
    let ports = targets.ports.iter().cycle().take(agents).enumerate();
    stream::iter(ports.map(Ok))
        .try_for_each_concurrent(WRITES, async |(number, port)| {
            let address: AgentUrl = format!("{}://127.0.0.1:{port}", targets.scheme).parse()?;
            let registration = Registration {
                openclaw_url: Change::Set(address),
                plan: Change::Set("solo".to_owned()),
                // As long as Railway's.
                runtime_service_id: Change::Set(format!("00000000-0000-4000-8000-{number:012}")),
                ..Registration::of_owner(format!("owner-{number}").parse()?)
            };
            let id = format!("agent-{number}").parse()?;
            instances.register(&id, registration, now).await?;
            Ok::<_, Failed>(())
        })
        .await
}

#[derive(Clone)]
struct Counter {
    upstream: uri::Authority,
    client: Client<HttpConnector, Body>,
    used: Arc<Mutex<Used>>,
}

/// A server before DynamoDB that counts, and its address.
async fn count(upstream: &str, used: Arc<Mutex<Used>>) -> Result<String, Failed> {
    let upstream: Uri = upstream.parse()?;
    let upstream = upstream.authority().ok_or("DynamoDB has no address")?;
    let counter = Counter {
        upstream: upstream.clone(),
        client: Client::builder(TokioExecutor::new()).build_http(),
        used,
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let router = Router::new().fallback(pass_on).with_state(counter);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}"))
}

async fn pass_on(
    State(counter): State<Counter>,
    request: Request<Body>,
) -> Result<Response<Body>, StatusCode> {
    counter
        .pass_on(request)
        .await
        .map_err(|_| StatusCode::BAD_GATEWAY)
}

impl Counter {
    async fn pass_on(&self, request: Request<Body>) -> Result<Response<Body>, Failed> {
        let (mut head, body) = request.into_parts();
        let mut body: Value = serde_json::from_slice(&read(body).await?)?;
        if let Value::Object(fields) = &mut body {
            fields.insert("ReturnConsumedCapacity".to_owned(), json!("TOTAL"));
        }
        let mut target = uri::Parts::from(head.uri);
        target.scheme = Some(uri::Scheme::HTTP);
        target.authority = Some(self.upstream.clone());
        head.uri = Uri::from_parts(target)?;
        head.headers.remove(header::CONTENT_LENGTH);
        let operation = head.headers.get("x-amz-target");
        let operation = operation.and_then(|it| it.to_str().ok()).unwrap_or("");
        let reads = ["Scan", "Query", "GetItem"]
            .iter()
            .any(|it| operation.ends_with(it));
        let request = Request::from_parts(head, Body::from(body.to_string()));
        let (head, body) = self.client.request(request).await?.into_parts();
        let body = read(Body::new(body)).await?;
        let units = units(&serde_json::from_slice(&body)?);
        {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            used.requests += 1;
            *(if reads {
                &mut used.reads
            } else {
                &mut used.writes
            }) += units;
        }
        Ok(Response::from_parts(head, Body::from(body)))
    }
}

async fn read(body: Body) -> Result<Bytes, Failed> {
    /// More than DynamoDB ever says.
    const LIMIT: usize = 32 << 20;
    Ok(body::to_bytes(body, LIMIT).await?)
}

/// The capacity that an answer says it used up; of a transaction, that of each
/// table.
fn units(answer: &Value) -> f64 {
    let of = |it: &Value| it["CapacityUnits"].as_f64().unwrap_or(0.0);
    match &answer["ConsumedCapacity"] {
        Value::Array(tables) => tables.iter().map(of).sum(),
        one => of(one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_all_tables_are_added() {
        let one = json!({"ConsumedCapacity": {"TableName": "a", "CapacityUnits": 2.5}});
        assert_eq!(units(&one), 2.5);
        let two = json!({"ConsumedCapacity": [{"CapacityUnits": 4.0}, {"CapacityUnits": 2.0}]});
        assert_eq!(units(&two), 6.0);
        assert_eq!(units(&json!({})), 0.0);
    }
}
