//! What all functions share: ids in paths, request ids, unknown paths and
//! methods, damaged records, a store that fails, and the configuration.

use std::collections::BTreeMap;

use common::aws::{Aws, Endpoint};
use common::config::{
    AGENT_HOSTS, BACKEND_API_URL, Environment, INSTANCES_TABLE, INTERNAL_API_KEY, OPENCLAW_IMAGE,
    SESSIONS_TABLE,
};
use common::platform::Platform;
use http::Method;
use serde_json::{Value, json};
use tests::World;

const HEALTH: &str = "/api/openclaw/maintenance";

#[tokio::test]
async fn an_id_with_other_characters_is_refused_and_reaches_no_other_record() {
    let world = World::start().await;
    let owner = world.owner_of("demo-running");
    let error = "userId must be 1 to 64 letters, digits, hyphens or underscores";
    let too_long = "x".repeat(65);
    for id in [
        "demo-running.",
        "demo.running",
        ".",
        "..",
        "%2e%2e",
        "demo-running%20",
        "%20demo-running",
        "demo-running%00",
        "demo-running%0A",
        "demo-running%2F",
        "demo-running%2Fstats",
        "x%2F..%2Fdemo-running",
        "demo-running%5C",
        "demo-running%3Fx",
        "demo-running;x",
        "demo-running,demo-stopped",
        "demo-r%C3%BCnning",
        "demo%E2%80%90running",
        "*",
        "%25",
        "demo-%72unning%25",
        &too_long,
    ] {
        for path in [
            format!("/api/instance/{id}"),
            format!("/api/instance/{id}/stats"),
        ] {
            let answer = owner.get_literally(&path).await;
            assert_eq!(
                (answer.status, &answer.body),
                (400, &json!({"error": error})),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn an_id_that_is_not_text_is_refused() {
    let world = World::start().await;
    let owner = world.owner_of("demo-running");
    for path in [
        "/api/instance/demo-running%FF",
        "/api/instance/%C3%28/stats",
    ] {
        let answer = owner.get_literally(path).await;
        answer.is(400, json!({"error": "The path must be UTF-8"}));
    }
}

#[tokio::test]
async fn an_empty_id_is_refused() {
    let world = World::start().await;
    let owner = world.owner_of("demo-running");
    let answer = owner.get_literally("/api/instance//stats").await;
    answer.is(
        400,
        json!({"error": "userId must be 1 to 64 letters, digits, hyphens or underscores"}),
    );
}

#[tokio::test]
async fn an_encoded_letter_is_the_letter() {
    let world = World::start().await;
    let owner = world.owner_of("demo-running");
    let answer = owner.get_literally("/api/instance/demo-%72unning").await;
    assert_eq!(answer.body["userId"], "demo-running");
}

#[tokio::test]
async fn nobody_learns_from_a_bad_id_more_than_from_a_good_one() {
    let world = World::start().await;
    let nobody = world.anonymous();
    let answer = nobody.get("/api/instance/a.b").await;
    answer.is(403, json!({"error": "Forbidden"}));
    let answer = nobody.get("/api/instance/a.b/stats").await;
    answer.is(401, json!({"error": "Unauthorized"}));
    let path = "/api/openclaw/instances/a.b";
    let answer = nobody.put(path, &json!({})).await;
    answer.is(401, json!({"error": "Unauthorized"}));
}

#[tokio::test]
async fn a_sane_request_id_is_given_back() {
    let world = World::start().await;
    let longest = "x".repeat(64);
    for id in [
        "1",
        "a-b_c.D",
        "3f2b8c1e-0000-4000-8000-000000000000",
        &longest,
    ] {
        let caller = world.anonymous().with("x-request-id", id);
        for path in ["/api/openclaw-version", HEALTH, "/nowhere"] {
            let answer = caller.get(path).await;
            assert_eq!(answer.header("x-request-id"), Some(id), "{path}");
        }
    }
}

#[tokio::test]
async fn any_other_request_id_is_replaced_by_a_new_one() {
    let world = World::start().await;
    let too_long = "x".repeat(65);
    let mut seen = Vec::new();
    for id in [
        b"".as_slice(),
        b"a b",
        b"a/b",
        b"<script>",
        b"{\"a\": 1}",
        b"\xc3\xbc",
        too_long.as_bytes(),
    ] {
        let caller = world.anonymous().with("x-request-id", id);
        let answer = caller.get("/api/openclaw-version").await;
        let new = answer.header("x-request-id").unwrap().to_owned();
        assert_eq!(new.len(), 36, "{new}");
        assert!(!seen.contains(&new), "{new} twice");
        seen.push(new);
    }
}

#[tokio::test]
async fn unknown_paths_are_not_found_in_json() {
    let world = World::start().await;
    for path in [
        "/",
        "/api",
        "/api/",
        "/api/instance",
        "/api/instance/",
        "/api/instance/demo-running/",
        "/api/instance/demo-running/nothing",
        "/api/openclaw/version/",
        "/api/openclaw-version/x",
        "/API/openclaw-version",
        "/api/openclaw/instances/a/b",
        "/%2e%2e/etc/passwd",
    ] {
        let answer = world.owner_of("demo-running").get_literally(path).await;
        assert_eq!(
            (answer.status, &answer.body),
            (404, &json!({"error": "Not found"})),
            "{path}"
        );
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn other_methods_are_not_allowed_in_json() {
    let world = World::start().await;
    for (method, path, allowed) in [
        (Method::PUT, "/api/instance/demo-running", "GET,HEAD"),
        (
            Method::DELETE,
            "/api/instance/demo-running/stats",
            "GET,HEAD",
        ),
        (Method::PUT, HEALTH, "GET,HEAD"),
        (Method::POST, "/api/openclaw/version", "GET,HEAD"),
        (Method::OPTIONS, "/api/openclaw-version", "GET,HEAD"),
        (Method::GET, "/api/openclaw/instances/abc123", "PUT"),
        (Method::DELETE, "/api/openclaw/instances/abc123", "PUT"),
    ] {
        let answer = world.anonymous().send(method.clone(), path, "").await;
        assert_eq!(
            (answer.status, &answer.body),
            (405, &json!({"error": "Method not allowed"})),
            "{method} {path}"
        );
        let allow = answer.header("allow").unwrap();
        assert!(
            allowed.split(',').all(|method| allow.contains(method)),
            "{method} {path}: {allow}"
        );
    }
}

#[tokio::test]
async fn a_head_request_has_the_status_of_the_get_and_no_body() {
    let world = World::start().await;
    let head = Method::HEAD;
    let answer = world.anonymous().send(head.clone(), HEALTH, "").await;
    answer.is(401, Value::Null);
    let answer = world.stranger().send(head, HEALTH, "").await;
    answer.is(200, Value::Null);
}

const DAMAGED: &str = "The stored record is damaged. The platform's operator has to mend it.";

#[tokio::test]
async fn a_damaged_instance_is_a_clear_error_everywhere() {
    let world = World::start().await;
    let owner = world.log_in("owner").await;
    for (field, value) in [
        ("openclawUrl", json!("not a url")),
        ("openclawUrl", json!(7)),
        ("plan", json!({"name": "solo"})),
        ("runtimeServiceId", json!([])),
        ("subscriptionStatus", json!(true)),
        ("createdAt", json!("yesterday")),
        ("registeredAt", json!("")),
        ("provisionedAt", json!(1_775_000_000)),
        ("lastSeenAt", json!("2026-99-99T00:00:00Z")),
        ("gatewayProcessStatus", json!(["active"])),
        ("metadata", json!("{")),
        ("metadata", json!("[]")),
        ("metadata", json!({"a": 1})),
    ] {
        let mut record = json!({"instanceId": "abc123", "ownerId": "owner"});
        record[field] = value.clone();
        world.records.put_instance(&record).await;
        for path in ["/api/instance/abc123", "/api/instance/abc123/stats", HEALTH] {
            let answer = owner.get(path).await;
            assert_eq!(
                (answer.status, &answer.body),
                (500, &json!({"error": DAMAGED})),
                "{path} with {field} {value}"
            );
        }
        // A registration that leaves the damage alone cannot mend it.
        let path = "/api/openclaw/instances/abc123";
        let owner_alone = json!({"ownerId": "owner"});
        let answer = world.platform().put(path, &owner_alone).await;
        answer.is(500, json!({"error": DAMAGED}));
    }
}

#[tokio::test]
async fn a_registration_mends_what_it_mentions() {
    let world = World::start().await;
    let record = json!({"instanceId": "abc123", "ownerId": "owner", "openclawUrl": "not a url"});
    world.records.put_instance(&record).await;
    let path = "/api/openclaw/instances/abc123";
    let body = json!({"ownerId": "owner", "openclawUrl": null});
    assert_eq!(world.platform().put(path, &body).await.status, 200);
}

#[tokio::test]
async fn an_owner_that_is_no_user_id_is_damage() {
    let world = World::start().await;
    let record = json!({"instanceId": "abc123", "ownerId": "two words"});
    world.records.put_instance(&record).await;
    let answer = world.stranger().get("/api/instance/abc123").await;
    answer.is(500, json!({"error": DAMAGED}));
}

#[tokio::test]
async fn a_damaged_session_is_a_clear_error() {
    let world = World::start().await;
    // Of the cookie `abc`.
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let caller = world.anonymous().with("cookie", "agentbot-session=abc");
    for session in [
        json!({"sessionHash": hash}),
        json!({"sessionHash": hash, "userId": "user"}),
        json!({"sessionHash": hash, "userId": "user", "expiresAt": "never"}),
        json!({"sessionHash": hash, "userId": "two words", "expiresAt": 4_000_000_000_u64}),
        json!({"sessionHash": hash, "userId": 7, "expiresAt": 4_000_000_000_u64}),
    ] {
        world.records.put_session(&session).await;
        for path in ["/api/instance/abc123", "/api/instance/abc123/stats", HEALTH] {
            let answer = caller.get(path).await;
            assert_eq!(
                (answer.status, &answer.body),
                (500, &json!({"error": DAMAGED})),
                "{path} with {session}"
            );
        }
    }
}

#[tokio::test]
async fn a_store_that_fails_is_an_error_without_details() {
    let world = World::start().await;
    let owner = world.owner_of("demo-running");
    let failed = json!({"error": "Internal server error"});
    world.records.lose_instances().await;
    for path in [
        "/api/instance/demo-running",
        "/api/instance/demo-running/stats",
        HEALTH,
    ] {
        owner.get(path).await.is(500, failed.clone());
    }
    let path = "/api/openclaw/instances/demo-running";
    let registration = json!({"ownerId": "owner"});
    let answer = world.platform().put(path, &registration).await;
    answer.is(500, failed.clone());
    world.records.lose_sessions().await;
    for path in ["/api/instance/x", "/api/instance/x/stats", HEALTH] {
        owner.get(path).await.is(500, failed.clone());
    }
}

#[tokio::test]
async fn a_stack_names_everything_that_is_wrong_with_its_variables_at_once() {
    let result = World::with(INSTANCES_TABLE, "")
        .with(SESSIONS_TABLE, "")
        .with(INTERNAL_API_KEY, "too short")
        .with(AGENT_HOSTS, "*")
        .with(OPENCLAW_IMAGE, "no image")
        .with(BACKEND_API_URL, "ftp://backend.example")
        .try_start()
        .await;
    assert_eq!(
        result.err().map(|error| error.to_string()).unwrap(),
        "bad configuration: INSTANCES_TABLE is not set; SESSIONS_TABLE is not set; \
         INTERNAL_API_KEY must be at least 16 printable ASCII characters without spaces; \
         AGENT_HOSTS \"*\" is no host pattern: use names, IP addresses and *.suffixes with a \
         comma between them; OPENCLAW_IMAGE must be an image reference such as \
         ghcr.io/openclaw/openclaw:2026.4.11; BACKEND_API_URL must be an http or https URL"
    );
}

#[tokio::test]
async fn every_function_names_everything_that_is_missing_at_once() {
    let nothing: BTreeMap<&str, String> = BTreeMap::new();
    let nothing: &dyn Environment = &nothing;
    let platform = &Platform::new(Aws::new(Endpoint::Standard));
    let rows = [
        (
            compatibility::from_environment(nothing, platform),
            "INTERNAL_API_KEY SESSIONS_TABLE INSTANCES_TABLE CONFIGURATIONS_TABLE TOKENS_TABLE",
        ),
        (
            fleet::from_environment(nothing, platform),
            "INTERNAL_API_KEY INSTANCES_TABLE HISTORY_TABLE",
        ),
        (
            instance::from_environment(nothing, platform),
            "SESSIONS_TABLE INSTANCES_TABLE HISTORY_TABLE",
        ),
        (
            lifecycle::from_environment(nothing, platform),
            "SESSIONS_TABLE INSTANCES_TABLE OPERATIONS_TABLE TOKENS_TABLE MEMORIES_TABLE",
        ),
        (
            maintenance::from_environment(nothing, platform),
            "SESSIONS_TABLE INSTANCES_TABLE OPERATIONS_TABLE TOKENS_TABLE MEMORIES_TABLE",
        ),
        (
            token::from_environment(nothing, platform),
            "SESSIONS_TABLE INSTANCES_TABLE OPERATIONS_TABLE TOKENS_TABLE MEMORIES_TABLE",
        ),
        (
            version::from_environment(nothing, platform),
            "INTERNAL_API_KEY",
        ),
    ];
    for (function, missing) in rows {
        let missing: Vec<String> = missing
            .split(' ')
            .map(|name| format!("{name} is not set"))
            .collect();
        let expected = format!("bad configuration: {}", missing.join("; "));
        assert_eq!(function.err().unwrap().to_string(), expected);
    }
}
