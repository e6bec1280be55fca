//! The six controls of an instance, as the spec describes them.

use std::collections::BTreeMap;
use std::time::Duration;

use common::config::{AGENT_VARIABLES, OPENCLAW_IMAGE};
use common::store::Tokens;
use serde_json::{Value, json};
use tests::World;
use tokio::time::sleep;

use crate::support::controls::{
    BASELINE, ID, NEWER, SERVICE, WAYS, Way, control, operation, record_service, service, settled,
    status, succeed, take_operation,
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

#[tokio::test]
async fn a_stopped_agent_is_unreachable_and_a_started_one_comes_up_in_stages() {
    let builder = World::ticking().stage(Duration::from_millis(300));
    let world = builder.start().await;
    assert_eq!(status(&world).await, "running");
    succeed(&world, "stop").await;
    assert_eq!(status(&world).await, "unreachable");
    let stopped = service(&world).deployments;
    assert_eq!((stopped.len(), stopped[0].stopped), (1, true));

    let id = take_operation(&mut control(&world, "start").await);
    let mut seen: Vec<Value> = Vec::new();
    while seen.last() != Some(&json!("running")) {
        let now = status(&world).await;
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        assert!(seen.len() < 5, "{seen:?}");
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(seen, ["unreachable", "starting", "running"]);
    let started = settled(&world.owner_of(ID), ID, &id).await;
    assert_eq!(started.body["status"], "succeeded");
    assert_eq!(service(&world).deployments.len(), 2);
}

#[tokio::test]
async fn a_restart_deploys_where_nothing_runs() {
    // Never deployed, and stopped in the middle of a deployment.
    let world = World::start().await;
    let railway = world.railway();
    let fresh = railway.add_undeployed_service("agentbot-agent-fresh", BASELINE);
    let owner = world.deploy("fresh", "owner-fresh", "http://127.0.0.1:18789");
    let path = "/api/instance/fresh/restart";
    let mut answer = owner.await.post(path).await;
    take_operation(&mut answer);
    answer.is(200, json!({"success": true, "status": "restarting"}));
    assert_eq!(railway.service(&fresh).unwrap().deployments.len(), 1);

    for name in ["start", "stop", "restart"] {
        take_operation(&mut control(&world, name).await);
    }
    let deployments = service(&world).deployments;
    let stopped: Vec<_> = deployments.iter().map(|it| it.stopped).collect();
    assert_eq!(stopped, [true, false, false]);
    assert_eq!(deployments[1].status, "REMOVED");
}

#[tokio::test]
async fn an_updated_agent_reports_the_new_version() {
    let builder = World::with(OPENCLAW_IMAGE, NEWER).ticking();
    let world = builder.start().await;
    let path = format!("/api/instance/{ID}");
    let owner = world.owner_of(ID);
    assert_eq!(owner.get(&path).await.body["openclawVersion"], "2026.4.11");

    let mut answer = control(&world, "update").await;
    let id = take_operation(&mut answer);
    answer.is(
        200,
        json!({
            "success": true, "status": "updating", "image": NEWER, "openclawVersion": "2026.5.1",
        }),
    );
    let updated = settled(&owner, ID, &id).await;
    assert_eq!(updated.body["status"], "succeeded");
    assert_eq!(updated.body["image"], NEWER);

    assert_eq!(owner.get(&path).await.body["openclawVersion"], "2026.5.1");
    let record = world.records.instance(ID).await;
    assert_eq!(record["image"], NEWER);
    assert_eq!(record["openclawVersion"], "2026.5.1");
    let service = service(&world);
    assert_eq!(service.image, NEWER);
    let images: Vec<_> = service.deployments.iter().map(|it| &it.image).collect();
    assert_eq!(images, [BASELINE, NEWER]);
}

#[tokio::test]
async fn a_floating_image_is_pinned_to_the_baseline() {
    for floating in [
        "ghcr.io/openclaw/openclaw:latest",
        "ghcr.io/openclaw/openclaw",
    ] {
        let world = World::with(OPENCLAW_IMAGE, floating).start().await;
        let mut answer = control(&world, "update").await;
        take_operation(&mut answer);
        answer.is(
            200,
            json!({
                "success": true,
                "status": "updating",
                "image": BASELINE,
                "openclawVersion": "2026.4.11",
            }),
        );
        assert_eq!(service(&world).image, BASELINE);
        assert_eq!(world.records.instance(ID).await["image"], BASELINE);
    }
}

#[tokio::test]
async fn an_image_whose_tag_names_no_release_is_deployed_and_shown_as_it_is() {
    let image = "registry.example:5000/acme/agent:sha-1a2b3c4";
    let world = World::with(OPENCLAW_IMAGE, image).start().await;
    let mut answer = control(&world, "update").await;
    take_operation(&mut answer);
    answer.is(
        200,
        json!({
            "success": true,
            "status": "updating",
            "image": image,
            "openclawVersion": "sha-1a2b3c4",
        }),
    );
    assert_eq!(service(&world).image, image);
    let record = world.records.instance(ID).await;
    assert_eq!(record["openclawVersion"], "sha-1a2b3c4");
}

#[tokio::test]
async fn an_image_with_a_shortened_number_stops_the_start() {
    let image = "ghcr.io/openclaw/openclaw:2026.5";
    let result = World::with(OPENCLAW_IMAGE, image).try_start().await;
    let refused = "OPENCLAW_IMAGE has a shortened version for its tag, which moves with every \
                   release; name one release such as 2026.4.11, or a digest";
    let error = result.err().map(|error| error.to_string()).unwrap();
    assert!(error.contains(refused), "{error}");
}

#[tokio::test]
async fn an_update_that_railway_refuses_leaves_the_record_as_it_is() {
    let world = World::with(OPENCLAW_IMAGE, NEWER).start().await;
    let refused = local::railway::Fault::Errors("Problem processing request".to_owned());
    world.railway().inject_into("UpdateImage", [refused]);
    let answer = control(&world, "update").await;
    let error = "Railway refused: Problem processing request";
    answer.is(500, json!({"success": false, "error": error}));
    assert_eq!(world.records.instance(ID).await.get("image"), None);
}

/// The variables of an agent whose own token is this.
fn variables(token: &Value) -> BTreeMap<String, String> {
    let pairs = [
        ("PORT", "18789"),
        ("AI_KEY", "of-the-platform"),
        ("OWNERS_OWN", "untouched"),
        ("LIVE", "not blanked"),
        ("OPENCLAW_GATEWAY_TOKEN", token.as_str().expect("a token")),
    ];
    let owned = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    BTreeMap::from(owned)
}

/// A world whose agent has variables of its own and lacks the platform's, and of
/// which no token is stored.
async fn broken_variables() -> World {
    let of_platform = r#"{"AI_KEY": "of-the-platform", "LIVE": " "}"#;
    let builder = World::with(AGENT_VARIABLES, of_platform);
    let world = builder.with(OPENCLAW_IMAGE, NEWER).start().await;
    world.railway().edit_variables(SERVICE, |variables| {
        variables.remove("OPENCLAW_GATEWAY_TOKEN");
        variables.insert("OWNERS_OWN".to_owned(), "untouched".to_owned());
        variables.insert("LIVE".to_owned(), "not blanked".to_owned());
        variables.insert("PORT".to_owned(), "wrong".to_owned());
    });
    world.records.delete_token(ID).await;
    world
}

#[tokio::test]
async fn a_repair_makes_a_token_brings_variables_back_and_deploys_once() {
    let world = broken_variables().await;
    assert_eq!(world.records.token(ID).await, Value::Null);
    take_operation(&mut control(&world, "repair").await);
    let token = world.records.token(ID).await["token"].clone();
    let hex = token.as_str().unwrap();
    assert!(hex.len() == 64 && hex.bytes().all(|it| it.is_ascii_hexdigit()));
    let repaired = service(&world);
    assert_eq!(repaired.variables, variables(&token));
    assert_eq!(repaired.deployments.len(), 2);
    assert_eq!(repaired.deployments[1].variables, variables(&token));
    assert_eq!(repaired.image, BASELINE);

    world.railway().edit_variables(SERVICE, |variables| {
        variables.remove("OPENCLAW_GATEWAY_TOKEN");
        variables.remove("AI_KEY");
    });
    take_operation(&mut control(&world, "repair").await);
    assert_eq!(world.records.token(ID).await["token"], token);
    let repaired = service(&world);
    assert_eq!(repaired.variables, variables(&token));
    assert_eq!(repaired.deployments.len(), 3);
}

#[tokio::test]
async fn a_repair_uses_the_token_on_record() {
    let world = broken_variables().await;
    let token = json!("ab".repeat(32));
    let record = json!({"instanceId": ID, "token": token});
    world.records.put_token(&record).await;
    take_operation(&mut control(&world, "repair").await);
    assert_eq!(service(&world).variables, variables(&token));
    assert_eq!(world.records.token(ID).await, record);
}

#[tokio::test]
async fn a_damaged_token_is_an_error_and_not_replaced() {
    let world = broken_variables().await;
    let record = json!({"instanceId": ID, "token": "short"});
    world.records.put_token(&record).await;
    let error = "The stored record is damaged. The platform's operator has to mend it.";
    let answer = control(&world, "repair").await;
    answer.is(500, json!({"success": false, "error": error}));
    assert_eq!(world.records.token(ID).await, record);
    assert_eq!(service(&world).deployments.len(), 1);
}

#[tokio::test]
async fn concurrent_repairs_never_make_two_tokens() {
    let world = broken_variables().await;
    let repairs = (0..20).map(|_| control(&world, "repair"));
    let answers = futures_util::future::join_all(repairs).await;
    let done = answers.iter().filter(|it| it.status == 200).count();
    assert!(done >= 1);
    let token = world.records.token(ID).await["token"].clone();
    let deployments = service(&world).deployments;
    assert_eq!(deployments.len(), 1 + done);
    for deployment in &deployments[1..] {
        assert_eq!(deployment.variables, variables(&token));
    }
}

#[tokio::test]
async fn whoever_makes_a_token_at_the_same_time_gets_the_same_one() {
    let world = World::start().await;
    let table = world.stack.tables.tokens.clone();
    let tokens = Tokens::new(world.stack.connection.clone(), table);
    let id = "twenty".parse().unwrap();
    let made = (0..20).map(|number: u8| {
        let new = common::model::GatewayToken::from_random([number; 32]);
        tokens.get_or_store(&id, new)
    });
    let made = futures_util::future::join_all(made).await;
    let stored = world.records.token("twenty").await["token"].clone();
    for token in made {
        assert_eq!(stored, token.unwrap().reveal());
    }
}

#[tokio::test]
async fn a_factory_reset_writes_variables_and_image_and_deploys_once() {
    let world = broken_variables().await;
    let way = Way::Maintenance("factory-reset", r#"{"action": "factory-reset"}"#);
    take_operation(&mut way.order(&world.owner_of(ID), ID).await);
    let token = world.records.token(ID).await["token"].clone();
    let reset = service(&world);
    assert_eq!(reset.variables, variables(&token));
    assert_eq!(reset.deployments.len(), 2);
    assert_eq!(reset.deployments[1].variables, variables(&token));
    assert_eq!(reset.deployments[1].image, NEWER);
    let record = world.records.instance(ID).await;
    assert_eq!(record["image"], NEWER);
    assert_eq!(record["openclawVersion"], "2026.5.1");
}
