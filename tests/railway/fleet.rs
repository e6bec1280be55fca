//! All services at once: their listing, what they use, and their history.

use std::sync::Arc;
use std::time::Duration;

use common::clock::{Clock, SystemClock};
use common::railway::{
    DeploymentState, FleetService, LastExit, Lifecycle, Limits, Railway, RailwayError,
    ResolveError, TokenType,
};
use jiff::SignedDuration;
use local::railway::{Fault, Simulator};

use crate::world::{IMAGE, NEWER, STAGE, World, client, instance, limits, pinned, simulator};

/// A client that asks for as many services at once as a function does.
fn at_full_size(simulator: &Simulator) -> Railway {
    let limits = Limits {
        backoff: Duration::from_millis(5),
        ..Limits::default()
    };
    let settings = simulator.settings(TokenType::Account);
    Railway::new(settings, limits, Arc::new(SystemClock)).unwrap()
}

fn now() -> jiff::Timestamp {
    SystemClock.now()
}

#[tokio::test]
async fn twelve_hundred_services_are_listed_in_three_requests() {
    let simulator = simulator(100).await;
    for number in 0..1200 {
        simulator.add_service(&format!("agentbot-agent-{number}"), IMAGE, None);
    }
    let railway = at_full_size(&simulator);
    let fleet = railway.fleet().await.unwrap();
    assert_eq!(simulator.operations(), ["Fleet"; 3]);
    assert_eq!(fleet.services().len(), 1200);
    for number in [0, 499, 500, 1199] {
        let id = number.to_string();
        let by_name = fleet.service_of(&instance(&id, None)).unwrap();
        let on_record = format!("service-agentbot-agent-{number}");
        assert_eq!(by_name.id, on_record);
        let by_id = fleet.service_of(&instance("other", Some(&on_record)));
        assert_eq!(by_id, Some(by_name));
        let deployment = by_name.current().unwrap();
        assert_eq!(deployment.state, DeploymentState::Running);
        assert_eq!(deployment.image.as_ref().unwrap().as_str(), IMAGE);
    }
    // An id on record is final, as it is for controls.
    let gone = instance("1", Some("service-that-was-deleted"));
    assert_eq!(fleet.service_of(&gone), None);
    assert_eq!(fleet.service_of(&instance("1200", None)), None);

    simulator.clear_log();
    let metrics = railway.metrics(now()).await.unwrap();
    assert_eq!(simulator.operations(), ["Metrics"]);
    for service in fleet.services() {
        let usage = metrics.of(&service.id, service.current().unwrap().since());
        assert!(usage.is_some(), "{}", service.id);
    }
}

#[tokio::test]
async fn a_page_that_fails_for_a_moment_is_asked_again() {
    for fault in [
        Fault::RateLimited(None),
        Fault::Status(502),
        Fault::DropBefore,
        Fault::DropAfter,
    ] {
        let simulator = simulator(100).await;
        for name in ["a", "b", "c"] {
            simulator.add_service(name, IMAGE, None);
        }
        let railway = client(simulator.settings(TokenType::Account));
        simulator.inject_after("Fleet", 1, fault);
        let fleet = railway.fleet().await.unwrap();
        assert_eq!(fleet.services().len(), 3);
        assert_eq!(simulator.operations(), ["Fleet"; 3]);
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_had_fails_the_listing() {
    let rows = [
        (
            Fault::Errors("Problem processing request".to_owned()),
            RailwayError::Refused("Problem processing request".to_owned()),
        ),
        (
            Fault::Errors("Not Authorized".to_owned()),
            RailwayError::NotAuthorized(TokenType::Account),
        ),
        (
            Fault::RateLimited(Some(60)),
            RailwayError::RateLimited {
                retry_after: Some(Duration::from_secs(60)),
            },
        ),
    ];
    for (fault, error) in rows {
        let simulator = simulator(100).await;
        for name in ["a", "b", "c"] {
            simulator.add_service(name, IMAGE, None);
        }
        let railway = client(simulator.settings(TokenType::Account));
        simulator.inject_after("Fleet", 1, fault);
        let found = railway.fleet().await.unwrap_err();
        assert_eq!(found, ResolveError::Railway(error));
        assert_eq!(simulator.operations(), ["Fleet"; 2]);
    }
}

async fn listed(world: &World) -> FleetService {
    let fleet = world.railway.fleet().await.unwrap();
    let [service] = fleet.services() else {
        panic!("{fleet:?}")
    };
    service.clone()
}

/// The states of what was deployed last and of the container that is there.
fn states(service: &FleetService) -> [DeploymentState; 2] {
    let latest = service.latest.as_ref().unwrap();
    [latest.state, service.current().unwrap().state]
}

#[tokio::test]
async fn what_runs_counts_while_something_newer_is_on_its_way_or_failed() {
    let world = World::start().await;
    let before = listed(&world).await;
    assert_eq!(
        states(&before),
        [DeploymentState::Running, DeploymentState::Running]
    );
    world.simulator.fail_deployments(&world.service_id, true);
    let newer = pinned(NEWER);
    world
        .railway
        .update_image(&world.service, &newer)
        .await
        .unwrap();
    let deploying = listed(&world).await;
    assert!(deploying.is_deploying());
    assert_eq!(
        states(&deploying),
        [DeploymentState::Starting, DeploymentState::Running]
    );
    tokio::time::sleep(STAGE * 4).await;
    let failed = listed(&world).await;
    assert!(!failed.is_deploying());
    assert_eq!(
        states(&failed),
        [DeploymentState::Failed, DeploymentState::Running]
    );
    let container = failed.current().unwrap();
    assert_eq!(container.image.as_ref().unwrap().as_str(), IMAGE);
}

#[tokio::test]
async fn a_start_after_a_stop_is_on_its_way_and_not_stopped() {
    let world = World::start().await;
    world.railway.stop(&world.service).await.unwrap();
    tokio::time::sleep(STAGE * 2).await;
    assert_eq!(states(&listed(&world).await), [DeploymentState::Stopped; 2]);
    world.railway.start(&world.service).await.unwrap();
    assert_eq!(
        states(&listed(&world).await),
        [DeploymentState::Starting; 2]
    );
}

#[tokio::test]
async fn a_restart_is_told_from_a_deployment() {
    let world = World::start().await;
    assert!(!listed(&world).await.current().unwrap().is_restarting());
    world.railway.restart(&world.service).await.unwrap();
    let service = listed(&world).await;
    let container = service.current().unwrap();
    assert_eq!(container.state, DeploymentState::Starting);
    assert!(container.is_restarting());
}

#[tokio::test]
async fn what_does_not_run_is_not_measured() {
    let world = World::start().await;
    let since = listed(&world).await.current().unwrap().since();
    let metrics = world.railway.metrics(now()).await.unwrap();
    assert!(metrics.of(&world.service_id, since).is_some());
    assert!(metrics.of("another-service", since).is_none());
    world.simulator.set_status(&world.service_id, "CRASHED");
    let metrics = world.railway.metrics(now()).await.unwrap();
    assert!(metrics.of(&world.service_id, since).is_none());
}

#[tokio::test]
async fn traffic_counts_from_the_beginning_of_the_container() {
    let world = World::start().await;
    let metrics = world.railway.metrics(now()).await.unwrap();
    let of = |since| metrics.of(&world.service_id, since).unwrap();
    let later = of(now() + SignedDuration::from_hours(3));
    assert_eq!(later.received.decimal(), "0B");
    let service = listed(&world).await;
    assert_ne!(of(service.created_at).received.decimal(), "0B");
}

async fn lifecycle(world: &World) -> Option<Lifecycle> {
    let history = world.railway.history(now()).await.unwrap();
    history.of(&listed(world).await)
}

#[tokio::test]
async fn containers_that_took_the_place_of_others_are_restarts() {
    let world = World::start().await;
    let none = Lifecycle {
        restarts: 0,
        last_exit: None,
    };
    assert_eq!(lifecycle(&world).await, Some(none));
    world.railway.start(&world.service).await.unwrap();
    // Not before it is there.
    assert_eq!(lifecycle(&world).await, Some(none));
    tokio::time::sleep(STAGE * 5).await;
    let once = lifecycle(&world).await.unwrap();
    assert_eq!(once.restarts, 1);
    assert!(!once.last_exit.unwrap().crashed);
    world.simulator.set_status(&world.service_id, "CRASHED");
    let service = listed(&world).await;
    let exit = LastExit {
        at: Some(service.current().unwrap().since()),
        crashed: true,
    };
    assert_eq!(lifecycle(&world).await.unwrap().last_exit, Some(exit));
}

#[tokio::test]
async fn a_history_that_is_too_long_to_be_read_tells_nothing() {
    let simulator = simulator(100).await;
    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] {
        simulator.add_service(name, IMAGE, None);
    }
    let railway = client(simulator.settings(TokenType::Account));
    let service = railway.fleet().await.unwrap().services()[0].clone();
    simulator.clear_log();
    let history = railway.history(now()).await.unwrap();
    assert_eq!(history.of(&service), None);
    assert_eq!(simulator.operations(), ["History"; 4]);

    let whole = Railway::new(
        simulator.settings(TokenType::Account),
        Limits {
            page: 3,
            ..limits()
        },
        Arc::new(SystemClock),
    );
    let history = whole.unwrap().history(now()).await.unwrap();
    assert!(history.of(&service).is_some());
    // In a week all of them are too old to count, and the first page says so.
    simulator.clear_log();
    let later = now() + SignedDuration::from_hours(8 * 24);
    let history = railway.history(later).await.unwrap();
    assert!(history.of(&service).is_some());
    assert_eq!(simulator.operations(), ["History"]);
}
