//! What the tests of controls share.

use std::time::Duration;

use http::Method;
use local::railway::ServiceView;
use serde_json::{Value, json};
use tests::{Answer, Caller, World};
use tokio::time::{Instant, sleep};

/// The instance that is controlled, and its service on Railway.
pub(crate) const ID: &str = "demo-running";
pub(crate) const SERVICE: &str = "service-agentbot-agent-demo-running";

pub(crate) const BASELINE: &str = "ghcr.io/openclaw/openclaw:2026.4.11";
pub(crate) const NEWER: &str = "ghcr.io/openclaw/openclaw:2026.5.1";

pub(crate) const MAINTENANCE: &str = "/api/openclaw/maintenance";

/// One way of having something done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// A lifecycle endpoint.
    Lifecycle(&'static str),
    /// The maintenance endpoint, with a body.
    Maintenance(&'static str, &'static str),
}

/// All of them.
pub(crate) const WAYS: [Way; 8] = [
    Way::Lifecycle("start"),
    Way::Lifecycle("stop"),
    Way::Lifecycle("restart"),
    Way::Lifecycle("repair"),
    Way::Lifecycle("reset-memory"),
    Way::Lifecycle("update"),
    Way::Maintenance("restart", ""),
    Way::Maintenance("factory-reset", r#"{"action": "factory-reset"}"#),
];

impl Way {
    /// The control, as operations name it.
    pub(crate) fn control(self) -> &'static str {
        match self {
            Self::Lifecycle(control) | Self::Maintenance(control, _) => control,
        }
    }

    /// Has it done to an instance; the maintenance endpoint knows which one.
    pub(crate) async fn order(self, caller: &Caller, instance: &str) -> Answer {
        match self {
            Self::Lifecycle(control) => {
                let path = format!("/api/instance/{instance}/{control}");
                caller.post(&path).await
            }
            Self::Maintenance(_, body) => caller.send(Method::POST, MAINTENANCE, body).await,
        }
    }

    /// The body of an error.
    pub(crate) fn error(self, error: &str) -> Value {
        match self {
            Self::Lifecycle(_) => json!({"success": false, "error": error}),
            Self::Maintenance(..) => json!({"error": error}),
        }
    }
}

/// Orders a control of the running agent in its owner's name.
pub(crate) async fn control(world: &World, control: &str) -> Answer {
    let path = format!("/api/instance/{ID}/{control}");
    world.owner_of(ID).post(&path).await
}

/// Takes the operation's id out of a good answer.
pub(crate) fn take_operation(answer: &mut Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let id = answer.take("operationId");
    id.as_str().expect("an id is text").to_owned()
}

/// Asks once what became of an operation of the running agent.
pub(crate) async fn operation(world: &World, id: &str) -> Answer {
    let path = format!("/api/instance/{ID}/operations/{id}");
    world.owner_of(ID).get(&path).await
}

/// Waits for the outcome of an operation.
pub(crate) async fn settled(caller: &Caller, instance: &str, id: &str) -> Answer {
    let path = format!("/api/instance/{instance}/operations/{id}?wait=20s");
    let answer = caller.get(&path).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let outcomes = [json!("succeeded"), json!("failed")];
    assert!(outcomes.contains(&answer.body["status"]), "{}", answer.body);
    answer
}

/// Orders a control of the running agent, and waits until it has succeeded.
pub(crate) async fn succeed(world: &World, name: &str) -> Answer {
    let mut answer = control(world, name).await;
    let id = take_operation(&mut answer);
    let settled = settled(&world.owner_of(ID), ID, &id).await;
    assert_eq!(settled.body["status"], "succeeded", "{}", settled.body);
    settled
}

/// The status of the running agent, as its owner sees it.
pub(crate) async fn status(world: &World) -> Value {
    let path = format!("/api/instance/{ID}");
    let mut answer = world.owner_of(ID).get(&path).await;
    answer.take("status")
}

/// The service of the running agent.
pub(crate) fn service(world: &World) -> ServiceView {
    world.railway().service(SERVICE).expect("the service")
}

/// Records the id of the running agent's service, as a provisioner does.
pub(crate) async fn record_service(world: &World) {
    let body = json!({"ownerId": "owner-running", "runtimeServiceId": SERVICE});
    let path = format!("/api/openclaw/instances/{ID}");
    let answer = world.platform().put(&path, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// Nothing was asked of Railway, and no operation is on record.
pub(crate) async fn assert_nothing_done(world: &World, instance: &str, why: &str) {
    if let Some(railway) = &world.stack.railway {
        assert_eq!(railway.operations(), Vec::<String>::new(), "{why}");
    }
    let operations = world.records.operations(instance, "").await;
    assert_eq!(operations, Vec::<Value>::new(), "{why}");
}

/// No lease is left on the running agent: only its fence number stays.
pub(crate) async fn assert_no_lease(world: &World) {
    let leases = world.records.operations(ID, "lease").await;
    for lease in &leases {
        assert_eq!(lease.get("operationId"), None, "{lease}");
    }
}

/// Waits until something is true, for a few seconds at most.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, check: impl Fn() -> F) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !check().await {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(10)).await;
    }
}
