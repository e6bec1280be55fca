//! Maintenance windows over HTTP.

use http::Method;
use serde_json::json;
use tests::World;

const WINDOW: &str = "/api/openclaw/maintenance-windows/move";
const ALL: &str = "/api/openclaw/maintenance-windows";

#[tokio::test]
async fn a_window_is_made_replaced_listed_and_removed() {
    let world = World::start().await;
    let operator = world.platform();
    let body = json!({"from": "2026-04-04T03:00:00Z", "until": "2026-04-04T05:00:00+01:00"});
    let made = json!({
        "id": "move", "from": "2026-04-04T03:00:00.000Z", "until": "2026-04-04T04:00:00.000Z",
        "instanceId": null,
    });
    operator.put(WINDOW, &body).await.is(201, made.clone());
    operator.get(ALL).await.is(200, json!({"windows": [made]}));
    let body = json!({
        "from": "2026-04-04T03:00:00Z", "until": "2026-04-04T04:00:00Z", "instanceId": "abc123",
    });
    let replaced = json!({
        "id": "move", "from": "2026-04-04T03:00:00.000Z", "until": "2026-04-04T04:00:00.000Z",
        "instanceId": "abc123",
    });
    operator.put(WINDOW, &body).await.is(200, replaced.clone());
    operator
        .get(ALL)
        .await
        .is(200, json!({"windows": [replaced]}));
    for removed in [true, false] {
        let answer = operator.send(Method::DELETE, WINDOW, "").await;
        answer.is(200, json!({"id": "move", "removed": removed}));
    }
    operator.get(ALL).await.is(200, json!({"windows": []}));
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_window_is_named() {
    let world = World::start().await;
    let operator = world.platform();
    let rule = "must be an ISO 8601 time with its offset, such as 2026-04-01T00:00:00.000Z";
    for (body, error) in [
        (
            json!({"until": "tomorrow", "instanceId": "not.an-id", "why": "a move"}),
            format!(
                "from is required; until {rule}; instanceId must be 1 to 64 letters, digits, \
                 hyphens or underscores; \"why\" is no field; allowed are from, until and \
                 instanceId"
            ),
        ),
        (
            json!({"from": "2026-04-04T03:00:00Z", "until": "2026-04-04T03:00:00Z"}),
            "until must be after from".to_owned(),
        ),
        (
            json!({"from": "2026-04-04T01:00:00Z", "until": "2026-04-04T03:10:00Z"}),
            "until must be in the future".to_owned(),
        ),
        (
            json!({"from": 5, "until": "2026-04-04T04:00:00Z", "instanceId": 7}),
            format!("from {rule}; instanceId must be a string"),
        ),
    ] {
        let answer = operator.put(WINDOW, &body).await;
        answer.is(400, json!({"error": error}));
    }
    for method in [Method::PUT, Method::DELETE] {
        let answer = operator
            .send(method, &format!("{ALL}/not.an-id"), "{}")
            .await;
        let rule = "id must be 1 to 64 letters, digits, hyphens or underscores";
        answer.is(400, json!({"error": rule}));
    }
}
