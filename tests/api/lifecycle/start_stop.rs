//! `POST /api/instance/{userId}/start` and `…/stop`.

use std::time::Duration;

use serde_json::{Value, json};
use tests::World;
use tokio::time::sleep;

use crate::support::controls::{ID, control, service, settled, status, succeed, take_operation};

#[tokio::test]
async fn a_stopped_agent_is_unreachable_and_a_started_one_comes_up_in_stages() {
    let builder = World::ticking().stage(Duration::from_millis(300));
    let world = builder.start().await;
    assert_eq!(status(&world).await, "running");
    succeed(&world, "stop").await;
    assert_eq!(status(&world).await, "unreachable");
    let stopped = service(&world).deployments;
    assert_eq!((stopped.len(), stopped[0].stopped), (1, true));

    let id = take_operation(&mut control(&world, "start").await);
    let mut seen: Vec<Value> = Vec::new();
    while seen.last() != Some(&json!("running")) {
        let now = status(&world).await;
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        assert!(seen.len() < 5, "{seen:?}");
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(seen, ["unreachable", "starting", "running"]);
    let started = settled(&world.owner_of(ID), ID, &id).await;
    assert_eq!(started.body["status"], "succeeded");
    assert_eq!(service(&world).deployments.len(), 2);
}
