//! What happens when Railway fails: what is repeated, and what never is.

use std::sync::Arc;
use std::time::Duration;

use common::clock::Clock;
use common::railway::{OperationError, Railway, RailwayError, TokenType, Variables};
use jiff::{SignedDuration, Timestamp};
use local::railway::Fault;

use crate::world::{NEWER, World, limits, pinned};

/// Faults of a write whose answer is lost although it took effect.
fn lost_after_effect() -> [Fault; 2] {
    [Fault::DropAfter, Fault::Slow(limits().attempt * 2)]
}

/// Faults of a write that never arrived, as far as its sender can tell.
fn lost_before_effect() -> [Fault; 3] {
    [Fault::DropBefore, Fault::Status(500), Fault::Status(502)]
}

fn failed(error: RailwayError) -> OperationError {
    OperationError(error)
}

#[tokio::test]
async fn a_read_is_repeated_until_it_succeeds() {
    for faults in [
        vec![Fault::Status(500)],
        vec![Fault::Status(502), Fault::Status(503)],
        vec![Fault::DropBefore],
        vec![Fault::Slow(limits().attempt * 2)],
        vec![Fault::RateLimited(None)],
        vec![Fault::RateLimited(Some(0)), Fault::Status(500)],
    ] {
        let world = World::start().await;
        let requests = faults.len() + 1;
        world.simulator.inject(faults.clone());
        let latest = world.railway.latest(&world.service).await;
        assert!(matches!(latest, Ok(Some(_))), "{faults:?}: {latest:?}");
        assert_eq!(world.simulator.log().len(), requests, "{faults:?}");
    }
}

#[tokio::test]
async fn a_read_waits_as_long_as_it_is_asked_to() {
    let world = World::start().await;
    world.simulator.inject([Fault::RateLimited(Some(1))]);
    let before = tokio::time::Instant::now();
    world.railway.latest(&world.service).await.unwrap();
    assert!(before.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn errors_under_200_are_errors_and_not_repeated() {
    let world = World::start().await;
    let error = || Fault::Errors("Problem processing request".to_owned());
    let refused = || {
        failed(RailwayError::Refused(
            "Problem processing request".to_owned(),
        ))
    };
    world.simulator.inject([error(), error()]);
    assert_eq!(world.railway.latest(&world.service).await, Err(refused()));
    assert_eq!(world.railway.start(&world.service).await, Err(refused()));
    assert_eq!(world.simulator.operations(), ["ServiceState", "Start"]);
    assert_eq!(world.statuses(), ["SUCCESS"]);
}

#[tokio::test]
async fn a_read_ends_in_bounded_time_with_the_last_cause() {
    let world = World::start().await;
    world
        .simulator
        .inject(std::iter::repeat_n(Fault::Slow(limits().total), 20));
    let before = tokio::time::Instant::now();
    let result = world.railway.latest(&world.service).await;
    assert_eq!(
        result,
        Err(failed(RailwayError::NoAnswer("timed out".to_owned())))
    );
    assert!(before.elapsed() < limits().total + Duration::from_millis(500));
}

#[tokio::test]
async fn nobody_listening_is_told_as_such() {
    let world = World::start().await;
    let settings = world.simulator.settings(TokenType::Account);
    drop(world.simulator);
    // The server's task ends at its next turn.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let railway = crate::world::client(settings);
    let result = railway.start(&world.service).await;
    assert_eq!(
        result,
        Err(failed(RailwayError::Unreachable(
            "no connection".to_owned()
        )))
    );
}

#[tokio::test]
async fn a_deployment_whose_answer_is_lost_is_found_and_not_made_again() {
    for fault in lost_after_effect() {
        let world = World::start().await;
        world.simulator.inject([fault]);
        let id = world.railway.start(&world.service).await.unwrap();
        assert_eq!(world.simulator.operations(), ["Start", "ServiceState"]);
        let deployments = world.view().deployments;
        assert_eq!(deployments.len(), 2);
        assert_eq!(deployments.last().unwrap().id, id.as_str());
    }
}

#[tokio::test]
async fn a_deployment_that_was_lost_on_the_way_is_sent_once_more() {
    for fault in lost_before_effect() {
        let world = World::start().await;
        world.simulator.inject([fault]);
        let id = world.railway.start(&world.service).await.unwrap();
        assert_eq!(
            world.simulator.operations(),
            ["Start", "ServiceState", "Start"]
        );
        let deployments = world.view().deployments;
        assert_eq!(deployments.len(), 2);
        assert_eq!(deployments.last().unwrap().id, id.as_str());
    }
}

#[tokio::test]
async fn a_write_is_never_sent_a_third_time() {
    let world = World::start().await;
    world.simulator.inject_into(
        "Start",
        [Fault::DropBefore, Fault::Status(502), Fault::DropBefore],
    );
    let result = world.railway.start(&world.service).await;
    assert_eq!(
        result,
        Err(failed(RailwayError::NoAnswer("HTTP 502".to_owned())))
    );
    assert_eq!(
        world.simulator.operations(),
        ["Start", "ServiceState", "Start", "ServiceState"]
    );
    assert_eq!(world.statuses(), ["SUCCESS"]);
}

#[tokio::test]
async fn a_write_whose_fate_cannot_be_read_is_not_sent_again() {
    let world = World::start().await;
    world.simulator.inject_into("Start", [Fault::DropAfter]);
    let unreadable = std::iter::repeat_n(Fault::Status(503), 20);
    world.simulator.inject_into("ServiceState", unreadable);
    let result = world.railway.start(&world.service).await;
    assert_eq!(
        result,
        Err(failed(RailwayError::NoAnswer(
            "the connection broke".to_owned()
        )))
    );
    let operations = world.simulator.operations();
    assert_eq!(operations.iter().filter(|it| *it == "Start").count(), 1);
    assert_eq!(world.view().deployments.len(), 2);
}

#[tokio::test]
async fn a_write_that_was_turned_away_is_repeated_if_the_wait_is_short() {
    let world = World::start().await;
    world.simulator.inject([Fault::RateLimited(Some(1))]);
    world.railway.start(&world.service).await.unwrap();
    assert_eq!(world.simulator.operations(), ["Start", "Start"]);
    assert_eq!(world.view().deployments.len(), 2);

    world.simulator.inject([Fault::RateLimited(Some(3600))]);
    let error = world.railway.start(&world.service).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert_eq!(world.view().deployments.len(), 2);
}

#[tokio::test]
async fn repair_update_and_reset_are_not_doubled_either() {
    let variables = Variables::default().with("PORT", Some("18789"));
    for fault in lost_after_effect() {
        let world = World::start().await;
        world.simulator.inject([fault.clone()]);
        let repaired = world.railway.repair(&world.service, &variables).await;
        assert!(repaired.is_ok(), "{repaired:?}");
        world.simulator.inject([fault.clone()]);
        let updated = world
            .railway
            .update_image(&world.service, &pinned(NEWER))
            .await;
        assert!(updated.is_ok(), "{updated:?}");
        world.simulator.inject([fault]);
        let reset = world
            .railway
            .factory_reset(&world.service, &variables, &pinned(NEWER))
            .await;
        assert!(reset.is_ok(), "{reset:?}");
        assert_eq!(
            world.simulator.operations(),
            [
                "Repair",
                "ServiceState",
                "UpdateImage",
                "ServiceState",
                "FactoryReset",
                "ServiceState"
            ]
        );
        assert_eq!(world.view().deployments.len(), 4);
    }
}

#[tokio::test]
async fn an_update_does_not_take_a_deployment_of_another_image_for_its_own() {
    let world = World::start().await;
    // As young as the lost update, and not it.
    world.railway.start(&world.service).await.unwrap();
    world
        .simulator
        .inject_into("UpdateImage", [Fault::DropBefore]);
    let id = world
        .railway
        .update_image(&world.service, &pinned(NEWER))
        .await
        .unwrap();
    assert_eq!(
        world.simulator.operations(),
        ["Start", "UpdateImage", "ServiceState", "UpdateImage"]
    );
    let view = world.view();
    let latest = view.deployments.last().unwrap();
    assert_eq!(
        (latest.id.as_str(), latest.image.as_str()),
        (id.as_str(), NEWER)
    );
}

#[tokio::test]
async fn a_stop_is_settled_by_what_still_runs() {
    for fault in lost_after_effect() {
        let world = World::start().await;
        world.simulator.inject_into("Stop", [fault]);
        world.railway.stop(&world.service).await.unwrap();
        assert_eq!(
            world.simulator.operations(),
            ["ServiceState", "Stop", "ServiceState"]
        );
    }
    for fault in lost_before_effect() {
        let world = World::start().await;
        world.simulator.inject_into("Stop", [fault]);
        world.railway.stop(&world.service).await.unwrap();
        assert_eq!(
            world.simulator.operations(),
            ["ServiceState", "Stop", "ServiceState", "Stop"]
        );
        assert!(world.view().deployments.last().unwrap().stopped);
    }
}

#[tokio::test]
async fn a_restart_is_settled_by_any_change_of_the_deployment() {
    for fault in lost_after_effect() {
        let world = World::start().await;
        world.simulator.inject_into("Restart", [fault]);
        world.railway.restart(&world.service).await.unwrap();
        assert_eq!(
            world.simulator.operations(),
            ["ServiceState", "Restart", "DeploymentState"]
        );
    }
    for fault in lost_before_effect() {
        let world = World::start().await;
        world.simulator.inject_into("Restart", [fault]);
        world.railway.restart(&world.service).await.unwrap();
        assert_eq!(
            world.simulator.operations(),
            ["ServiceState", "Restart", "DeploymentState", "Restart"]
        );
    }
}

/// A clock that is wrong.
struct Off(SignedDuration);

impl Clock for Off {
    fn now(&self) -> Timestamp {
        common::clock::SystemClock.now() + self.0
    }
}

#[tokio::test]
async fn this_machines_clock_may_be_wrong() {
    for hours in [-2, 2] {
        for (fault, operations) in [
            (Fault::DropAfter, vec!["Start", "ServiceState"]),
            (Fault::DropBefore, vec!["Start", "ServiceState", "Start"]),
        ] {
            let world = World::start().await;
            let railway = Railway::new(
                world.simulator.settings(TokenType::Account),
                limits(),
                Arc::new(Off(SignedDuration::from_hours(hours))),
            )
            .unwrap();
            world.simulator.inject([fault]);
            railway.start(&world.service).await.unwrap();
            assert_eq!(world.simulator.operations(), operations);
            assert_eq!(world.view().deployments.len(), 2);
        }
    }
}

#[tokio::test]
async fn errors_that_quote_variables_lose_their_values() {
    let world = World::start().await;
    world.simulator.inject([Fault::Errors(
        "got invalid value {TOKEN: gateway-secret, PORT: 18789}".to_owned(),
    )]);
    let variables = Variables::default()
        .with("TOKEN", Some("gateway-secret"))
        .with("PORT", Some("18789"));
    let error = world
        .railway
        .repair(&world.service, &variables)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Railway refused: got invalid value {TOKEN: …, PORT: 18789}"
    );
}
