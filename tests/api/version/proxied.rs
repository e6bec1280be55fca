//! `GET /api/openclaw-version`.

use std::time::Duration;

use common::config::{BACKEND_API_URL, INTERNAL_API_KEY, OPENCLAW_IMAGE};
use serde_json::json;
use tests::{Reply, ScriptedServer, World, skip_limit};
use tokio::time::Instant;

use super::current::{CURRENT, example};

pub(crate) const PROXIED: &str = "/api/openclaw-version";
const BASELINE_IMAGE: &str = "ghcr.io/openclaw/openclaw:2026.4.11";

#[tokio::test]
async fn the_example_of_the_spec_is_answered_to_everybody_in_process() {
    let world = World::start().await;
    world.clock.set("2026-04-01T12:00:00.999Z");
    world.anonymous().get(PROXIED).await.is(200, example());
}

#[tokio::test]
async fn the_example_of_the_spec_is_relayed_from_a_backend() {
    let backend = ScriptedServer::always(Reply::json(&example())).await;
    let world = World::with(BACKEND_API_URL, backend.url()).start().await;
    world.anonymous().get(PROXIED).await.is(200, example());
}

#[tokio::test]
async fn the_backend_is_asked_with_the_internal_key_and_nothing_of_the_caller() {
    let backend = ScriptedServer::always(Reply::json(&example())).await;
    let world = World::with(BACKEND_API_URL, format!("{}/", backend.url()))
        .with(INTERNAL_API_KEY, "a-key-of-this-test")
        .start()
        .await;
    let caller = world
        .owner_of("demo-running")
        .with("authorization", "Bearer of-the-caller")
        .with("x-forwarded-for", "192.0.2.1");
    caller.get(PROXIED).await.is(200, example());

    let requests = backend.requests();
    let [request] = requests.as_slice() else {
        panic!("one request, not {requests:?}");
    };
    assert!(
        request.starts_with("get /api/openclaw/version http/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("authorization: bearer a-key-of-this-test\r\n"),
        "{request}"
    );
    for foreign in ["cookie", "of-the-caller", "x-forwarded-for"] {
        assert!(!request.contains(foreign), "{foreign} in {request}");
    }
}

#[tokio::test]
async fn another_stack_is_a_backend() {
    let backend = World::with(OPENCLAW_IMAGE, "ghcr.io/openclaw/openclaw:2026.5.1")
        .start()
        .await;
    let world = World::with(BACKEND_API_URL, &backend.stack.api)
        .start()
        .await;
    world.clock.set("2026-12-24T00:00:00Z");
    world.anonymous().get(PROXIED).await.is(
        200,
        json!({
            "openclawVersion": "2026.5.1",
            "image": "ghcr.io/openclaw/openclaw:2026.5.1",
            "deployedAt": "2026-04-04T03:10:00Z",
        }),
    );
}

#[tokio::test]
async fn a_backend_with_another_key_leads_to_the_fallback() {
    let backend = World::with(INTERNAL_API_KEY, "another-internal-key")
        .start()
        .await;
    let world = World::with(BACKEND_API_URL, &backend.stack.api)
        .start()
        .await;
    let answer = world.anonymous().get(PROXIED).await;
    answer.is(
        200,
        json!({"openclawVersion": "2026.4.11", "image": BASELINE_IMAGE}),
    );
}

#[tokio::test]
async fn what_the_backend_says_is_normalized_and_completed() {
    const CONFIGURED: &str = "ghcr.io/openclaw/openclaw:2026.5.1";
    const OTHER: &str = "registry.example/openclaw:2026.6.1";
    const AT: &str = "2026-05-01T00:00:00Z";
    let rows = [
        // The contract's table of normalisation.
        (
            json!({"openclawVersion": "2026.4.11"}),
            "2026.4.11",
            CONFIGURED,
            None,
        ),
        (
            json!({"openclawVersion": "latest"}),
            "2026.4.11",
            CONFIGURED,
            None,
        ),
        (
            json!({"openclawVersion": ""}),
            "2026.4.11",
            CONFIGURED,
            None,
        ),
        (json!({}), "2026.4.11", CONFIGURED, None),
        // And what it forgets.
        (
            json!({"openclawVersion": null, "image": null, "deployedAt": null}),
            "2026.4.11",
            CONFIGURED,
            None,
        ),
        (
            json!({"openclawVersion": 2026, "image": 1, "deployedAt": 0}),
            "2026.4.11",
            CONFIGURED,
            None,
        ),
        (
            json!({"openclawVersion": "v2026.6.1", "image": OTHER, "deployedAt": AT}),
            "2026.6.1",
            OTHER,
            Some(AT),
        ),
        (
            json!({"openclawVersion": "<b>", "image": "a b", "deployedAt": "soon"}),
            "2026.4.11",
            CONFIGURED,
            None,
        ),
        (
            json!({"openclawVersion": "2026.6.1", "gatewayToken": "secret"}),
            "2026.6.1",
            CONFIGURED,
            None,
        ),
    ];
    for (said, version, image, deployed_at) in rows {
        let backend = ScriptedServer::always(Reply::json(&said)).await;
        let world = World::with(BACKEND_API_URL, backend.url())
            .with(OPENCLAW_IMAGE, CONFIGURED)
            .start()
            .await;
        let mut expected = json!({"openclawVersion": version, "image": image});
        if let Some(at) = deployed_at {
            expected["deployedAt"] = json!(at);
        }
        let answer = world.anonymous().get(PROXIED).await;
        assert_eq!((answer.status, &answer.body), (200, &expected), "{said}");
    }
}

/// The fallback of a stack with an image of its own, and whether the backend
/// was asked.
async fn falls_back(name: &str, reply: Reply) {
    falls_back_from(&ScriptedServer::always(reply).await, name).await;
}

async fn falls_back_from(backend: &ScriptedServer, name: &str) {
    let world = World::with(BACKEND_API_URL, backend.url())
        .with(OPENCLAW_IMAGE, "ghcr.io/openclaw/openclaw:2026.5.1")
        .start()
        .await;
    let answer = world.anonymous().get(PROXIED).await;
    let fallback = json!({
        "openclawVersion": "2026.5.1", "image": "ghcr.io/openclaw/openclaw:2026.5.1",
    });
    assert_eq!((answer.status, &answer.body), (200, &fallback), "{name}");
    assert_eq!(backend.requests().len(), 1, "{name}");
}

#[tokio::test]
async fn a_backend_that_answers_nonsense_leads_to_the_fallback() {
    let good = example().to_string();
    let too_large = json!({"openclawVersion": "2026.6.1", "padding": "x".repeat(65_536)});
    let rows = [
        ("500", Reply::http(500, "application/json", &good)),
        ("404", Reply::not_found()),
        ("204", Reply::raw("HTTP/1.1 204 No Content\r\n\r\n")),
        ("html", Reply::http(200, "text/html", "<!doctype html>")),
        ("empty", Reply::http(200, "application/json", "")),
        ("broken json", Reply::http(200, "application/json", "{")),
        ("a list", Reply::http(200, "application/json", "[]")),
        ("too large", Reply::json(&too_large)),
        ("garbage", Reply::raw("SSH-2.0-OpenSSH_9.6\r\n")),
        ("closed", Reply::raw("")),
        (
            "half of it",
            Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"openclaw"),
        ),
        (
            "endless",
            Reply::Forever(
                b"HTTP/1.1 200 OK\r\n\r\n{\"x\":\"".to_vec(),
                vec![b'x'; 4096],
                Duration::ZERO,
            ),
        ),
    ];
    for (name, reply) in rows {
        falls_back(name, reply).await;
    }
}

#[tokio::test]
async fn a_backend_that_redirects_is_not_followed() {
    let elsewhere =
        ScriptedServer::always(Reply::json(&json!({"openclawVersion": "2026.6.1"}))).await;
    let location = format!(
        "HTTP/1.1 307 Moved\r\nlocation: {}{CURRENT}\r\ncontent-length: 0\r\n\r\n",
        elsewhere.url()
    );
    falls_back("redirect", Reply::raw(location)).await;
    assert_eq!(elsewhere.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_backend_that_is_gone_leads_to_the_fallback() {
    let gone = ScriptedServer::always(Reply::Silence)
        .await
        .url()
        .to_owned();
    let world = World::with(BACKEND_API_URL, gone).start().await;
    let answer = world.anonymous().get(PROXIED).await;
    answer.is(
        200,
        json!({"openclawVersion": "2026.4.11", "image": BASELINE_IMAGE}),
    );
}

#[tokio::test]
async fn a_backend_that_hangs_or_drips_costs_eight_seconds_and_not_more() {
    let drip = Reply::Forever(
        b"HTTP/1.1 200 OK\r\n\r\n{".to_vec(),
        b" ".to_vec(),
        Duration::from_millis(200),
    );
    for (name, reply) in [("silence", Reply::Silence), ("drip", drip)] {
        let backend = ScriptedServer::always(reply).await;
        let start = Instant::now();
        let asked = || backend.requests().len() == 1;
        let answered = falls_back_from(&backend, name);
        skip_limit(Duration::from_secs(8), asked, answered).await;
        let took = start.elapsed();
        assert!((8.0..12.0).contains(&took.as_secs_f64()), "{took:?}");
    }
}
