//! The six controls of an instance, as the contract describes them.

use serde_json::json;
use tests::World;

use crate::support::controls::{
    BASELINE, ID, SERVICE, WAYS, control, operation, record_service, service, take_operation,
};

#[tokio::test]
async fn every_control_answers_in_the_words_of_the_spec() {
    let world = World::start().await;
    let answers = [
        ("start", json!({"success": true, "status": "starting"})),
        ("restart", json!({"success": true, "status": "restarting"})),
        ("repair", json!({"success": true, "status": "repaired"})),
        ("reset-memory", json!({"success": true, "status": "reset"})),
        (
            "update",
            json!({
                "success": true,
                "status": "updating",
                "image": "ghcr.io/openclaw/openclaw:2026.4.11",
                "openclawVersion": "2026.4.11",
            }),
        ),
        ("stop", json!({"success": true, "status": "stopped"})),
    ];
    for (name, body) in answers {
        let mut answer = control(&world, name).await;
        let id = take_operation(&mut answer);
        answer.is(200, body);
        let operation = operation(&world, &id).await;
        assert_eq!(operation.body["operationId"], json!(id));
        assert_eq!(operation.body["control"], name);
    }
}

#[tokio::test]
async fn controls_take_one_request_and_stop_and_restart_two() {
    for way in WAYS {
        let world = World::start().await;
        record_service(&world).await;
        let mut answer = way.order(&world.owner_of(ID), ID).await;
        take_operation(&mut answer);
        let requests: &[&str] = match way.control() {
            "start" => &["Start"],
            "stop" => &["ServiceState", "Stop"],
            "restart" | "reset-memory" => &["ServiceState", "Restart"],
            "repair" => &["Repair"],
            "update" => &["UpdateImage"],
            _ => &["FactoryReset"],
        };
        assert_eq!(world.railway().operations(), requests, "{way:?}");
    }
}

#[tokio::test]
async fn an_agent_without_a_service_on_record_is_looked_for_once() {
    let world = World::start().await;
    assert_eq!(
        world.records.instance(ID).await.get("runtimeServiceId"),
        None
    );
    control(&world, "start").await;
    assert_eq!(world.railway().operations(), ["Services", "Start"]);
    assert_eq!(
        world.records.instance(ID).await["runtimeServiceId"],
        SERVICE
    );
    world.railway().clear_log();
    control(&world, "start").await;
    assert_eq!(world.railway().operations(), ["Start"]);
}

#[tokio::test]
async fn a_service_on_record_is_never_replaced_by_what_is_found() {
    let world = World::start().await;
    let railway = world.railway();
    let other = railway.add_service("another-name", BASELINE, None);
    let body = json!({"ownerId": "owner-running", "runtimeServiceId": other});
    let path = format!("/api/openclaw/instances/{ID}");
    world.platform().put(&path, &body).await;
    take_operation(&mut control(&world, "start").await);
    assert_eq!(railway.service(&other).unwrap().deployments.len(), 2);
    assert_eq!(service(&world).deployments.len(), 1);
    let record = world.records.instance(ID).await;
    assert_eq!(record["runtimeServiceId"], json!(other));
}
