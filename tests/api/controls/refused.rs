//! Every row of the contract's tables of errors, for all ways of having something
//! done: whole bodies, and nothing done behind them.

use common::config::{ENABLE_CONTROLS, PUBLIC_ENABLE_CONTROLS};
use local::railway::Fault;
use serde_json::json;
use tests::World;

use crate::support::controls::{
    ID, WAYS, Way, assert_no_lease, assert_nothing_done, record_service,
};

const DISABLED: &str = "Managed runtime controls are temporarily disabled until the Railway \
                        control path is fully verified.";

/// The ways whose path names the instance.
fn lifecycle() -> impl Iterator<Item = Way> {
    let by_path = |way: &Way| matches!(way, Way::Lifecycle(_));
    WAYS.into_iter().filter(by_path)
}

#[tokio::test]
async fn either_variable_switches_controls_off_before_anything_is_looked_at() {
    for variable in [ENABLE_CONTROLS, PUBLIC_ENABLE_CONTROLS] {
        let world = World::with(variable, "false").start().await;
        // Whoever looks at a session or an instance now fails.
        world.records.lose_sessions().await;
        world.records.lose_instances().await;
        for way in WAYS {
            for caller in [world.owner_of(ID), world.stranger(), world.anonymous()] {
                for id in [ID, "nobody", "bad.id"] {
                    let answer = way.order(&caller, id).await;
                    answer.is(503, way.error(DISABLED));
                }
            }
            let caller = world.owner_of(ID).with("idempotency-key", "");
            let answer = way.order(&caller, ID).await;
            answer.is(503, way.error(DISABLED));
        }
        let bad_body = Way::Maintenance("restart", "{");
        let answer = bad_body.order(&world.owner_of(ID), ID).await;
        answer.is(503, bad_body.error(DISABLED));
        assert_nothing_done(&world, ID, variable).await;
    }
}

#[tokio::test]
async fn operations_are_shown_while_controls_are_off() {
    let world = World::with(ENABLE_CONTROLS, "false").start().await;
    let path = format!("/api/instance/{ID}/operations");
    let answer = world.owner_of(ID).get(&path).await;
    answer.is(200, json!({"operations": [], "nextCursor": null}));
}

#[tokio::test]
async fn nobody_is_unauthorized() {
    let world = World::start().await;
    let unknown = world.anonymous().with("cookie", "agentbot-session=unknown");
    for way in WAYS {
        for caller in [&world.anonymous(), &unknown, &world.platform()] {
            for id in [ID, "bad.id"] {
                let answer = way.order(caller, id).await;
                answer.is(401, way.error("Unauthorized"));
            }
        }
    }
    assert_nothing_done(&world, ID, "nobody").await;
}

#[tokio::test]
async fn an_instance_of_somebody_else_is_forbidden_and_so_is_one_that_is_not_there() {
    let world = World::start().await;
    for way in lifecycle() {
        for caller in [world.stranger(), world.owner_of("demo-legacy")] {
            for id in [ID, "nobody"] {
                let answer = way.order(&caller, id).await;
                answer.is(403, way.error("Forbidden"));
            }
        }
    }
    assert_nothing_done(&world, ID, "strangers").await;
}

#[tokio::test]
async fn an_id_with_other_characters_is_refused() {
    let world = World::start().await;
    let error = "userId must be 1 to 64 letters, digits, hyphens or underscores";
    for way in lifecycle() {
        for id in ["bad.id", "demo%2Drunning%00", "demo-running%2F", "%C3%BC"] {
            let answer = way.order(&world.owner_of(ID), id).await;
            answer.is(400, way.error(error));
        }
    }
    assert_nothing_done(&world, ID, "bad ids").await;
}

#[tokio::test]
async fn an_idempotency_key_that_is_none_is_refused() {
    let world = World::start().await;
    let error = "Idempotency-Key must be 1 to 255 printable ASCII characters";
    let too_long = "x".repeat(256);
    for way in WAYS {
        for key in ["", "a\tb", "schlüssel", &too_long] {
            let caller = world.owner_of(ID).with("idempotency-key", key);
            let answer = way.order(&caller, ID).await;
            answer.is(400, way.error(error));
        }
    }
    assert_nothing_done(&world, ID, "bad keys").await;
}

#[tokio::test]
async fn a_service_that_is_not_there_is_named_by_its_candidates() {
    let world = World::start().await;
    for (id, url, candidates) in [
        (
            "ghost",
            "http://127.0.0.1:18789",
            "agentbot-agent-ghost, ghost",
        ),
        (
            "spirit",
            "https://mine.up.railway.app",
            "mine, agentbot-agent-spirit, spirit",
        ),
    ] {
        let owner = world.deploy(id, &format!("owner-{id}"), url).await;
        for way in WAYS {
            let answer = way.order(&owner, id).await;
            let error = format!("Managed Railway service not found for {candidates}");
            answer.is(503, way.error(&error));
        }
        let record = world.records.instance(id).await;
        assert_eq!(record.get("runtimeServiceId"), None);
        let record = &world.records.operations(id, "op#").await[0];
        assert_eq!(
            (&record["state"], &record["failure"]),
            (&json!("failed"), &json!("not-located"))
        );
    }
    assert_eq!(world.railway().operations(), ["Services"; 16]);
}

#[tokio::test]
async fn a_control_that_railway_refuses_is_a_500_in_railways_words() {
    for way in WAYS {
        let world = World::start().await;
        record_service(&world).await;
        let refused = Fault::Errors("Problem processing request".to_owned());
        let mutation = match way.control() {
            "start" => "Start",
            "stop" => "Stop",
            "restart" | "reset-memory" => "Restart",
            "repair" => "Repair",
            "update" => "UpdateImage",
            _ => "FactoryReset",
        };
        world.railway().inject_into(mutation, [refused]);
        let answer = way.order(&world.owner_of(ID), ID).await;
        let error = match way.control() {
            "reset-memory" => {
                "The agent's memory was deleted, but it was not restarted: Railway refused: \
                 Problem processing request"
            }
            _ => "Railway refused: Problem processing request",
        };
        answer.is(500, way.error(error));
        assert_no_lease(&world).await;
        let record = &world.records.operations(ID, "op#").await[0];
        let outcome = [&record["state"], &record["failure"], &record["reason"]];
        assert_eq!(outcome, ["failed", "not-done", error]);
        assert!(record["finishedAt"].is_string());
        // And the next one works.
        let answer = way.order(&world.owner_of(ID), ID).await;
        assert_eq!(answer.status, 200, "{way:?}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_store_that_fails_is_a_500_without_its_reasons() {
    for way in WAYS {
        let world = World::start().await;
        world.records.lose_operations().await;
        let answer = way.order(&world.owner_of(ID), ID).await;
        answer.is(500, way.error("Internal server error"));
        assert_eq!(world.railway().operations(), Vec::<String>::new());
    }
}
