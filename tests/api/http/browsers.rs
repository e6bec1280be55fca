//! What browsers are told: which pages may ask, and what may be kept of an
//! answer.

use common::config::ALLOWED_ORIGINS;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use tests::World;

const PAGE: &str = "https://app.example";

/// The headers that a browser judges an answer by.
fn permissions(headers: &HeaderMap) -> Value {
    let header = |name: &str| {
        let values = headers.get_all(name).iter().map(|it| it.to_str().unwrap());
        let mut values: Vec<_> = values.flat_map(|it| it.split(',')).map(str::trim).collect();
        values.sort_unstable();
        values.join(", ")
    };
    json!({
        "origin": header("access-control-allow-origin"),
        "credentials": header("access-control-allow-credentials"),
        "methods": header("access-control-allow-methods"),
        "headers": header("access-control-allow-headers"),
        "exposed": header("access-control-expose-headers"),
        "age": header("access-control-max-age"),
    })
}

fn none() -> Value {
    json!({"origin": "", "credentials": "", "methods": "", "headers": "", "exposed": "", "age": ""})
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_ask_and_read() {
    let world = World::with(ALLOWED_ORIGINS, PAGE).start().await;
    let path = "/api/instance/demo-running/restart";
    let page = world.owner_of("demo-running").with("origin", PAGE);
    let asked = world
        .anonymous()
        .with("origin", PAGE)
        .with("access-control-request-method", "POST")
        .with("access-control-request-headers", "idempotency-key")
        .send(Method::OPTIONS, path, "")
        .await;
    assert_eq!(asked.status, 200);
    let expected = json!({
        "origin": PAGE,
        "credentials": "true",
        "methods": "DELETE, GET, POST, PUT",
        "headers": "authorization, content-type, idempotency-key, x-request-id",
        "exposed": "",
        "age": "3600",
    });
    assert_eq!(permissions(&asked.headers), expected);

    for answer in [
        page.get("/api/instance/demo-running").await,
        page.post("/api/instance/demo-stopped/restart").await,
        page.get("/nowhere").await,
    ] {
        let expected = json!({
            "origin": PAGE, "credentials": "true", "methods": "", "headers": "",
            "exposed": "retry-after, x-request-id", "age": "",
        });
        assert_eq!(permissions(&answer.headers), expected);
        let mut vary = answer.headers.get_all("vary").iter();
        assert!(vary.any(|it| it.to_str().unwrap().contains("origin")));
    }
}

#[tokio::test]
async fn a_foreign_page_may_neither_ask_nor_read() {
    let allowing = World::with(ALLOWED_ORIGINS, PAGE).start().await;
    let alone = World::start().await;
    for (world, origin) in [
        (&allowing, "https://evil.example"),
        (&allowing, "https://app.example.evil.example"),
        (&allowing, "null"),
        (&alone, PAGE),
    ] {
        let page = world.owner_of("demo-running").with("origin", origin);
        let asked = page
            .clone()
            .with("access-control-request-method", "POST")
            .send(Method::OPTIONS, "/api/instance/demo-running/restart", "")
            .await;
        let read = page.get("/api/instance/demo-running").await;
        for answer in [asked, read] {
            let found = permissions(&answer.headers);
            assert_eq!(found["origin"], none()["origin"], "{origin}: {found}");
        }
    }
}

#[tokio::test]
async fn no_answer_is_kept_or_guessed_to_be_of_another_type() {
    let world = World::start().await;
    let owner = world.owner_of("demo-running");
    let service = world.platform();
    for answer in [
        owner.get("/api/instance/demo-running").await,
        owner.get("/api/instance/demo-running/token").await,
        owner.get("/api/instance/demo-running/operations").await,
        owner.get("/api/instance/demo-stopped").await,
        owner
            .send(Method::POST, "/api/openclaw/maintenance", "{")
            .await,
        service.get("/api/openclaw/instances").await,
        service.get("/api/openclaw/metrics").await,
        world.anonymous().get("/api/openclaw-version").await,
        world.anonymous().get("/nowhere").await,
    ] {
        let found = (
            answer.header("cache-control"),
            answer.header("x-content-type-options"),
        );
        assert_eq!(found, (Some("no-store"), Some("nosniff")), "{answer:?}");
    }
}
