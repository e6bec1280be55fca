//! A simulated Railway with one agent's service, and a client for it.

use std::sync::Arc;
use std::time::Duration;

use common::clock::SystemClock;
use common::model::{Image, Instance, PinnedImage};
use common::railway::{Limits, Railway, RailwayService, RailwaySettings, TokenType};
use local::railway::{Options, ServiceView, Simulator};

pub(crate) const IMAGE: &str = "ghcr.io/openclaw/openclaw:2026.4.11";
pub(crate) const NEWER: &str = "ghcr.io/openclaw/openclaw:2026.4.12";

/// How long a stage of a deployment takes here.
pub(crate) const STAGE: Duration = Duration::from_millis(100);

/// A simulator, a client of it, and the service of the agent `abc`.
pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) railway: Railway,
    pub(crate) service_id: String,
    /// Resolved by the id on record, without a request.
    pub(crate) service: RailwayService,
}

impl World {
    pub(crate) async fn start() -> Self {
        let simulator = simulator(10_000).await;
        let service_id = simulator.add_service("agentbot-agent-abc", IMAGE, None);
        let railway = client(simulator.settings(TokenType::Account));
        let service = railway
            .resolve(&instance("abc", Some(&service_id)))
            .await
            .unwrap();
        Self {
            simulator,
            railway,
            service_id,
            service,
        }
    }

    /// The service, as the simulator has it.
    pub(crate) fn view(&self) -> ServiceView {
        self.simulator.service(&self.service_id).unwrap()
    }

    /// The statuses of all deployments, oldest first.
    pub(crate) fn statuses(&self) -> Vec<&'static str> {
        let deployments = self.view().deployments;
        deployments.iter().map(|it| it.status).collect()
    }
}

pub(crate) async fn simulator(hourly: u32) -> Simulator {
    Simulator::start(Options {
        clock: Arc::new(SystemClock),
        stage: STAGE,
        hourly,
    })
    .await
    .unwrap()
}

/// A client that is as patient as a test.
pub(crate) fn client(settings: RailwaySettings) -> Railway {
    Railway::new(settings, limits(), Arc::new(SystemClock)).unwrap()
}

pub(crate) fn limits() -> Limits {
    Limits {
        connect: Duration::from_millis(500),
        attempt: Duration::from_millis(600),
        total: Duration::from_secs(3),
        backoff: Duration::from_millis(5),
        settle: Duration::from_millis(20),
        poll: Duration::from_millis(20),
        page: 2,
    }
}

pub(crate) fn instance(id: &str, service: Option<&str>) -> Instance {
    Instance {
        id: id.parse().unwrap(),
        owner: "user_1".parse().unwrap(),
        openclaw_url: None,
        plan: None,
        runtime_service_id: service.map(str::to_owned),
        subscription_status: None,
        created_at: None,
        registered_at: None,
        provisioned_at: None,
        last_seen_at: None,
        gateway_process_status: None,
        reported_version: None,
        told_version: None,
        deployed_at: None,
        observed_at: None,
        degraded: Vec::new(),
        metadata: None,
    }
}

pub(crate) fn pinned(reference: &str) -> PinnedImage {
    let image: Image = reference.parse().unwrap();
    image.try_into().unwrap()
}
