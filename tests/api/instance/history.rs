//! `GET /api/instance/{userId}/history`, where sweeps have nothing to say.

use serde_json::{Value, json};
use tests::World;

const PATH: &str = "/api/instance/demo-running/history";

#[tokio::test]
async fn an_agent_that_nobody_has_seen_has_nulls() {
    let world = World::start().await;
    let owner = world.owner_of("demo-running");
    let answer = owner.get(&format!("{PATH}?hours=1")).await;
    answer.is(
        200,
        json!({
            "userId": "demo-running",
            "from": "2026-04-04T02:10:00.000Z",
            "until": "2026-04-04T03:10:00.000Z",
            "condition": null,
            "since": null,
            "degraded": [],
            "observedAt": null,
            "uptimePercent": null,
            "seconds": {
                "up": 0, "starting": 0, "down": 0, "setup": 0, "stopped": 0, "sleeping": 0,
                "unobserved": 3600,
            },
            "transitions": [],
            "transitionsOmitted": 0,
            "buckets": [],
        }),
    );
}

#[tokio::test]
async fn the_window_is_a_day_and_at_most_ninety() {
    let world = World::start().await;
    let owner = world.owner_of("demo-running");
    let rows = [
        ("", "2026-04-03T03:10:00.000Z"),
        ("?hours=1", "2026-04-04T02:10:00.000Z"),
        ("?hours=2160", "2026-01-04T03:10:00.000Z"),
    ];
    for (query, from) in rows {
        let answer = owner.get(&format!("{PATH}{query}")).await;
        assert_eq!(
            (answer.status, &answer.body["from"]),
            (200, &json!(from)),
            "{query}"
        );
    }
    let refused = json!({"error": "hours must be a whole number from 1 to 2160"});
    for hours in ["0", "2161", "-1", "", "all", "1.5", "99999999999999999999"] {
        let answer = owner.get(&format!("{PATH}?hours={hours}")).await;
        assert_eq!((answer.status, &answer.body), (400, &refused), "{hours}");
    }
}

#[tokio::test]
async fn only_the_owner_sees_it() {
    let world = World::start().await;
    let answer = world.anonymous().get(PATH).await;
    answer.is(401, json!({"error": "Unauthorized"}));
    for caller in [world.stranger(), world.owner_of("demo-legacy")] {
        caller
            .get(PATH)
            .await
            .is(403, json!({"error": "Forbidden"}));
    }
    let path = "/api/instance/no.id/history";
    let answer = world.owner_of("demo-running").get(path).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn a_store_that_fails_is_an_error_and_not_an_empty_history() {
    let world = World::start().await;
    world.records.lose_history().await;
    let answer = world.owner_of("demo-running").get(PATH).await;
    answer.is(500, json!({"error": "Internal server error"}));
    // The state needs no history.
    let answer = world
        .owner_of("demo-running")
        .get("/api/instance/demo-running")
        .await;
    assert_eq!(
        (answer.status, &answer.body["observedAt"]),
        (200, &Value::Null)
    );
}
