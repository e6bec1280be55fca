//! The simulator, where a mistake of it would hide one of the client.

use std::sync::Arc;
use std::time::Duration;

use common::clock::SystemClock;
use common::model::OpenclawVersion;
use common::railway::TokenType;
use local::agents::{Agent, Behaviour};
use local::railway::{ACCOUNT_KEY, ENVIRONMENT_ID, PROJECT_ID};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::world::{IMAGE, NEWER, World, client, instance, pinned, simulator};

/// Posts as a stranger to the client would.
async fn post(url: &str, query: &str, variables: Value) -> (u16, Value) {
    let response = common::client::builder()
        .build()
        .unwrap()
        .post(url)
        .bearer_auth(ACCOUNT_KEY)
        .json(&json!({"query": query, "variables": variables}))
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap())
}

/// Waits until an agent behaves so.
async fn until(agent: &Agent, behaviour: Behaviour) {
    let waiting = async {
        while agent.behaviour() != behaviour {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(5), waiting).await.unwrap();
}

#[tokio::test]
async fn controls_move_the_agent_itself() {
    let simulator = simulator(1000).await;
    let clock = Arc::new(SystemClock);
    let agent = Agent::start(Behaviour::Running, OpenclawVersion::BASELINE, clock).unwrap();
    let agent = Arc::new(agent);
    let id = simulator.add_service("abc", IMAGE, Some(agent.clone()));
    let railway = client(simulator.settings(TokenType::Account));
    let service = railway.resolve(&instance("abc", Some(&id))).await.unwrap();

    railway.stop(&service).await.unwrap();
    assert_eq!(agent.behaviour(), Behaviour::Unreachable);
    railway.start(&service).await.unwrap();
    until(&agent, Behaviour::Starting).await;
    until(&agent, Behaviour::Running).await;
    railway.restart(&service).await.unwrap();
    assert_eq!(agent.behaviour(), Behaviour::Unreachable);
    until(&agent, Behaviour::Running).await;
    railway
        .update_image(&service, &pinned(NEWER))
        .await
        .unwrap();
    until(&agent, Behaviour::Unreachable).await;
    until(&agent, Behaviour::Running).await;
    let status = common::client::builder()
        .build()
        .unwrap()
        .get(format!("{}/api/status", agent.url()))
        .send()
        .await
        .unwrap()
        .json::<Value>()
        .await
        .unwrap();
    assert_eq!(status.get("version"), Some(&json!("2026.4.12")));
}

#[tokio::test]
async fn without_skip_deploys_variables_deploy_by_themselves() {
    let world = World::start().await;
    let query = "mutation Set($input: VariableCollectionUpsertInput!) {
        variableCollectionUpsert(input: $input)
    }";
    let mut input = json!({
        "projectId": PROJECT_ID,
        "environmentId": ENVIRONMENT_ID,
        "serviceId": world.service_id,
        "variables": {"A": "1"},
    });
    let answer = post(&world.simulator.url, query, json!({"input": input})).await;
    let done = json!({"data": {"variableCollectionUpsert": true}});
    assert_eq!(answer, (200, done.clone()));
    assert_eq!(world.view().deployments.len(), 2);

    input["skipDeploys"] = json!(true);
    input["replace"] = json!(true);
    input["variables"] = json!({"B": "2"});
    let answer = post(&world.simulator.url, query, json!({"input": input})).await;
    assert_eq!(answer, (200, done));
    let view = world.view();
    assert_eq!(view.deployments.len(), 2);
    assert_eq!(view.variables.keys().collect::<Vec<_>>(), ["B"]);
}

#[tokio::test]
async fn documents_that_do_not_fit_the_schema_are_refused_with_400() {
    let world = World::start().await;
    for (query, variables) in [
        ("mutation { serviceInstanceRestart(id: \"x\") }", json!({})),
        ("query { nonsense", json!({})),
        (
            "mutation A($id: String!) { deploymentStop(id: $id) }",
            json!({}),
        ),
        (
            "mutation A($id: String!) { deploymentStop(id: $id) }",
            json!({"id": 1}),
        ),
    ] {
        let (status, answer) = post(&world.simulator.url, query, variables).await;
        assert_eq!(status, 400, "{query}: {answer}");
        assert!(answer.get("data").is_none(), "{answer}");
    }
    assert_eq!(world.statuses(), ["SUCCESS"]);
}

#[tokio::test]
async fn the_fields_of_a_mutation_stop_at_the_first_failure() {
    let world = World::start().await;
    let query = "mutation A($service: String!, $environment: String!) {
        deploymentStop(id: \"nothing\")
        serviceInstanceDeployV2(serviceId: $service, environmentId: $environment)
    }";
    let variables = json!({"service": world.service_id, "environment": ENVIRONMENT_ID});
    let (status, answer) = post(&world.simulator.url, query, variables).await;
    assert_eq!((status, answer.get("data")), (200, Some(&Value::Null)));
    assert_eq!(world.statuses(), ["SUCCESS"]);
}

#[tokio::test]
async fn requests_beyond_the_limit_are_turned_away() {
    let simulator = simulator(2).await;
    let id = simulator.add_service("abc", IMAGE, None);
    let railway = client(simulator.settings(TokenType::Account));
    let service = railway.resolve(&instance("abc", Some(&id))).await.unwrap();
    railway.latest(&service).await.unwrap();
    railway.latest(&service).await.unwrap();
    let error = railway.latest(&service).await.unwrap_err();
    let wait = error.retry_after().unwrap();
    assert!(wait > Duration::from_secs(3500), "{wait:?}");
}

#[tokio::test]
async fn who_does_not_name_its_client_is_refused_by_the_edge() {
    let simulator = simulator(2).await;
    let url: url::Url = simulator.url.parse().unwrap();
    let address = url.socket_addrs(|| None).unwrap();
    let answer = tokio::task::spawn_blocking(move || {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(&*address).unwrap();
        stream
            .write_all(b"POST /graphql/v2 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    })
    .await
    .unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(answer.ends_with("error code: 1010"), "{answer}");
}
