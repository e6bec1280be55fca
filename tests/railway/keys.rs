//! Keys, their headers, and where they must not appear.

use common::railway::{OperationError, RailwayError, RailwaySettings, ResolveError, TokenType};
use local::railway::{ACCOUNT_KEY, Fault, PROJECT_KEY};

use crate::world::{IMAGE, World, client, instance, simulator};

#[tokio::test]
async fn each_kind_of_key_travels_in_its_own_header() {
    let simulator = simulator(100).await;
    let id = simulator.add_service("abc", IMAGE, None);
    for token_type in [TokenType::Account, TokenType::Project] {
        let railway = client(simulator.settings(token_type));
        let service = railway.resolve(&instance("abc", None)).await.unwrap();
        assert_eq!(service.id(), id);
    }
}

#[tokio::test]
async fn a_key_of_the_other_kind_is_refused_with_the_variables_to_look_at() {
    let simulator = simulator(100).await;
    let rows = [
        (
            PROJECT_KEY,
            TokenType::Account,
            "Railway refused the key: RAILWAY_API_KEY may be wrong, or RAILWAY_TOKEN_TYPE, \
             which is account, may not fit it",
        ),
        (
            ACCOUNT_KEY,
            TokenType::Project,
            "Railway refused the key: RAILWAY_API_KEY may be wrong, or RAILWAY_TOKEN_TYPE, \
             which is project, may not fit it",
        ),
    ];
    for (key, token_type, sentence) in rows {
        simulator.clear_log();
        let railway = client(RailwaySettings {
            key: key.parse().ok(),
            ..simulator.settings(token_type)
        });
        let unresolved = railway.resolve(&instance("abc", None)).await.unwrap_err();
        assert!(matches!(unresolved, ResolveError::Railway(_)));
        assert_eq!(unresolved.to_string(), sentence);

        let service = railway.resolve(&instance("abc", Some("x"))).await.unwrap();
        let failed = railway.start(&service).await.unwrap_err();
        assert_eq!(
            failed,
            OperationError(RailwayError::NotAuthorized(token_type))
        );
        assert_eq!(failed.to_string(), sentence);
        // A refusal is never repeated.
        assert_eq!(simulator.operations(), ["Services", "Start"]);
    }
}

#[tokio::test]
async fn the_key_is_in_no_text() {
    let world = World::start().await;
    let quoted = format!("Problem with {ACCOUNT_KEY} of you");
    world.simulator.inject([Fault::Errors(quoted)]);
    let error = world.railway.start(&world.service).await.unwrap_err();
    assert_eq!(error.to_string(), "Railway refused: Problem with … of you");
    for text in [
        format!("{error:?}"),
        format!("{:?}", world.railway),
        format!("{:?}", world.service),
        format!("{:?}", world.simulator.settings(TokenType::Account)),
    ] {
        assert!(!text.contains(ACCOUNT_KEY), "{text}");
    }
}

#[tokio::test]
async fn every_request_names_its_client_and_its_source() {
    let world = World::start().await;
    world.railway.latest(&world.service).await.unwrap();
    let log = world.simulator.log();
    let seen = log.first().unwrap();
    assert_eq!(seen.query.as_deref(), Some("source=openclaw-maintenance"));
    assert_eq!(seen.user_agent, common::client::USER_AGENT);
}
