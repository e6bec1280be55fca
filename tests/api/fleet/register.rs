//! `PUT /api/openclaw/instances/{id}`.

use http::Method;
use serde_json::{Value, json};
use tests::{Answer, World};

const PATH: &str = "/api/openclaw/instances/abc123";

/// Everything that a registration may say.
fn whole() -> Value {
    json!({
        "ownerId": "auth0|owner",
        "openclawUrl": "https://abc123.up.railway.app",
        "plan": "collective",
        "runtimeServiceId": "6d4f0c5e-0000-4000-8000-000000000000",
        "subscriptionStatus": "past_due",
        "provisionedAt": "2026-04-01T00:00:00.000Z",
        "metadata": {"region": "europe-west4", "nested": {"list": [1, 2.5, null]}},
    })
}

/// The answer to [`whole`].
fn whole_answer() -> Value {
    let mut answer = whole();
    answer["instanceId"] = json!("abc123");
    answer
}

async fn put(world: &World, body: &Value) -> Answer {
    world.platform().put(PATH, body).await
}

#[tokio::test]
async fn a_new_instance_is_created_and_shown_to_its_owner() {
    let world = World::start().await;
    put(&world, &whole()).await.is(201, whole_answer());
    assert_eq!(
        world.records.instance("abc123").await,
        json!({
            "instanceId": "abc123",
            "ownerId": "auth0|owner",
            "openclawUrl": "https://abc123.up.railway.app",
            "plan": "collective",
            "runtimeServiceId": "6d4f0c5e-0000-4000-8000-000000000000",
            "subscriptionStatus": "past_due",
            "provisionedAt": "2026-04-01T00:00:00Z",
            "metadata": whole()["metadata"].to_string(),
            "createdAt": "2026-04-04T03:10:00Z",
        })
    );
}

#[tokio::test]
async fn the_owner_alone_is_enough() {
    let world = World::start().await;
    put(&world, &json!({"ownerId": "owner"})).await.is(
        201,
        json!({
            "instanceId": "abc123",
            "ownerId": "owner",
            "openclawUrl": "https://agentbot-agent-abc123-production.up.railway.app",
            "plan": "free",
            "runtimeServiceId": null,
            "subscriptionStatus": null,
            "provisionedAt": "2026-04-04T03:10:00.000Z",
            "metadata": null,
        }),
    );
}

#[tokio::test]
async fn the_same_registration_twice_changes_nothing() {
    let world = World::start().await;
    put(&world, &whole()).await.is(201, whole_answer());
    let before = world.records.instance("abc123").await;
    world.clock.advance(jiff::SignedDuration::from_hours(1));
    put(&world, &whole()).await.is(200, whole_answer());
    assert_eq!(world.records.instance("abc123").await, before);
}

#[tokio::test]
async fn what_is_left_out_stays_and_null_removes() {
    let world = World::start().await;
    put(&world, &whole()).await.is(201, whole_answer());
    let owner_alone = json!({"ownerId": "auth0|owner"});
    put(&world, &owner_alone).await.is(200, whole_answer());

    let cleared = json!({
        "ownerId": "auth0|owner", "openclawUrl": null, "plan": null, "runtimeServiceId": null,
        "subscriptionStatus": null, "provisionedAt": null, "metadata": null,
    });
    put(&world, &cleared).await.is(
        200,
        json!({
            "instanceId": "abc123",
            "ownerId": "auth0|owner",
            "openclawUrl": "https://agentbot-agent-abc123-production.up.railway.app",
            "plan": "free",
            "runtimeServiceId": null,
            "subscriptionStatus": null,
            "provisionedAt": "2026-04-04T03:10:00.000Z",
            "metadata": null,
        }),
    );
    assert_eq!(
        world.records.instance("abc123").await,
        json!({
            "instanceId": "abc123", "ownerId": "auth0|owner", "createdAt": "2026-04-04T03:10:00Z",
        })
    );
}

#[tokio::test]
async fn attributes_that_nobody_here_knows_survive() {
    let world = World::start().await;
    let record = json!({
        "instanceId": "abc123",
        "ownerId": "owner",
        "lastSeenAt": "2026-04-04T00:00:00Z",
        "gatewayProcessStatus": "active",
        "ofTomorrow": {"list": [1, "two", null, true], "map": {"a": {}}},
    });
    world.records.put_instance(&record).await;
    assert_eq!(put(&world, &whole()).await.status, 200);
    let after = world.records.instance("abc123").await;
    for field in ["ofTomorrow", "lastSeenAt", "gatewayProcessStatus"] {
        assert_eq!(after[field], record[field]);
    }
    assert_eq!(after["plan"], "collective");
}

#[tokio::test]
async fn metadata_is_kept_exactly() {
    let world = World::start().await;
    let mut deep = json!("bottom");
    for level in 0..100 {
        deep = if level % 2 == 0 {
            json!([deep])
        } else {
            json!({"down": deep})
        };
    }
    let metadata = json!({
        "deep": deep,
        "largest": u64::MAX,
        "smallest": i64::MIN,
        "huge": f64::MAX,
        "tiny": f64::MIN_POSITIVE,
        "precise": 0.123_456_789_012_345_67,
        "": "empty name",
        "text": "line\nbreak, \u{0}, ü, 🦀, \u{202e}, <script>",
        "empty": {"list": [], "map": {}, "null": null},
    });
    let body = json!({"ownerId": "owner", "metadata": metadata});
    let answer = put(&world, &body).await;
    assert_eq!((answer.status, &answer.body["metadata"]), (201, &metadata));
    let answer = put(&world, &json!({"ownerId": "owner"})).await;
    assert_eq!((answer.status, &answer.body["metadata"]), (200, &metadata));
}

#[tokio::test]
async fn every_decimal_number_in_metadata_is_kept_to_its_last_digit() {
    let world = World::start().await;
    // Numbers that a hasty parser reads as their neighbours.
    for number in [
        "97497.18255256917",
        "48.198470861948636",
        "-1.3968345516038139",
        "1.1064419553563201e-5",
    ] {
        let exact: f64 = number.parse().unwrap();
        let body = format!(r#"{{"ownerId": "owner", "metadata": {{"number": {number}}}}}"#);
        let answer = world.platform().send(Method::PUT, PATH, body).await;
        let kept = answer.body["metadata"]["number"].to_string();
        assert_eq!(kept.parse(), Ok(exact), "{number} became {kept}");
    }
}

const WORD: &str = "must be 1 to 64 letters, digits, hyphens or underscores";
const TIME: &str = "must be an ISO 8601 time with its offset, such as 2026-04-01T00:00:00.000Z";
const URL: &str =
    "must be an http or https URL of a host and nothing behind it, at most 255 characters";
const OWNER: &str = "must be 1 to 128 bytes without white space or control characters";

#[tokio::test]
async fn every_bad_field_is_named_with_its_rule() {
    let world = World::start().await;
    let long = "x".repeat(65);
    let rows = [
        ("ownerId", json!(null), "is required"),
        ("ownerId", json!(""), OWNER),
        ("ownerId", json!("a b"), OWNER),
        ("ownerId", json!("x".repeat(129)), OWNER),
        ("ownerId", json!(7), "must be a string"),
        ("openclawUrl", json!(""), URL),
        ("openclawUrl", json!("abc123.up.railway.app"), URL),
        ("openclawUrl", json!("file:///etc/passwd"), URL),
        ("openclawUrl", json!("https://a.up.railway.app/chat"), URL),
        ("openclawUrl", json!("https://me:pw@a.up.railway.app"), URL),
        (
            "openclawUrl",
            json!(["https://a.up.railway.app"]),
            "must be a string",
        ),
        ("plan", json!(""), WORD),
        ("plan", json!("so lo"), WORD),
        ("plan", json!(long), WORD),
        ("plan", json!(1), WORD),
        ("runtimeServiceId", json!("a/b"), WORD),
        ("subscriptionStatus", json!("<b>"), WORD),
        ("provisionedAt", json!("yesterday"), TIME),
        ("provisionedAt", json!("2026-04-01"), TIME),
        ("provisionedAt", json!("2026-04-01T00:00:00"), TIME),
        ("provisionedAt", json!(1_775_000_000), TIME),
        ("metadata", json!([]), "must be a JSON object"),
        ("metadata", json!("{}"), "must be a JSON object"),
    ];
    for (field, value, rule) in rows {
        let mut body = json!({"ownerId": "owner"});
        body[field] = value;
        let answer = put(&world, &body).await;
        answer.is(400, json!({"error": format!("{field} {rule}")}));
    }
    assert_eq!(world.records.instance("abc123").await, Value::Null);
}

#[tokio::test]
async fn all_bad_fields_are_named_at_once() {
    let world = World::start().await;
    let body = json!({
        "openclawUrl": "http://169.254.169.254", "plan": "so lo", "runtimeServiceId": "",
        "subscriptionStatus": [], "provisionedAt": "soon", "metadata": 1, "OwnerId": "owner",
    });
    let refused = "host 169.254.169.254 is not one of *.up.railway.app, *.railway.internal, \
                   localhost, 127.0.0.1, ::1";
    let unknown = "\"OwnerId\" is no field; allowed are ownerId, openclawUrl, plan, \
                   runtimeServiceId, subscriptionStatus, provisionedAt and metadata";
    put(&world, &body).await.is(
        400,
        json!({"error": format!(
            "ownerId is required; openclawUrl is refused: {refused}; plan {WORD}; \
             runtimeServiceId {WORD}; subscriptionStatus {WORD}; provisionedAt {TIME}; \
             metadata must be a JSON object; {unknown}"
        )}),
    );
    assert_eq!(world.records.instance("abc123").await, Value::Null);
}

#[tokio::test]
async fn hosts_off_the_list_are_refused_however_they_are_spelled() {
    let world = World::start().await;
    for url in [
        "https://evil.example",
        "https://up.railway.app",
        "https://evilup.railway.app",
        "https://a.up.railway.app.evil.example",
        "http://127.0.0.2",
        "http://2130706434",
        "http://0.0.0.0",
        "http://[::ffff:10.0.0.1]",
        "http://10.0.0.1",
        "http://metadata.google.internal",
    ] {
        let body = json!({"ownerId": "owner", "openclawUrl": url});
        let answer = put(&world, &body).await;
        let error = answer.body["error"].as_str().unwrap();
        assert_eq!(answer.status, 400, "{url}");
        assert!(
            error.starts_with("openclawUrl is refused: host "),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused() {
    let world = World::start().await;
    for body in ["[]", "null", "\"ownerId\"", "7"] {
        let answer = world.platform().send(Method::PUT, PATH, body).await;
        answer.is(400, json!({"error": "The body must be a JSON object"}));
    }
    let too_deep = format!("{{\"metadata\": {}1{}}}", "[".repeat(200), "]".repeat(200));
    for body in [
        "",
        "{",
        "ownerId=owner",
        "{'ownerId': 'owner'}",
        "\u{feff}{}",
        &too_deep,
    ] {
        let answer = world
            .platform()
            .send(Method::PUT, PATH, body.to_owned())
            .await;
        let error = answer.body["error"].as_str().unwrap();
        assert_eq!(answer.status, 400, "{body}");
        let start = "The body must be a JSON object, but is not JSON: ";
        assert!(error.starts_with(start), "{error}");
    }
    let not_utf8 = b"{\"ownerId\": \"\xff\"}".as_slice();
    let answer = world.platform().send(Method::PUT, PATH, not_utf8).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn a_body_of_64_kib_is_taken_and_one_byte_more_is_not() {
    let world = World::start().await;
    let body = |len: usize| {
        let frame = r#"{"ownerId":"owner","metadata":{"x":""}}"#.len();
        json!({"ownerId": "owner", "metadata": {"x": "x".repeat(len - frame)}})
    };
    assert_eq!(body(65_536).to_string().len(), 65_536);
    let answer = put(&world, &body(65_537)).await;
    answer.is(
        413,
        json!({"error": "The body must be at most 65536 bytes"}),
    );
    assert_eq!(put(&world, &body(65_536)).await.status, 201);
}

#[tokio::test]
async fn an_id_that_is_none_is_refused_and_makes_no_record() {
    let world = World::start().await;
    let before = world.records.count_instances().await;
    for id in ["a.b", "a%20b", "a%2Fb", "%C3%BC", &"x".repeat(65)] {
        let path = format!("/api/openclaw/instances/{id}");
        let answer = world.platform().put(&path, &whole()).await;
        answer.is(400, json!({"error": format!("id {WORD}")}));
    }
    let longest = format!("/api/openclaw/instances/{}", "x".repeat(64));
    let answer = world.platform().put(&longest, &whole()).await;
    assert_eq!(answer.status, 201);
    assert_eq!(world.records.count_instances().await, before + 1);
}

#[tokio::test]
async fn only_the_bearer_of_the_key_registers() {
    let world = World::start().await;
    for caller in [world.anonymous(), world.owner_of("demo-running")] {
        // The refusal comes before anything is said of the body.
        for body in [whole(), json!({"plan": 1})] {
            let answer = caller
                .put("/api/openclaw/instances/demo-running", &body)
                .await;
            answer.is(401, json!({"error": "Unauthorized"}));
        }
    }
    let record = world.records.instance("demo-running").await;
    assert_eq!(record["ownerId"], "owner-running");
}
