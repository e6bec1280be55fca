//! What brings an agent's token and variables back: `POST /api/instance/{userId}/repair`,
//! and a factory reset.

use std::collections::BTreeMap;

use common::config::{AGENT_VARIABLES, OPENCLAW_IMAGE};
use common::store::Tokens;
use serde_json::{Value, json};
use tests::World;

use crate::support::controls::{
    BASELINE, ID, NEWER, SERVICE, Way, control, service, take_operation,
};

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
