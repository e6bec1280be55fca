//! Bringing agents from a file into the tables, and asking for them afterwards.

use std::collections::BTreeMap;

use common::aws::{Aws, Endpoint};
use common::clock::SystemClock;
use common::config::{INSTANCES_TABLE, TOKENS_TABLE};
use local::import::{ImportError, Imported, Importer};
use serde_json::{Value, json};
use tests::World;

async fn import(world: &World, lines: &str) -> Result<Imported, ImportError> {
    let environment = BTreeMap::from([
        (INSTANCES_TABLE, world.stack.tables.instances.clone()),
        (TOKENS_TABLE, world.stack.tables.tokens.clone()),
    ]);
    let aws = Aws::new(Endpoint::Local(world.stack.dynamodb.clone()));
    let importer = Importer::open(&environment, &aws).unwrap();
    importer.import(lines.as_bytes(), &SystemClock).await
}

fn full() -> Value {
    json!({
        "instanceId": "abc123",
        "ownerId": "user-1",
        "openclawUrl": "https://agentbot-agent-abc123-production.up.railway.app",
        "plan": "solo",
        "runtimeServiceId": "5e1f0c2a-0000-4000-8000-000000000001",
        "subscriptionStatus": "active",
        "provisionedAt": "2026-04-01T00:00:00Z",
        "metadata": {"from": "postgres"},
        "gatewayToken": "ab".repeat(32),
    })
}

#[tokio::test]
async fn an_imported_agent_is_known_like_a_registered_one() {
    let world = World::start().await;
    let lines = format!(
        "{}\n\n{}\n",
        full(),
        json!({"instanceId": "plain", "ownerId": "user-2"})
    );
    let imported = import(&world, &lines).await.unwrap();
    assert_eq!(
        imported,
        Imported {
            created: 2,
            tokens: 1,
            ..Imported::default()
        }
    );

    let answer = world
        .platform()
        .put(
            "/api/openclaw/instances/abc123",
            &json!({"ownerId": "user-1"}),
        )
        .await;
    let mut expected = full();
    expected.as_object_mut().unwrap().remove("gatewayToken");
    expected["provisionedAt"] = json!("2026-04-01T00:00:00.000Z");
    answer.is(200, expected);
    let token = world.records.token("abc123").await;
    assert_eq!(
        token,
        json!({"instanceId": "abc123", "token": "ab".repeat(32)})
    );
    assert_eq!(world.records.token("plain").await, Value::Null);
}

#[tokio::test]
async fn importing_again_changes_nothing() {
    let world = World::start().await;
    import(&world, &full().to_string()).await.unwrap();
    let before = world.records.instance("abc123").await;
    let imported = import(&world, &full().to_string()).await.unwrap();
    assert_eq!(
        imported,
        Imported {
            updated: 1,
            tokens: 1,
            ..Imported::default()
        }
    );
    assert_eq!(world.records.instance("abc123").await, before);
}

#[tokio::test]
async fn a_token_that_is_on_record_is_not_replaced() {
    let world = World::start().await;
    let stored = json!({"instanceId": "abc123", "token": "cd".repeat(32)});
    world.records.put_token(&stored).await;
    let imported = import(&world, &full().to_string()).await.unwrap();
    assert_eq!(
        imported,
        Imported {
            created: 1,
            other_token: vec!["abc123".parse().unwrap()],
            ..Imported::default()
        }
    );
    assert_eq!(world.records.token("abc123").await, stored);
}

#[tokio::test]
async fn one_bad_line_stops_all_and_every_bad_line_is_named() {
    let world = World::start().await;
    let instances = world.records.count_instances().await;
    let token = "zz".repeat(32);
    let lines = [
        full().to_string(),
        json!({"ownerId": "user-2"}).to_string(),
        "gatewayToken".to_owned(),
        full().to_string(),
        json!({"instanceId": "a", "ownerId": "u", "gatewayToken": token}).to_string(),
        json!({"instanceId": "b/c", "ownerId": "u"}).to_string(),
        json!({"instanceId": "d", "openclawUrl": "https://example.com", "color": 1}).to_string(),
        json!({"instanceId": 7}).to_string(),
    ];
    let error = import(&world, &lines.join("\n")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "nothing was imported:\n\
         line 2: instanceId is required\n\
         line 3: is not a JSON object\n\
         line 4: abc123 is in line 1 too\n\
         line 5: gatewayToken must be 64 hexadecimal characters\n\
         line 6: instanceId must be 1 to 64 letters, digits, hyphens or underscores\n\
         line 7: ownerId is required; openclawUrl is refused: host example.com is not one of \
         *.up.railway.app, *.railway.internal; \"color\" is no field; allowed are ownerId, openclawUrl, plan, \
         runtimeServiceId, subscriptionStatus, provisionedAt and metadata\n\
         line 8: instanceId must be a string"
    );
    assert_eq!(world.records.count_instances().await, instances);
}

#[tokio::test]
async fn a_store_that_is_gone_is_told_with_the_line_to_go_on_from() {
    let world = World::start().await;
    world.records.lose_tokens().await;
    let error = import(&world, &full().to_string()).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with(
            "line 1 could not be stored, nor were those after it; import again: UpdateItem failed: "
        ),
        "{text}"
    );
    assert!(!text.contains(&"ab".repeat(32)));
}
