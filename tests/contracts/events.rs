//! Every sample event in `events/` is answered by its function as Lambda would
//! have it answered.

use std::collections::BTreeSet;

use axum::body::{Body, to_bytes};
use common::http::AllowedOrigins;
use http::Request;
use lambda_http::{Context, RequestExt};
use serde_json::{Value, json};
use tests::World;
use tower::ServiceExt;

use crate::files;

/// Function, case, status, and the main facts of the body.
fn rows() -> Vec<(&'static str, &'static str, u16, Value)> {
    let unauthorized = json!({"error": "Unauthorized"});
    let forbidden = json!({"error": "Forbidden"});
    let no_instance = json!({"error": "No instance found. Please deploy first."});
    let running = json!({"userId": "demo-running", "status": "running", "statusReason": null});
    let baseline = json!({
        "openclawVersion": "2026.4.11", "image": "ghcr.io/openclaw/openclaw:2026.4.11",
        "deployedAt": "2026-04-04T03:10:00Z",
    });
    let sample = json!({
        "instanceId": "sample", "ownerId": "owner-of-the-sample", "plan": "solo",
        "metadata": {"region": "europe-west4"},
    });
    let mut rows = vec![
        (
            "compatibility",
            "ensure",
            200,
            json!({"compatible": true, "errors": []}),
        ),
        (
            "compatibility",
            "ensure-in-a-dry-run",
            200,
            json!({"dryRun": true}),
        ),
        ("compatibility", "refused-ensure", 401, unauthorized.clone()),
        (
            "compatibility",
            "refused-ensure-without-an-agent",
            404,
            json!({"error": "No agent deployed"}),
        ),
        (
            "compatibility",
            "configure",
            201,
            json!({"instanceId": "demo-running", "revision": 1}),
        ),
        (
            "compatibility",
            "refused-configure",
            401,
            unauthorized.clone(),
        ),
        (
            "compatibility",
            "refused-configure-with-a-list",
            400,
            json!({"error": "configuration must be a JSON object"}),
        ),
        (
            "fleet",
            "list",
            200,
            json!({"count": 7, "nextCursor": null, "damagedRecords": 0}),
        ),
        ("fleet", "list-of-a-page", 200, json!({"count": 7})),
        ("fleet", "refused-list", 401, unauthorized.clone()),
        ("fleet", "refused-list-of-an-unknown-status", 400, json!({})),
        (
            "fleet",
            "stats",
            200,
            json!({"agentId": "demo-running", "status": "running", "uptimeFormatted": "1h 0m"}),
        ),
        ("fleet", "refused-stats", 401, unauthorized.clone()),
        (
            "fleet",
            "refused-stats-of-nobody",
            404,
            json!({"error": "No such instance"}),
        ),
        ("fleet", "register", 201, sample.clone()),
        ("fleet", "register-in-base64", 201, sample),
        ("fleet", "refused-register", 401, unauthorized.clone()),
        (
            "fleet",
            "refused-register-of-a-foreign-host",
            400,
            json!({}),
        ),
        ("fleet", "metrics", 200, json!({})),
        ("fleet", "refused-metrics", 401, unauthorized.clone()),
        ("fleet", "windows", 200, json!({"windows": []})),
        ("fleet", "refused-windows", 401, unauthorized.clone()),
        (
            "fleet",
            "set-window",
            201,
            json!({"id": "sample", "instanceId": "demo-running"}),
        ),
        ("fleet", "refused-set-window", 401, unauthorized.clone()),
        (
            "fleet",
            "refused-set-window-that-ends-before",
            400,
            json!({"error": "until must be after from"}),
        ),
        (
            "fleet",
            "remove-window",
            200,
            json!({"id": "sample", "removed": false}),
        ),
        ("fleet", "refused-remove-window", 401, unauthorized.clone()),
        ("instance", "show", 200, running.clone()),
        ("instance", "refused-show", 403, forbidden.clone()),
        ("instance", "refused-show-to-a-stranger", 404, no_instance),
        (
            "instance",
            "history",
            200,
            json!({"userId": "demo-running", "uptimePercent": null, "transitions": []}),
        ),
        ("instance", "refused-history", 401, unauthorized.clone()),
        ("instance", "stats", 200, running),
        ("instance", "refused-stats", 401, unauthorized.clone()),
        (
            "instance",
            "refused-stats-to-a-stranger",
            403,
            forbidden.clone(),
        ),
        ("operations", "list", 200, json!({})),
        ("operations", "refused-list", 401, unauthorized.clone()),
        ("operations", "refused-show", 401, unauthorized.clone()),
        (
            "health",
            "show",
            200,
            json!({"instanceId": "demo-running", "healthy": true}),
        ),
        (
            "health",
            "show-without-an-agent",
            200,
            json!({"status": "no_agent"}),
        ),
        ("health", "refused-show", 401, unauthorized.clone()),
        ("maintenance", "refused-act", 401, unauthorized.clone()),
        (
            "maintenance",
            "refused-act-without-an-agent",
            404,
            json!({"error": "No agent deployed"}),
        ),
        (
            "token",
            "show",
            200,
            json!({"token": "64656d6f2d72756e6e696e6764656d6f2d72756e6e696e6764656d6f2d72756e"}),
        ),
        ("token", "refused-show", 403, forbidden.clone()),
        (
            "token",
            "refused-show-to-a-stranger",
            403,
            forbidden.clone(),
        ),
        (
            "token",
            "heal",
            200,
            json!({"healed": true, "isNew": false}),
        ),
        ("token", "refused-heal", 401, unauthorized.clone()),
        (
            "token",
            "refused-heal-without-an-agent",
            404,
            json!({"error": "No agent deployed"}),
        ),
        ("token", "refused-rotate", 401, unauthorized.clone()),
        (
            "token",
            "open",
            201,
            json!({"expiresAt": "2026-04-04T03:11:00.000Z"}),
        ),
        ("token", "refused-open", 401, unauthorized.clone()),
        ("token", "close", 204, json!({})),
        ("token", "refused-close", 401, unauthorized.clone()),
        (
            "token",
            "check-in",
            200,
            json!({"instanceId": "demo-running"}),
        ),
        ("token", "refused-check-in", 401, unauthorized.clone()),
        (
            "token",
            "refused-check-in-with-a-wrong-token",
            401,
            unauthorized.clone(),
        ),
        (
            "proxy",
            "refused-forward-to-a-bad-id",
            400,
            json!({"error": "agentId must be 1 to 64 letters, digits, hyphens or underscores"}),
        ),
        ("proxy", "forward-head", 200, json!({})),
        ("proxy", "redirect", 308, json!({})),
        (
            "proxy",
            "ticket",
            201,
            json!({"expiresAt": "2026-04-04T03:11:00.000Z"}),
        ),
        ("proxy", "refused-ticket", 401, unauthorized.clone()),
        ("version", "current", 200, baseline.clone()),
        ("version", "refused-current", 401, unauthorized.clone()),
        ("version", "proxied", 200, baseline),
    ];
    let refused_controls = [
        "refused-repair",
        "refused-reset-memory",
        "refused-restart",
        "refused-start",
        "refused-stop",
        "refused-update",
    ];
    let forwarded = [
        "forward-delete",
        "forward-get",
        "forward-options",
        "forward-patch",
        "forward-post",
        "forward-put",
    ];
    rows.extend(forwarded.map(|case| ("proxy", case, 200, json!({"ok": true, "status": "live"}))));
    rows.extend(refused_controls.map(|case| ("lifecycle", case, 401, unauthorized.clone())));
    rows
}

fn file(function: &str, case: &str) -> String {
    format!("events/{function}/{case}.json")
}

/// Sends an event through a function's own routes, as its `main` serves them.
async fn answer(world: &World, function: &str, event: &str) -> (u16, Option<String>, Value) {
    let mut context = Context::default();
    context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
    let event = lambda_http::request::from_str(event).expect("an event of API Gateway");
    let (parts, body) = event.with_lambda_context(context).into_parts();
    let request = Request::from_parts(parts, Body::from(body.to_vec()));

    let mut functions = world.stack.functions.iter();
    let (_, routes) = functions
        .find(|(name, _)| *name == function)
        .unwrap_or_else(|| panic!("no function {function}"));
    let app = common::http::app(routes.clone(), &AllowedOrigins::default());
    let answer = app.oneshot(request).await.expect("a router never fails");
    let status = answer.status().as_u16();
    let id = answer.headers().get("x-request-id");
    let id = id.map(|id| id.to_str().expect("text").to_owned());
    let kind = answer.headers().get("content-type").cloned();
    let body = to_bytes(answer.into_body(), usize::MAX).await;
    let body = body.expect("a body");
    let is_text = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let body = match (body.is_empty(), is_text) {
        (true, _) => json!({}),
        (_, true) => String::from_utf8_lossy(&body).into(),
        (_, false) => serde_json::from_slice(&body).expect("a body of JSON"),
    };
    (status, id, body)
}

#[tokio::test]
async fn every_event_is_answered_by_its_function() {
    for (function, case, status, facts) in rows() {
        let path = file(function, case);
        let world = World::start().await;
        let (found, id, body) = answer(&world, function, &files::read(&path)).await;
        assert_eq!(found, status, "{path}: {body}");
        for (field, fact) in facts.as_object().unwrap() {
            assert_eq!(&body[field], fact, "{path}: {field} of {body}");
        }
        // Lambda's own id, where the caller sent none.
        let lambda_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
        assert_eq!(id.as_deref(), Some(lambda_id), "{path}");
        // The CI reads from a file's name what it is to be answered.
        assert_eq!(
            case.starts_with("refused-"),
            status >= 400,
            "the name of {path}"
        );
    }
}

/// Whether an event is for a function without routes: it has no folder.
fn of_no_request(path: &str) -> bool {
    path.matches('/').count() == 1
}

#[tokio::test]
async fn every_event_of_no_request_is_answered_too() {
    let events = files::below("events", ".json").into_iter();
    let events: Vec<String> = events.filter(|path| of_no_request(path)).collect();
    assert_eq!(events, ["events/sweep-segments.json", "events/sweep.json"]);
    let world = World::start().await;
    for (path, time, field, expected) in [
        (
            "events/sweep.json",
            "2026-04-04T03:10:02Z",
            "instances",
            json!(7),
        ),
        (
            "events/sweep-segments.json",
            "2026-04-04T03:10:02Z",
            "batchItemFailures",
            json!([]),
        ),
    ] {
        world.clock.set(time);
        let event = serde_json::from_str(&files::read(path)).expect("JSON");
        let limit = std::time::Duration::from_secs(60);
        let answer = world.stack.sweep.handle(event, limit).await;
        assert_eq!(answer.expect("an answer")[field], expected, "{path}");
    }
}

#[test]
fn every_file_of_an_event_is_in_the_table_and_the_reverse() {
    let rows = rows();
    let listed: BTreeSet<String> = rows.iter().map(|row| file(row.0, row.1)).collect();
    assert_eq!(listed.len(), rows.len(), "a row is there twice");
    let there = files::below("events", "").into_iter();
    let there: BTreeSet<String> = there.filter(|path| !of_no_request(path)).collect();
    let without_row: Vec<_> = there.difference(&listed).collect();
    assert!(without_row.is_empty(), "add a row for {without_row:?}");
    let without_file: Vec<_> = listed.difference(&there).collect();
    assert!(without_file.is_empty(), "add the file {without_file:?}");
}

#[test]
fn every_operation_has_an_event() {
    let events: BTreeSet<(String, String)> = rows()
        .iter()
        .map(|(function, case, ..)| {
            let path = file(function, case);
            let event: Value = serde_json::from_str(&files::read(&path)).unwrap();
            let text = |at: &str| {
                event
                    .pointer(at)
                    .and_then(Value::as_str)
                    .unwrap()
                    .to_owned()
            };
            let (method, route) = (text("/requestContext/http/method"), text("/routeKey"));
            // What API Gateway tells twice is the same.
            assert_eq!(text("/requestContext/routeKey"), route, "{path}");
            assert_eq!(
                text("/requestContext/http/path"),
                text("/rawPath"),
                "{path}"
            );
            let (of_route, template) = route.split_once(' ').unwrap();
            let is_own = of_route == method || of_route == "ANY";
            assert!(is_own, "{path}: {of_route} is not {method}");
            // OpenAPI does not mark what goes on over slashes.
            let template = template.replace("{path+}", "{path}");
            (method.to_lowercase(), template)
        })
        .collect();
    let document = files::openapi();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let operation = (method.clone(), path.clone());
            assert!(
                events.contains(&operation),
                "no event in events/ is for {method} {path}"
            );
        }
    }
}
