//! Resetting an agent's memory: all of it, of one owner only, and honestly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::response::IntoResponse;
use common::aws::{Aws, Endpoint};
use common::model::UserId;
use common::store::{Connection, Memories};
use http::{HeaderMap, header};
use local::railway::Fault;
use serde_json::{Value, json};
use tests::World;

use crate::support::controls::{ID, control, operation, settled, take_operation};

const OWNER: &str = "owner-running";
const OTHERS: [&str; 3] = ["owner-running-2", "owner-runnin", "owner-legacy"];

/// Has the owner's agent remember sixty things, and other agents one each.
async fn remember(world: &World) {
    for number in 0..60 {
        let id = format!("memory-{number}");
        world.records.put_memory(OWNER, &id).await;
    }
    for other in OTHERS {
        world.records.put_memory(other, "memory-1").await;
    }
    assert_eq!(left(world).await, (60, 3));
}

/// How many memories there are of the owner, and of the others together.
async fn left(world: &World) -> (i32, i32) {
    let mut others = 0;
    for other in OTHERS {
        others += world.records.count_memories(other).await;
    }
    (world.records.count_memories(OWNER).await, others)
}

#[tokio::test]
async fn all_memories_of_the_owner_go_and_the_agent_restarts() {
    let world = World::ticking().start().await;
    remember(&world).await;
    let mut answer = control(&world, "reset-memory").await;
    let id = take_operation(&mut answer);
    answer.is(200, json!({"success": true, "status": "reset"}));
    assert_eq!(left(&world).await, (0, 3));
    let requests = ["Services", "ServiceState", "Restart"];
    assert_eq!(world.railway().operations(), requests);
    let reset = settled(&world.owner_of(ID), ID, &id).await;
    assert_eq!(reset.body["status"], "succeeded");
}

#[tokio::test]
async fn an_agent_that_remembers_nothing_is_restarted_all_the_same() {
    let world = World::start().await;
    take_operation(&mut control(&world, "reset-memory").await);
    let requests = ["Services", "ServiceState", "Restart"];
    assert_eq!(world.railway().operations(), requests);
}

#[tokio::test]
async fn a_reset_without_a_restart_says_that_the_memory_is_gone() {
    for failing in ["ServiceState", "Restart"] {
        let world = World::start().await;
        remember(&world).await;
        let refused = Fault::Errors("Problem processing request".to_owned());
        world.railway().inject_into(failing, [refused]);
        let answer = control(&world, "reset-memory").await;
        let error = "The agent's memory was deleted, but it was not restarted: Railway refused: \
                     Problem processing request";
        answer.is(500, json!({"success": false, "error": error}));
        assert_eq!(left(&world).await, (0, 3));

        let record = &world.records.operations(ID, "op#").await[0];
        let id = record["operationId"].as_str().unwrap();
        let operation = operation(&world, id).await;
        assert_eq!(operation.body["status"], "failed");
        assert_eq!(operation.body["failure"], "not-done");
        assert_eq!(operation.body["error"], error);
    }
}

#[tokio::test]
async fn memories_that_cannot_be_deleted_leave_the_agent_alone() {
    let world = World::start().await;
    world.records.lose_memories().await;
    let answer = control(&world, "reset-memory").await;
    let error = "Internal server error";
    answer.is(500, json!({"success": false, "error": error}));
    assert_eq!(world.railway().operations(), ["Services"]);
}

#[tokio::test]
async fn nothing_is_deleted_of_an_agent_that_is_not_located() {
    let world = World::start().await;
    remember(&world).await;
    let refused = Fault::Errors("Problem processing request".to_owned());
    world.railway().inject_into("Services", [refused]);
    let answer = control(&world, "reset-memory").await;
    let error = "Railway refused: Problem processing request";
    answer.is(503, json!({"success": false, "error": error}));
    assert_eq!(left(&world).await, (60, 3));
}

/// A DynamoDB with thirty memories on two pages that leaves the first half of a
/// batch unprocessed, so many times.
struct Throttled {
    url: String,
    writes: Arc<AtomicUsize>,
}

impl Throttled {
    async fn start(times: usize) -> Self {
        let writes = Arc::new(AtomicUsize::new(0));
        let counted = writes.clone();
        let app = Router::new().fallback(async move |headers: HeaderMap, body: String| {
            let body: Value = serde_json::from_str(&body).unwrap();
            let target = headers["x-amz-target"].to_str().unwrap();
            let answer = if target.ends_with(".Query") {
                page(&body)
            } else {
                assert!(target.ends_with(".BatchWriteItem"), "{target}");
                let number = counted.fetch_add(1, Ordering::SeqCst);
                batch(&body, number < times)
            };
            let kind = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
            (kind, answer.to_string()).into_response()
        });
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0));
        let listener = listener.await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, app).into_future());
        Self { url, writes }
    }

    /// Deletes all memories of the owner, and tells how many requests wrote.
    async fn delete(&self) -> (Result<usize, String>, usize) {
        let connection = Connection::open(&Aws::new(Endpoint::Local(self.url.clone())));
        let memories = Memories::new(connection, "memories".to_owned());
        let owner: UserId = OWNER.parse().unwrap();
        let deleted = memories.delete_all(&owner).await;
        let writes = self.writes.load(Ordering::SeqCst);
        (deleted.map_err(|error| error.to_string()), writes)
    }
}

/// Twenty-eight memories, and after them two more.
fn page(query: &Value) -> Value {
    let memory =
        |number: u32| json!({"ownerId": {"S": OWNER}, "memoryId": {"S": number.to_string()}});
    if query.get("ExclusiveStartKey").is_none() {
        let items: Vec<_> = (0..28).map(memory).collect();
        json!({"Items": items, "Count": 28, "LastEvaluatedKey": memory(27)})
    } else {
        json!({"Items": [memory(28), memory(29)], "Count": 2})
    }
}

fn batch(write: &Value, leave: bool) -> Value {
    let requests = write["RequestItems"]["memories"].as_array().unwrap();
    assert!((1..=25).contains(&requests.len()), "{}", requests.len());
    if leave {
        let left = &requests[..requests.len().div_ceil(2)];
        json!({"UnprocessedItems": {"memories": left}})
    } else {
        json!({"UnprocessedItems": {}})
    }
}

#[tokio::test]
async fn what_is_left_unprocessed_is_sent_again() {
    let dynamodb = Throttled::start(2).await;
    // 25, then 13 and 7 of them; 3; and the 2 of the second page.
    assert_eq!(dynamodb.delete().await, (Ok(30), 5));
}

#[tokio::test]
async fn what_stays_unprocessed_is_an_error() {
    let dynamodb = Throttled::start(usize::MAX).await;
    let error = "BatchWriteItem failed: 1 items stayed unprocessed".to_owned();
    assert_eq!(dynamodb.delete().await, (Err(error), 6));
}
