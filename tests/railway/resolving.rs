//! Locating the service of an agent.

use std::time::Duration;

use common::railway::{RailwayError, RailwaySettings, ResolveError, TokenType};
use local::railway::Fault;

use crate::world::{IMAGE, client, instance, simulator};

#[tokio::test]
async fn the_id_on_record_needs_no_request() {
    let simulator = simulator(10).await;
    let railway = client(simulator.settings(TokenType::Account));
    let service = railway
        .resolve(&instance("abc", Some("some-service")))
        .await
        .unwrap();
    assert_eq!(
        (service.id(), service.was_discovered()),
        ("some-service", false)
    );
    assert_eq!(simulator.log(), []);
}

#[tokio::test]
async fn a_blank_id_on_record_is_none() {
    let simulator = simulator(10).await;
    let id = simulator.add_service("abc", IMAGE, None);
    let railway = client(simulator.settings(TokenType::Account));
    let service = railway.resolve(&instance("abc", Some(" "))).await.unwrap();
    assert_eq!(
        (service.id(), service.was_discovered()),
        (id.as_str(), true)
    );
}

#[tokio::test]
async fn without_an_id_all_pages_are_searched_by_name() {
    let simulator = simulator(100).await;
    for name in ["a", "b", "c", "d", "agentbot-agent-abcd"] {
        simulator.add_service(name, IMAGE, None);
    }
    let id = simulator.add_service("agentbot-agent-abc", IMAGE, None);
    simulator.add_service("e", IMAGE, None);
    let railway = client(simulator.settings(TokenType::Account));
    let service = railway.resolve(&instance("abc", None)).await.unwrap();
    assert_eq!(
        (service.id(), service.was_discovered()),
        (id.as_str(), true)
    );
    assert_eq!(simulator.operations(), ["Services"; 3]);
}

#[tokio::test]
async fn a_better_candidate_on_a_later_page_wins() {
    let simulator = simulator(100).await;
    simulator.add_service("abc", IMAGE, None);
    for name in ["a", "b", "c", "d"] {
        simulator.add_service(name, IMAGE, None);
    }
    let best = simulator.add_service("agentbot-agent-abc", IMAGE, None);
    let railway = client(simulator.settings(TokenType::Account));
    let service = railway.resolve(&instance("abc", None)).await.unwrap();
    assert_eq!(service.id(), best);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_named_by_all_its_candidates() {
    let simulator = simulator(100).await;
    simulator.add_service("agentbot-agent-ABC", IMAGE, None);
    let railway = client(simulator.settings(TokenType::Account));
    let mut instance = instance("abc", None);
    instance.openclaw_url = Some("https://mine.up.railway.app".parse().unwrap());
    let error = railway.resolve(&instance).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Managed Railway service not found for mine, agentbot-agent-abc, abc"
    );
}

#[tokio::test]
async fn what_is_not_configured_is_named_also_with_an_id_on_record() {
    let full = simulator(1).await.settings(TokenType::Account);
    let rows = [
        (RailwaySettings::default(), "RAILWAY_API_KEY not configured"),
        (
            RailwaySettings {
                environment_id: None,
                ..full.clone()
            },
            "RAILWAY_ENVIRONMENT_ID not configured",
        ),
        (
            RailwaySettings {
                project_id: None,
                ..full
            },
            "RAILWAY_PROJECT_ID not configured",
        ),
    ];
    for (settings, sentence) in rows {
        let railway = client(settings);
        for service in [None, Some("some-service")] {
            let error = railway
                .resolve(&instance("abc", service))
                .await
                .unwrap_err();
            assert_eq!(error.to_string(), sentence);
        }
    }
}

#[tokio::test]
async fn a_listing_that_is_limited_says_how_long_to_wait() {
    let simulator = simulator(100).await;
    simulator.inject([Fault::RateLimited(Some(60))]);
    let railway = client(simulator.settings(TokenType::Account));
    let error = railway.resolve(&instance("abc", None)).await.unwrap_err();
    let wait = Some(Duration::from_secs(60));
    assert_eq!(
        error,
        ResolveError::Railway(RailwayError::RateLimited { retry_after: wait })
    );
    assert_eq!(error.retry_after(), wait);
    // A minute does not fit into a request: waiting is the caller's business.
    assert_eq!(simulator.operations(), ["Services"]);
}
