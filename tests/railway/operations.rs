//! The operations when all is well: what they do, and how many requests they
//! take.

use std::collections::BTreeMap;
use std::time::Duration;

use common::model::{Image, MovingImage, PinnedImage};
use common::railway::{DeploymentId, DeploymentState, Variables};
use local::railway::Fault;
use tokio::time::{sleep, timeout};

use crate::world::{IMAGE, NEWER, STAGE, World, pinned};

/// Polls as whoever waits for an operation does.
async fn settled(world: &World, id: &DeploymentId) -> Vec<DeploymentState> {
    let mut states = Vec::new();
    let polling = async {
        loop {
            let deployment = world.railway.deployment(&world.service, id).await.unwrap();
            if states.last() != Some(&deployment.state) {
                states.push(deployment.state);
            }
            if deployment.state.settled() {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), polling).await.unwrap();
    states
}

#[tokio::test]
async fn start_is_one_request_and_ends_running() {
    let world = World::start().await;
    let id = world.railway.start(&world.service).await.unwrap();
    assert_eq!(world.simulator.operations(), ["Start"]);
    assert_eq!(
        settled(&world, &id).await,
        [DeploymentState::Starting, DeploymentState::Running]
    );
    assert_eq!(world.statuses(), ["REMOVED", "SUCCESS"]);
    let latest = world.railway.latest(&world.service).await.unwrap().unwrap();
    assert_eq!((latest.id, latest.image), (id, IMAGE.parse().ok()));
}

#[tokio::test]
async fn a_service_that_was_never_deployed_has_nothing_to_stop() {
    let world = World::start().await;
    let id = world.simulator.add_undeployed_service("new", IMAGE);
    let instance = crate::world::instance("new", Some(&id));
    let service = world.railway.resolve(&instance).await.unwrap();
    assert_eq!(world.railway.latest(&service).await, Ok(None));
    assert_eq!(world.railway.stop(&service).await, Ok(None));
    assert!(world.railway.start(&service).await.is_ok());
}

#[tokio::test]
async fn stop_is_two_requests_and_a_second_stop_is_one() {
    let world = World::start().await;
    let id = world.railway.stop(&world.service).await.unwrap().unwrap();
    assert_eq!(world.simulator.operations(), ["ServiceState", "Stop"]);
    assert_eq!(
        settled(&world, &id).await,
        [DeploymentState::Stopping, DeploymentState::Stopped]
    );
    assert_eq!(world.statuses(), ["SUCCESS"]);

    world.simulator.clear_log();
    assert_eq!(world.railway.stop(&world.service).await, Ok(None));
    assert_eq!(world.simulator.operations(), ["ServiceState"]);
}

#[tokio::test]
async fn stop_ends_what_is_about_to_run_and_what_runs_meanwhile() {
    let world = World::start().await;
    let running = world.railway.latest(&world.service).await.unwrap().unwrap();
    world.railway.start(&world.service).await.unwrap();
    world.simulator.clear_log();
    assert_eq!(
        world.railway.stop(&world.service).await,
        Ok(Some(running.id))
    );
    assert_eq!(
        world.simulator.operations(),
        ["ServiceState", "CancelAndStop"]
    );
    sleep(crate::world::STAGE * 8).await;
    let deployments = world.view().deployments;
    let found: Vec<_> = deployments
        .iter()
        .map(|it| (it.status, it.stopped))
        .collect();
    assert_eq!(found, [("SUCCESS", true), ("REMOVED", false)]);
}

#[tokio::test]
async fn stop_cancels_a_first_deployment_in_progress_or_waiting_for_somebody() {
    for status in ["BUILDING", "NEEDS_APPROVAL"] {
        let world = World::start().await;
        let id = world.simulator.add_undeployed_service("new", IMAGE);
        let instance = crate::world::instance("new", Some(&id));
        let service = world.railway.resolve(&instance).await.unwrap();
        let started = world.railway.start(&service).await.unwrap();
        world.simulator.set_status(&id, status);
        world.simulator.clear_log();
        assert_eq!(world.railway.stop(&service).await, Ok(Some(started)));
        assert_eq!(world.simulator.operations(), ["ServiceState", "Cancel"]);
    }
}

#[tokio::test]
async fn stop_stops_what_ran_before_it_could_be_cancelled() {
    let world = World::start().await;
    let id = world.simulator.add_undeployed_service("new", IMAGE);
    let instance = crate::world::instance("new", Some(&id));
    let service = world.railway.resolve(&instance).await.unwrap();
    let started = world.railway.start(&service).await.unwrap();
    world.simulator.clear_log();
    // It is in progress when the state is read, and runs when the answer is here.
    let late = Fault::Slow(STAGE * 5);
    world.simulator.inject_into("ServiceState", [late]);
    assert_eq!(world.railway.stop(&service).await, Ok(Some(started)));
    assert_eq!(
        world.simulator.operations(),
        ["ServiceState", "Cancel", "ServiceState", "Stop"]
    );
}

#[tokio::test]
async fn stop_is_not_tried_again_while_nothing_has_changed() {
    let world = World::start().await;
    let refused = Fault::Errors("no".to_owned());
    world.simulator.inject_into("Stop", [refused]);
    let error = world.railway.stop(&world.service).await.unwrap_err();
    assert_eq!(error.to_string(), "Railway refused: no");
    assert_eq!(
        world.simulator.operations(),
        ["ServiceState", "Stop", "ServiceState"]
    );
}

#[tokio::test]
async fn stop_needs_nothing_where_nothing_runs() {
    for status in ["CRASHED", "FAILED", "REMOVED"] {
        let world = World::start().await;
        world.simulator.set_status(&world.service_id, status);
        let stopped = world.railway.stop(&world.service).await;
        assert_eq!(stopped, Ok(None), "{status}");
        assert_eq!(world.simulator.operations(), ["ServiceState"], "{status}");
    }
}

#[tokio::test]
async fn stop_waits_for_what_is_on_its_way_down() {
    let world = World::start().await;
    let id = world
        .railway
        .latest(&world.service)
        .await
        .unwrap()
        .unwrap()
        .id;
    world.simulator.set_status(&world.service_id, "REMOVING");
    assert_eq!(world.railway.stop(&world.service).await, Ok(Some(id)));
    assert_eq!(
        world.simulator.operations(),
        ["ServiceState", "ServiceState"]
    );
}

#[tokio::test]
async fn stop_after_a_failed_update_stops_what_runs() {
    let world = World::start().await;
    let running = world.railway.latest(&world.service).await.unwrap().unwrap();
    world.simulator.fail_deployments(&world.service_id, true);
    let failed = world.railway.start(&world.service).await.unwrap();
    settled(&world, &failed).await;
    assert_eq!(
        world.railway.stop(&world.service).await,
        Ok(Some(running.id))
    );
}

#[tokio::test]
async fn a_deployment_that_railway_skipped_is_not_the_latest() {
    let world = World::start().await;
    let before = world.railway.latest(&world.service).await;
    world.railway.start(&world.service).await.unwrap();
    world.simulator.set_status(&world.service_id, "SKIPPED");
    assert_eq!(world.railway.latest(&world.service).await, before);
}

#[tokio::test]
async fn restart_is_two_requests_and_picks_up_no_new_variables() {
    let world = World::start().await;
    world.simulator.edit_variables(&world.service_id, |it| {
        it.insert("NEW".to_owned(), "1".to_owned());
    });
    let id = world.railway.restart(&world.service).await.unwrap();
    assert_eq!(world.simulator.operations(), ["ServiceState", "Restart"]);
    assert_eq!(
        settled(&world, &id).await,
        [DeploymentState::Starting, DeploymentState::Running]
    );
    let deployments = world.view().deployments;
    let found: Vec<_> = deployments.iter().map(|it| &it.variables).collect();
    assert_eq!(found, [&BTreeMap::new()]);
}

#[tokio::test]
async fn restart_takes_what_runs_and_not_an_update_that_failed() {
    let world = World::start().await;
    let running = world.railway.latest(&world.service).await.unwrap().unwrap();
    world.simulator.fail_deployments(&world.service_id, true);
    let failed = world.railway.start(&world.service).await.unwrap();
    assert_eq!(
        settled(&world, &failed).await,
        [DeploymentState::Starting, DeploymentState::Failed]
    );
    assert_eq!(world.railway.restart(&world.service).await, Ok(running.id));
}

#[tokio::test]
async fn restart_deploys_where_nothing_runs() {
    for status in ["CRASHED", "FAILED", "REMOVED", "SLEEPING"] {
        let world = World::start().await;
        world.simulator.set_status(&world.service_id, status);
        let id = world.railway.restart(&world.service).await.unwrap();
        assert_eq!(world.simulator.operations(), ["ServiceState", "Start"]);
        settled(&world, &id).await;
        assert_eq!(world.statuses().last(), Some(&"SUCCESS"), "{status}");
    }
}

#[tokio::test]
async fn repair_is_one_request_that_merges_variables_and_deploys_once() {
    let world = World::start().await;
    let map = |pairs: &[(&str, &str)]| {
        let owned = pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        owned.collect::<BTreeMap<_, _>>()
    };
    world.simulator.edit_variables(&world.service_id, |it| {
        *it = map(&[("PORT", "1"), ("OPENAI_API_KEY", "live"), ("OTHER", "x")]);
    });
    let variables = Variables::default()
        .with("OPENCLAW_GATEWAY_TOKEN", Some("token"))
        .with("PORT", Some("18789"))
        .with("OPENAI_API_KEY", Some(""))
        .with("OTHER", None);
    let id = world
        .railway
        .repair(&world.service, &variables)
        .await
        .unwrap();
    assert_eq!(world.simulator.operations(), ["Repair"]);
    settled(&world, &id).await;
    let view = world.view();
    let expected = map(&[
        ("OPENAI_API_KEY", "live"),
        ("OPENCLAW_GATEWAY_TOKEN", "token"),
        ("OTHER", "x"),
        ("PORT", "18789"),
    ]);
    let running = view.deployments.last().unwrap();
    assert_eq!(
        (&view.variables, &running.variables),
        (&expected, &expected)
    );
    assert_eq!(view.deployments.len(), 2);
}

#[tokio::test]
async fn an_update_is_one_request_and_the_deployment_tells_the_new_image() {
    let world = World::start().await;
    let id = world
        .railway
        .update_image(&world.service, &pinned(NEWER))
        .await
        .unwrap();
    assert_eq!(world.simulator.operations(), ["UpdateImage"]);
    settled(&world, &id).await;
    let latest = world.railway.latest(&world.service).await.unwrap().unwrap();
    assert_eq!((latest.id, latest.image), (id, NEWER.parse().ok()));
    assert_eq!(world.view().deployments.len(), 2);
}

#[test]
fn a_floating_image_cannot_be_deployed() {
    let floating: Image = "ghcr.io/openclaw/openclaw:latest".parse().unwrap();
    assert_eq!(PinnedImage::try_from(floating), Err(MovingImage));
}

#[tokio::test]
async fn a_factory_reset_is_one_request_and_one_deployment() {
    let world = World::start().await;
    world.simulator.edit_variables(&world.service_id, |it| {
        it.insert("SEALED".to_owned(), "kept".to_owned());
    });
    let variables = Variables::default().with("PORT", Some("18789"));
    world
        .railway
        .factory_reset(&world.service, &variables, &pinned(NEWER))
        .await
        .unwrap();
    assert_eq!(world.simulator.operations(), ["FactoryReset"]);
    let view = world.view();
    assert_eq!(view.image, NEWER);
    assert_eq!(view.deployments.len(), 2);
    assert_eq!(
        view.variables,
        BTreeMap::from([
            ("PORT".to_owned(), "18789".to_owned()),
            ("SEALED".to_owned(), "kept".to_owned()),
        ])
    );
}

#[tokio::test]
async fn operations_can_be_tasks() {
    let world = World::start().await;
    let (railway, service) = (world.railway.clone(), world.service.clone());
    let variables = Variables::default().with("PORT", Some("18789"));
    let task = tokio::spawn(async move {
        railway.start(&service).await?;
        railway.stop(&service).await?;
        railway.repair(&service, &variables).await?;
        railway
            .factory_reset(&service, &variables, &pinned(NEWER))
            .await?;
        railway.restart(&service).await
    });
    assert!(task.await.unwrap().is_ok());
}
