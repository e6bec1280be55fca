//! `POST /api/instance/{userId}/restart`.

use serde_json::json;
use tests::World;

use crate::support::controls::{BASELINE, control, service, take_operation};

#[tokio::test]
async fn a_restart_deploys_where_nothing_runs() {
    // Never deployed, and stopped in the middle of a deployment.
    let world = World::start().await;
    let railway = world.railway();
    let fresh = railway.add_undeployed_service("agentbot-agent-fresh", BASELINE);
    let owner = world.deploy("fresh", "owner-fresh", "http://127.0.0.1:18789");
    let path = "/api/instance/fresh/restart";
    let mut answer = owner.await.post(path).await;
    take_operation(&mut answer);
    answer.is(200, json!({"success": true, "status": "restarting"}));
    assert_eq!(railway.service(&fresh).unwrap().deployments.len(), 1);

    for name in ["start", "stop", "restart"] {
        take_operation(&mut control(&world, name).await);
    }
    let deployments = service(&world).deployments;
    let stopped: Vec<_> = deployments.iter().map(|it| it.stopped).collect();
    assert_eq!(stopped, [true, false, false]);
    assert_eq!(deployments[1].status, "REMOVED");
}
