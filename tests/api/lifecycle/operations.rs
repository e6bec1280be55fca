//! `GET /api/instance/{userId}/operations` and `…/operations/{operationId}`.

use common::clock::Clock;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::World;

use crate::support::controls::{ID, NEWER, SERVICE, control, operation, service, take_operation};

const UNKNOWN: &str = "01961d2c-7b00-7000-8000-000000000000";

fn list(query: &str) -> String {
    format!("/api/instance/{ID}/operations{query}")
}

/// Orders so many controls, a second apart, and returns their ids, newest first.
async fn order(world: &World, times: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..times {
        world.clock.advance(SignedDuration::from_secs(1));
        ids.push(take_operation(&mut control(world, "start").await));
    }
    ids.reverse();
    ids
}

fn ids(body: &Value) -> Vec<&str> {
    let operations = body["operations"].as_array().unwrap().iter();
    operations
        .map(|it| it["operationId"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn an_operation_is_shown_with_who_what_and_when() {
    let builder = World::with(common::config::OPENCLAW_IMAGE, NEWER);
    let world = builder.start().await;
    let id = take_operation(&mut control(&world, "update").await);
    let deployment = service(&world).deployments.pop().unwrap();
    let shown = json!({
        "operationId": id,
        "instanceId": ID,
        "control": "update",
        "status": "accepted",
        "requestedBy": "owner-running",
        "startedAt": "2026-04-04T03:10:00.000Z",
        "finishedAt": null,
        "serviceId": SERVICE,
        "deploymentId": deployment.id,
        "image": NEWER,
        "error": null,
        "failure": null,
    });
    operation(&world, &id).await.is(200, shown.clone());
    let answer = world.owner_of(ID).get(&list("")).await;
    answer.is(200, json!({"operations": [shown], "nextCursor": null}));
}

#[tokio::test]
async fn an_operation_that_failed_is_shown_with_its_reason() {
    let world = World::start().await;
    let refused = local::railway::Fault::Errors("Problem processing request".to_owned());
    world.railway().inject([refused]);
    control(&world, "stop").await;
    let mut answer = world.owner_of(ID).get(&list("")).await;
    let mut operations = answer.take("operations");
    let operation = operations[0].as_object_mut().unwrap();
    operation.remove("operationId").unwrap();
    let expected = json!([{
        "instanceId": ID,
        "control": "stop",
        "status": "failed",
        "requestedBy": "owner-running",
        "startedAt": "2026-04-04T03:10:00.000Z",
        "finishedAt": "2026-04-04T03:10:00.000Z",
        "serviceId": null,
        "deploymentId": null,
        "image": null,
        "error": "Railway refused: Problem processing request",
        "failure": "not-located",
    }]);
    assert_eq!(operations, expected);
}

#[tokio::test]
async fn operations_are_listed_newest_first_twenty_at_a_time() {
    let world = World::start().await;
    let owner = world.owner_of(ID);
    let answer = owner.get(&list("")).await;
    answer.is(200, json!({"operations": [], "nextCursor": null}));

    let ordered = order(&world, 22).await;
    let first = owner.get(&list("")).await;
    assert_eq!(ids(&first.body), ordered[..20]);
    assert_eq!(first.body["nextCursor"], json!(ordered[19]));
    let rest = owner.get(&list(&format!("?cursor={}", ordered[19]))).await;
    assert_eq!(ids(&rest.body), ordered[20..]);
    assert_eq!(rest.body["nextCursor"], Value::Null);
}

#[tokio::test]
async fn pages_are_as_long_as_asked_and_fit_together() {
    let world = World::start().await;
    let ordered = order(&world, 7).await;
    for limit in [1, 2, 3, 6, 7, 8, 100] {
        let mut cursor = String::new();
        let mut listed: Vec<String> = Vec::new();
        loop {
            let query = list(&format!("?limit={limit}{cursor}"));
            let page = world.owner_of(ID).get(&query).await;
            let page_ids = ids(&page.body);
            assert!(page_ids.len() <= limit, "{limit}: {}", page.body);
            listed.extend(page_ids.into_iter().map(str::to_owned));
            match page.body["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
            assert!(listed.len() < 20);
        }
        assert_eq!(listed, ordered, "{limit}");
    }
}

#[tokio::test]
async fn a_page_that_is_just_full_promises_no_other_one() {
    let world = World::start().await;
    let ordered = order(&world, 3).await;
    for (limit, next) in [(2, json!(ordered[1])), (3, Value::Null), (4, Value::Null)] {
        let query = list(&format!("?limit={limit}"));
        let page = world.owner_of(ID).get(&query).await;
        assert_eq!(page.body["nextCursor"], next, "{limit}");
    }
}

#[tokio::test]
async fn what_comes_in_between_does_not_shift_the_pages() {
    let world = World::start().await;
    let ordered = order(&world, 4).await;
    let first = world.owner_of(ID).get(&list("?limit=2")).await;
    order(&world, 3).await;
    let cursor = first.body["nextCursor"].as_str().unwrap();
    let query = list(&format!("?limit=2&cursor={cursor}"));
    let second = world.owner_of(ID).get(&query).await;
    assert_eq!(ids(&second.body), ordered[2..]);
}

#[tokio::test]
async fn keys_and_leases_are_not_listed() {
    let world = World::start().await;
    let keyed = world.owner_of(ID).with("idempotency-key", "a key");
    let path = format!("/api/instance/{ID}/start");
    take_operation(&mut keyed.post(&path).await);
    assert_eq!(world.records.operations(ID, "").await.len(), 3);
    let listed = world.owner_of(ID).get(&list("?limit=1")).await;
    assert_eq!(ids(&listed.body).len(), 1);
    assert_eq!(listed.body["nextCursor"], Value::Null);
}

#[tokio::test]
async fn a_page_that_cannot_be_is_refused() {
    let world = World::start().await;
    let limit = "limit must be 1 to 100";
    let cursor = "cursor must be the id of an operation, such as \
                  01961d2c-7b00-7000-8000-000000000000";
    let upper = format!("?cursor={}", UNKNOWN.to_uppercase());
    for (query, error) in [
        ("?limit=0", limit),
        ("?limit=101", limit),
        ("?limit=-1", limit),
        ("?limit=", limit),
        ("?limit=x", limit),
        ("?limit=1.5", limit),
        ("?limit=99999999999999", limit),
        ("?cursor=", cursor),
        ("?cursor=x", cursor),
        ("?cursor=op%23x", cursor),
        (&upper, cursor),
    ] {
        let answer = world.owner_of(ID).get(&list(query)).await;
        answer.is(400, json!({"error": error}));
    }
    let unknown = list(&format!("?cursor={UNKNOWN}"));
    let answer = world.owner_of(ID).get(&unknown).await;
    answer.is(200, json!({"operations": [], "nextCursor": null}));
}

#[tokio::test]
async fn a_wait_that_cannot_be_is_refused() {
    let world = World::start().await;
    let id = take_operation(&mut control(&world, "start").await);
    for wait in ["26s", "26", "x", "-1s", "1m", "2.5s", "", "25s%20"] {
        let answer = operation(&world, &format!("{id}?wait={wait}")).await;
        answer.is(400, json!({"error": "wait must be 0s to 25s"}));
    }
}

#[tokio::test]
async fn an_operation_that_is_not_there_is_not_found() {
    let world = World::start().await;
    let of_another = world.owner_of("demo-legacy");
    let path = "/api/instance/demo-legacy/start";
    let other = take_operation(&mut of_another.post(path).await);
    for id in [UNKNOWN, &other] {
        let answer = operation(&world, id).await;
        answer.is(404, json!({"error": "No such operation"}));
    }
    let error = "operationId must be the id of an operation, such as \
                 01961d2c-7b00-7000-8000-000000000000";
    for id in ["x", "lease", "op%23x", &UNKNOWN.replace('-', "")] {
        let answer = operation(&world, id).await;
        answer.is(400, json!({"error": error}));
    }
}

#[tokio::test]
async fn operations_are_their_owners_business() {
    let world = World::start().await;
    let id = take_operation(&mut control(&world, "start").await);
    for path in [
        list(""),
        list(&format!("/{id}")),
        list(&format!("/{UNKNOWN}")),
    ] {
        for caller in [world.stranger(), world.owner_of("demo-legacy")] {
            let answer = caller.get(&path).await;
            answer.is(403, json!({"error": "Forbidden"}));
        }
        let answer = world.anonymous().get(&path).await;
        answer.is(401, json!({"error": "Unauthorized"}));
    }
    let owner = world.owner_of(ID);
    let answer = owner.get("/api/instance/nobody/operations").await;
    answer.is(403, json!({"error": "Forbidden"}));
}

#[tokio::test]
async fn a_running_operation_whose_lease_died_is_told_as_interrupted() {
    let world = World::start().await;
    let id = take_operation(&mut control(&world, "start").await);
    let mut record = world.records.operations(ID, "op#").await.remove(0);
    record["state"] = json!("running");
    record.as_object_mut().unwrap().remove("deploymentId");
    world.records.put_operation(&record).await;
    world.clock.advance(SignedDuration::from_secs(59));
    let running = operation(&world, &id).await;
    assert_eq!(running.body["status"], "running");
    world.clock.advance(SignedDuration::from_secs(1));
    for _ in 0..2 {
        operation(&world, &id).await.is(
            200,
            json!({
                "operationId": id,
                "instanceId": ID,
                "control": "start",
                "status": "failed",
                "requestedBy": "owner-running",
                "startedAt": "2026-04-04T03:10:00.000Z",
                "finishedAt": "2026-04-04T03:11:00.000Z",
                "serviceId": SERVICE,
                "deploymentId": null,
                "image": null,
                "error": "The operation was interrupted, and its outcome is unknown",
                "failure": "not-done",
            }),
        );
        world.clock.advance(SignedDuration::from_secs(1));
    }
}

#[tokio::test]
async fn an_operation_is_on_record_for_a_year() {
    let world = World::start().await;
    let began = world.clock.now();
    let answer = world
        .owner_of("demo-running")
        .post("/api/instance/demo-running/restart")
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let records = world.records.operations("demo-running", "op#").await;
    let year = 365 * 24 * 60 * 60;
    let ends: Vec<_> = records.iter().map(|it| it["expiresAt"].as_f64()).collect();
    assert_eq!(
        ends,
        [Some((began.as_second() + year) as f64)],
        "{records:?}"
    );
}
