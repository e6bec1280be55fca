//! What the environment lacks of Railway's variables, and keys that do not fit.

use std::sync::Arc;
use std::time::Duration;

use common::clock::SystemClock;
use common::config::{
    RAILWAY_API_KEY, RAILWAY_API_URL, RAILWAY_ENVIRONMENT_ID, RAILWAY_PROJECT_ID,
    RAILWAY_TOKEN_TYPE,
};
use local::railway::{ACCOUNT_KEY, ENVIRONMENT_ID, Options, PROJECT_ID, PROJECT_KEY, Simulator};
use serde_json::json;
use tests::{Builder, World};

use crate::support::controls::{BASELINE, ID, SERVICE, WAYS, assert_no_lease, record_service};

/// A world with Railway's variables of its own instead of the simulated ones:
/// the key must be among them.
fn railway_of(variables: &[(&'static str, &str)]) -> Builder {
    // Nothing listens there.
    let builder = World::with(RAILWAY_API_URL, "http://127.0.0.1:9/graphql/v2");
    variables
        .iter()
        .fold(builder, |builder, (name, value)| builder.with(name, *value))
}

/// A Railway with the service of the running agent.
async fn simulator() -> Simulator {
    let simulator = Simulator::start(Options {
        clock: Arc::new(SystemClock),
        stage: Duration::from_millis(50),
        hourly: 10_000,
    });
    let simulator = simulator.await.unwrap();
    simulator.add_service("agentbot-agent-demo-running", BASELINE, None);
    simulator
}

/// A world that reaches a Railway with this key.
async fn world_with_key(simulator: &Simulator, key: &str, token_type: &str) -> World {
    let builder = railway_of(&[
        (RAILWAY_API_URL, &simulator.url),
        (RAILWAY_API_KEY, key),
        (RAILWAY_TOKEN_TYPE, token_type),
        (RAILWAY_ENVIRONMENT_ID, ENVIRONMENT_ID),
        (RAILWAY_PROJECT_ID, PROJECT_ID),
    ]);
    builder.start().await
}

#[tokio::test]
async fn what_is_not_configured_is_named_with_and_without_a_service_on_record() {
    let key = (RAILWAY_API_KEY, "some-key");
    let no_key = (RAILWAY_API_KEY, "");
    let environment = (RAILWAY_ENVIRONMENT_ID, "some-environment");
    let no_environment = (RAILWAY_ENVIRONMENT_ID, "");
    let project = (RAILWAY_PROJECT_ID, "some-project");
    let rows = [
        (vec![no_key], "RAILWAY_API_KEY not configured"),
        (
            vec![no_key, environment, project],
            "RAILWAY_API_KEY not configured",
        ),
        (vec![key, project], "RAILWAY_ENVIRONMENT_ID not configured"),
        (
            vec![key, no_environment, project],
            "RAILWAY_ENVIRONMENT_ID not configured",
        ),
        (vec![key, environment], "RAILWAY_PROJECT_ID not configured"),
    ];
    for (variables, error) in rows {
        let world = railway_of(&variables).start().await;
        for recorded in [false, true] {
            if recorded {
                record_service(&world).await;
            }
            for way in WAYS {
                let answer = way.order(&world.owner_of(ID), ID).await;
                answer.is(503, way.error(error));
            }
        }
        assert_no_lease(&world).await;
    }
}

#[tokio::test]
async fn a_key_that_does_not_fit_is_said_so_and_never_shown() {
    let simulator = simulator().await;
    for (key, token_type) in [
        ("a-key-that-nobody-may-see", "account"),
        ("a-key-that-nobody-may-see", "project"),
        (PROJECT_KEY, "account"),
        (ACCOUNT_KEY, "project"),
    ] {
        let world = world_with_key(&simulator, key, token_type).await;
        let refused = format!(
            "Railway refused the key: RAILWAY_API_KEY may be wrong, or RAILWAY_TOKEN_TYPE, which \
             is {token_type}, may not fit it"
        );
        let of_memory =
            format!("The agent's memory was deleted, but it was not restarted: {refused}");
        // Without a service on record the listing fails, so that the service is
        // not located; with one, the operation fails.
        for (recorded, status) in [(false, 503), (true, 500)] {
            if recorded {
                record_service(&world).await;
            }
            for way in WAYS {
                let answer = way.order(&world.owner_of(ID), ID).await;
                let error = match (way.control(), recorded) {
                    ("reset-memory", true) => &of_memory,
                    _ => &refused,
                };
                answer.is(status, way.error(error));
            }
        }
        let records = world.records.operations(ID, "").await;
        assert!(!json!(records).to_string().contains(key));
        assert_no_lease(&world).await;
    }
    assert_eq!(simulator.service(SERVICE).unwrap().deployments.len(), 1);
}

#[tokio::test]
async fn a_key_of_either_type_works_in_its_own_header() {
    let simulator = simulator().await;
    for (key, token_type) in [(ACCOUNT_KEY, "account"), (PROJECT_KEY, "project")] {
        let world = world_with_key(&simulator, key, token_type).await;
        for way in WAYS {
            let answer = way.order(&world.owner_of(ID), ID).await;
            assert_eq!(answer.status, 200, "{token_type}: {}", answer.body);
        }
    }
}
