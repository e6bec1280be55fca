//! Railway going wrong in the middle of a control: the right status, nothing
//! done twice, nothing left behind.

use common::config::{
    RAILWAY_API_KEY, RAILWAY_API_URL, RAILWAY_ENVIRONMENT_ID, RAILWAY_PROJECT_ID,
};
use jiff::SignedDuration;
use local::railway::Fault;
use serde_json::json;
use tests::{Answer, HASTY, World};
use tokio::time::Instant;

use crate::support::controls::{
    ID, NEWER, WAYS, Way, assert_no_lease, control, record_service, service, settled,
    take_operation,
};

/// An impatient world whose agent has run for a while, as Railway's clock sees
/// it, and whose service is on record.
async fn world() -> World {
    let builder = World::with(common::config::OPENCLAW_IMAGE, NEWER);
    let world = builder.ticking().hasty().start().await;
    record_service(&world).await;
    world.clock.advance(SignedDuration::from_secs(60));
    world
}

/// The mutation of a control where the agent runs.
fn mutation(way: Way) -> &'static str {
    match way.control() {
        "start" => "Start",
        "stop" => "Stop",
        "restart" | "reset-memory" => "Restart",
        "repair" => "Repair",
        "update" => "UpdateImage",
        _ => "FactoryReset",
    }
}

/// How many deployments a control leaves: those that deploy add one.
fn deployments(way: Way) -> usize {
    match mutation(way) {
        "Stop" | "Restart" => 1,
        _ => 2,
    }
}

/// The sentence of a failure, after which a memory is gone in any case.
fn sentence(way: Way, error: &str) -> String {
    match way.control() {
        "reset-memory" => {
            format!("The agent's memory was deleted, but it was not restarted: {error}")
        }
        _ => error.to_owned(),
    }
}

fn times(world: &World, operation: &str) -> usize {
    let operations = world.railway().operations();
    operations.iter().filter(|it| *it == operation).count()
}

/// A control failed with this sentence: that is its answer and its record, and
/// nothing hinders the next one.
async fn assert_failed(world: &World, way: Way, answer: &Answer, status: u16, error: &str) {
    answer.is(status, way.error(error));
    assert_no_lease(world).await;
    let record = world.records.operations(ID, "op#").await.pop().unwrap();
    let kind = if status == 503 {
        "not-located"
    } else {
        "not-done"
    };
    let kept = [&record["state"], &record["failure"], &record["reason"]];
    assert_eq!(kept, ["failed", kind, error], "{way:?}");
    assert!(record["finishedAt"].is_string());

    world.railway().clear_faults();
    let next = control(world, "start").await;
    assert_eq!(next.status, 200, "after {way:?}: {}", next.body);
}

#[tokio::test]
async fn a_rate_limit_is_passed_on_with_the_time_to_wait() {
    let error = "Railway's rate limit is reached";
    for way in WAYS {
        let world = world().await;
        let limited = std::iter::repeat_n(Fault::RateLimited(Some(77)), 20);
        world.railway().inject_into(mutation(way), limited);
        let answer = way.order(&world.owner_of(ID), ID).await;
        assert_eq!(answer.header("retry-after"), Some("77"), "{way:?}");
        assert_eq!(service(&world).deployments.len(), 1);
        // To come back in more than a minute is the caller's business.
        assert_eq!(times(&world, mutation(way)), 1, "{way:?}");
        assert_failed(&world, way, &answer, 500, &sentence(way, error)).await;
    }
}

#[tokio::test]
async fn a_listing_that_is_limited_is_a_503_with_the_time_to_wait() {
    let world = World::start().await;
    for way in WAYS {
        let limited = Fault::RateLimited(Some(77));
        world.railway().inject_into("Services", [limited]);
        let answer = way.order(&world.owner_of(ID), ID).await;
        answer.is(503, way.error("Railway's rate limit is reached"));
        assert_eq!(answer.header("retry-after"), Some("77"));
    }
    assert_no_lease(&world).await;
}

#[tokio::test]
async fn a_short_limit_is_waited_for() {
    let world = world().await;
    let limited = Fault::RateLimited(Some(1));
    world.railway().inject_into("Start", [limited]);
    take_operation(&mut control(&world, "start").await);
    assert_eq!(world.railway().operations(), ["Start", "Start"]);
    assert_eq!(service(&world).deployments.len(), 2);
}

#[tokio::test]
async fn errors_under_200_are_failures() {
    for way in WAYS {
        let world = world().await;
        let refused = Fault::Errors("Problem processing request".to_owned());
        world.railway().inject_into(mutation(way), [refused]);
        let answer = way.order(&world.owner_of(ID), ID).await;
        assert_eq!(service(&world).deployments.len(), 1);
        assert_eq!(times(&world, mutation(way)), 1, "{way:?}");
        let error = sentence(way, "Railway refused: Problem processing request");
        assert_failed(&world, way, &answer, 500, &error).await;
    }
}

#[tokio::test]
async fn a_railway_that_keeps_failing_is_a_failure() {
    for way in WAYS {
        let world = world().await;
        let failing = std::iter::repeat_n(Fault::Status(502), 20);
        world.railway().inject_into(mutation(way), failing);
        let answer = way.order(&world.owner_of(ID), ID).await;
        assert_eq!(service(&world).deployments.len(), 1);
        assert_eq!(times(&world, mutation(way)), 2, "{way:?}");
        let error = sentence(way, "Railway gave no answer: HTTP 502");
        assert_failed(&world, way, &answer, 500, &error).await;
    }
}

#[tokio::test]
async fn a_railway_that_is_down_altogether_is_a_failure() {
    for way in WAYS {
        let world = world().await;
        let failing = std::iter::repeat_n(Fault::Status(500), 40);
        world.railway().inject(failing);
        let answer = way.order(&world.owner_of(ID), ID).await;
        assert_eq!(service(&world).deployments.len(), 1);
        let error = sentence(way, "Railway gave no answer: HTTP 500");
        assert_failed(&world, way, &answer, 500, &error).await;
    }
}

#[tokio::test]
async fn a_railway_that_is_too_slow_is_given_up_in_bounded_time() {
    for (operation, way, status) in [
        ("Services", Way::Lifecycle("start"), 503),
        ("ServiceState", Way::Lifecycle("stop"), 500),
    ] {
        let world = World::ticking().hasty().start().await;
        let slow = std::iter::repeat_n(Fault::Slow(HASTY.total * 2), 20);
        world.railway().inject_into(operation, slow);
        let since = Instant::now();
        let answer = way.order(&world.owner_of(ID), ID).await;
        assert!(since.elapsed() < HASTY.total * 2, "{:?}", since.elapsed());
        let error = "Railway gave no answer: timed out";
        assert_failed(&world, way, &answer, status, error).await;
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_after_the_effect_is_a_success_and_nothing_is_done_twice() {
    for way in WAYS {
        for lost in [Fault::DropAfter, Fault::Slow(HASTY.attempt * 2)] {
            let world = world().await;
            world.railway().inject_into(mutation(way), [lost]);
            let mut answer = way.order(&world.owner_of(ID), ID).await;
            let id = take_operation(&mut answer);
            let found = service(&world).deployments;
            assert_eq!(found.len(), deployments(way), "{way:?}");
            // A restart shows in the deployment only once it has begun.
            if mutation(way) != "Restart" {
                assert_eq!(times(&world, mutation(way)), 1, "{way:?}");
            }
            assert_no_lease(&world).await;
            let outcome = settled(&world.owner_of(ID), ID, &id).await;
            assert_eq!(outcome.body["status"], "succeeded", "{way:?}");
            let latest = json!(found.last().unwrap().id);
            assert_eq!(outcome.body["deploymentId"], latest, "{way:?}");
        }
    }
}

#[tokio::test]
async fn a_request_that_is_lost_before_the_effect_is_sent_once_more() {
    for way in WAYS {
        for lost in [Fault::DropBefore, Fault::Status(502)] {
            let world = world().await;
            world.railway().inject_into(mutation(way), [lost]);
            let mut answer = way.order(&world.owner_of(ID), ID).await;
            take_operation(&mut answer);
            let found = service(&world).deployments;
            assert_eq!(found.len(), deployments(way), "{way:?}");
            assert_eq!(times(&world, mutation(way)), 2, "{way:?}");
            assert_no_lease(&world).await;
        }
    }
}

#[tokio::test]
async fn a_lost_answer_whose_effect_cannot_be_read_is_told_as_lost() {
    let world = world().await;
    let railway = world.railway();
    railway.inject_into("Start", [Fault::DropAfter]);
    railway.inject_into("ServiceState", std::iter::repeat_n(Fault::Status(503), 20));
    let start = Way::Lifecycle("start");
    let answer = start.order(&world.owner_of(ID), ID).await;
    assert_eq!(times(&world, "Start"), 1);
    assert_eq!(service(&world).deployments.len(), 2);
    let error = "Railway gave no answer: the connection broke";
    assert_failed(&world, start, &answer, 500, error).await;
}

#[tokio::test]
async fn a_railway_that_cannot_be_reached_is_a_failure_for_every_control() {
    let builder = World::with(RAILWAY_API_URL, "http://127.0.0.1:9/graphql/v2")
        .with(RAILWAY_API_KEY, "a-key-that-nobody-may-see")
        .with(RAILWAY_ENVIRONMENT_ID, "some-environment")
        .with(RAILWAY_PROJECT_ID, "some-project");
    let world = builder.hasty().start().await;
    let error = "Railway cannot be reached: no connection";
    for (recorded, status) in [(false, 503), (true, 500)] {
        if recorded {
            record_service(&world).await;
        }
        for way in WAYS {
            let answer = way.order(&world.owner_of(ID), ID).await;
            let error = if recorded {
                sentence(way, error)
            } else {
                error.to_owned()
            };
            answer.is(status, way.error(&error));
            assert_no_lease(&world).await;
        }
    }
    let records = world.records.operations(ID, "op#").await;
    assert_eq!(records.len(), 16);
    for record in records {
        assert_eq!(record["state"], "failed");
    }
}

#[tokio::test]
async fn a_listing_that_breaks_off_goes_on() {
    let world = World::start().await;
    let lost = [
        Fault::DropBefore,
        Fault::Status(500),
        Fault::RateLimited(None),
    ];
    world.railway().inject_into("Services", lost);
    take_operation(&mut control(&world, "start").await);
    let requests = ["Services", "Services", "Services", "Services", "Start"];
    assert_eq!(world.railway().operations(), requests);
}

#[tokio::test]
async fn a_repair_that_breaks_in_the_middle_is_finished_by_the_next_one() {
    let world = world().await;
    let refused = Fault::Errors("Problem processing request".to_owned());
    world.railway().inject_into("Repair", [refused]);
    assert_eq!(control(&world, "repair").await.status, 500);
    // The token that the first one made is the one that the second one writes.
    let token = world.records.token(ID).await["token"].clone();
    take_operation(&mut control(&world, "repair").await);
    assert_eq!(service(&world).variables["OPENCLAW_GATEWAY_TOKEN"], token);
    assert_eq!(service(&world).deployments.len(), 2);
}
