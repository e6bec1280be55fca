//! `POST /api/support/heal-token`.

use std::collections::BTreeSet;

use local::agents::Behaviour;
use serde_json::{Value, json};
use tests::{Answer, World};

use super::show::path;
use crate::support::controls::ID;

const HEAL: &str = "/api/support/heal-token";

fn health(status: &str, detail: &str) -> Value {
    json!({"name": "OpenClaw Gateway", "status": status, "detail": detail})
}

async fn heal(world: &World, id: &str) -> Answer {
    world.owner_of(id).post(HEAL).await
}

#[tokio::test]
async fn an_agent_without_a_token_has_none_until_it_is_healed() {
    let world = World::start().await;
    world.records.delete_token(ID).await;
    let error = json!({"error": "No gateway token is configured on the platform"});
    world.owner_of(ID).get(&path(ID)).await.is(503, error);
    let mut healed = heal(&world, ID).await;
    assert_eq!(healed.header("cache-control"), Some("no-store"));
    let token = healed.take("token");
    let text = token.as_str().unwrap();
    assert_eq!(text.len(), 64);
    assert!(text.bytes().all(|byte| b"0123456789abcdef".contains(&byte)));
    healed.is(
        200,
        json!({
            "healed": true, "isNew": true, "health": health("ok", "ok"),
            "message": "New gateway token generated successfully",
        }),
    );
    let answer = world.owner_of(ID).get(&path(ID)).await;
    answer.is(200, json!({"token": token}));
    heal(&world, ID).await.is(
        200,
        json!({
            "healed": true, "token": token, "isNew": false, "health": health("ok", "ok"),
            "message": "Existing gateway token validated successfully",
        }),
    );
}

#[tokio::test]
async fn a_hundred_heals_at_once_make_one_token() {
    let world = World::start().await;
    for before in [Value::Null, json!({"instanceId": ID, "token": "malformed"})] {
        world.records.delete_token(ID).await;
        if !before.is_null() {
            world.records.put_token(&before).await;
        }
        let heals = (0..100).map(|_| heal(&world, ID));
        let answers = futures_util::future::join_all(heals).await;
        let bodies = || answers.iter().map(|answer| &answer.body);
        assert!(bodies().all(|body| body["healed"] == true), "{answers:?}");
        let new = bodies().filter(|body| body["isNew"] == true).count();
        assert_eq!(new, 1, "{before}");
        let tokens: BTreeSet<_> = bodies().map(|body| body["token"].to_string()).collect();
        let stored = world.records.token(ID).await["token"].to_string();
        assert_eq!(tokens, BTreeSet::from([stored]), "{before}");
    }
}

#[tokio::test]
async fn a_record_that_is_damaged_is_an_error_to_show_and_mended_by_healing() {
    let world = World::start().await;
    for token in [json!("short"), json!(7), json!("g".repeat(64))] {
        let record = json!({"instanceId": ID, "token": token, "unknown": "survives"});
        world.records.put_token(&record).await;
        let error = "The stored record is damaged. The platform's operator has to mend it.";
        let answer = world.owner_of(ID).get(&path(ID)).await;
        answer.is(500, json!({"error": error}));
        let healed = heal(&world, ID).await;
        assert_eq!(healed.body["isNew"], true, "{}", healed.body);
        let record = world.records.token(ID).await;
        assert_eq!(record["token"], healed.body["token"]);
        assert_eq!(record["unknown"], "survives");
    }
}

#[tokio::test]
async fn who_is_not_logged_in_is_healed_nothing() {
    let world = World::start().await;
    let answer = world.anonymous().post(HEAL).await;
    answer.is(401, json!({"error": "Unauthorized"}));
    let answer = world.stranger().post(HEAL).await;
    answer.is(404, json!({"error": "No agent deployed"}));
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_an_error_and_makes_no_token() {
    let world = World::start().await;
    world.records.lose_tokens().await;
    for _ in 0..2 {
        heal(&world, ID).await.is(
            500,
            json!({
                "healed": false, "message": "Internal error during token healing",
                "error": "Internal server error",
            }),
        );
    }
    let answer = world.owner_of(ID).get(&path(ID)).await;
    answer.is(500, json!({"error": "Internal server error"}));
    world.records.lose_instances().await;
    let answer = heal(&world, ID).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.body["healed"], false);
    world.records.lose_sessions().await;
    let answer = heal(&world, ID).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.body["healed"], false);
}

#[tokio::test]
async fn a_store_that_takes_no_token_is_told_with_the_gateways_health() {
    let world = World::start().await;
    // An item has a limit of 400 KB, so that no token has room beside this.
    let filler = "x".repeat(400 * 1024 - 40);
    let record = json!({"instanceId": ID, "filler": filler});
    world.records.put_token(&record).await;
    let failed = json!({
        "healed": false, "health": health("ok", "ok"),
        "message": "Failed to generate gateway token. Support has been alerted.",
    });
    heal(&world, ID).await.is(500, failed);
    assert_eq!(world.records.token(ID).await, record);
}

#[tokio::test]
async fn the_gateways_health_has_three_words() {
    let world = World::start().await;
    let refused = "No probe succeeded: request failed: connection refused";
    for (behaviour, expected) in [
        (Behaviour::Running, health("ok", "ok")),
        (
            Behaviour::Starting,
            health("degraded", "/api/status reports that the agent is starting"),
        ),
        (
            Behaviour::Setup,
            health("degraded", "The agent is not configured yet"),
        ),
        (
            Behaviour::Stopped,
            health(
                "down",
                "/api/status reports that the agent process is stopped",
            ),
        ),
        (Behaviour::Unreachable, health("down", refused)),
    ] {
        let agent = world.stack.simulated(ID).unwrap();
        agent.set(behaviour).unwrap();
        let answer = heal(&world, ID).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body["health"], expected, "{behaviour:?}");
    }
}
