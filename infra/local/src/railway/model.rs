//! The services and deployments of the simulated Railway.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use common::clock::{SharedClock, iso8601};
use common::model::{Image, ImageVersion};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::ids::ENVIRONMENT_ID;
use crate::agents::{Agent, Behaviour};

/// The one project that there is.
pub(super) struct Project {
    pub(super) services: Vec<Service>,
    pub(super) clock: SharedClock,
    pub(super) stage: Duration,
    /// For the tasks that run timelines.
    pub(super) weak: Weak<Mutex<Project>>,
}

pub(super) struct Service {
    pub(super) id: String,
    name: String,
    created_at: Timestamp,
    pub(super) image: String,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) fails: bool,
    pub(super) has_volume: bool,
    pub(super) agent: Option<Arc<Agent>>,
    /// Oldest first.
    pub(super) deployments: Vec<Deployment>,
}

pub(super) struct Deployment {
    pub(super) id: String,
    service_id: String,
    pub(super) status: &'static str,
    /// The status of its only instance, once there is one.
    pub(super) instance: Option<&'static str>,
    pub(super) stopped: bool,
    pub(super) image: String,
    variables: BTreeMap<String, String>,
    pub(super) created_at: Timestamp,
    pub(super) status_updated_at: Timestamp,
    /// The number of the timeline that it is on: a new one ends the one before.
    pub(super) timeline: u64,
}

/// A snapshot of a service, for tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceView {
    /// The image that the next deployment runs.
    pub image: String,
    /// The variables that the next deployment gets.
    pub variables: BTreeMap<String, String>,
    /// Oldest first.
    pub deployments: Vec<DeploymentView>,
}

/// A snapshot of a deployment, for tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentView {
    pub id: String,
    pub status: &'static str,
    /// Railway's `deploymentStopped`.
    pub stopped: bool,
    pub image: String,
    /// The variables that its process sees.
    pub variables: BTreeMap<String, String>,
}

/// The statuses of a deployment in progress.
const PENDING: [&str; 5] = ["QUEUED", "INITIALIZING", "BUILDING", "DEPLOYING", "WAITING"];

impl Project {
    pub(super) fn new(clock: SharedClock, stage: Duration) -> Arc<Mutex<Self>> {
        Arc::new_cyclic(|weak| {
            Mutex::new(Self {
                services: Vec::new(),
                clock,
                stage,
                weak: weak.clone(),
            })
        })
    }

    pub(super) fn add(&mut self, service: Service) -> String {
        let id = service.id.clone();
        self.services.push(service);
        id
    }

    /// Adds a service whose first deployment has been up for an hour.
    pub(super) fn add_running(&mut self, mut service: Service) -> String {
        let mut deployment = self.new_deployment(&service);
        deployment.status = "SUCCESS";
        deployment.instance = Some("RUNNING");
        service.created_at -= SignedDuration::from_hours(1);
        deployment.created_at -= SignedDuration::from_hours(1);
        deployment.status_updated_at = deployment.created_at;
        service.deployments.push(deployment);
        self.add(service)
    }

    pub(super) fn service(&self, id: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.id == id)
    }

    pub(super) fn service_mut(&mut self, id: &str) -> Option<&mut Service> {
        self.services.iter_mut().find(|service| service.id == id)
    }

    pub(super) fn set_status(&mut self, service: &str, status: &'static str) {
        let now = self.clock.now();
        let latest = self
            .service_mut(service)
            .and_then(|service| service.deployments.last_mut());
        if let Some(deployment) = latest {
            deployment.status = status;
            deployment.status_updated_at = now;
            deployment.timeline += 1;
        }
    }

    pub(super) fn service_instance(
        &self,
        service: &str,
        environment: &str,
    ) -> Result<Value, String> {
        self.service(service)
            .filter(|_| environment == ENVIRONMENT_ID)
            .map(Service::json)
            .ok_or_else(|| "ServiceInstance not found".to_owned())
    }

    pub(super) fn deployment(&mut self, id: &str) -> Result<Value, String> {
        self.find(id).map(|(_, deployment)| deployment.json())
    }

    /// A deployment, with the agent of its service.
    pub(super) fn find(
        &mut self,
        id: &str,
    ) -> Result<(Option<Arc<Agent>>, &mut Deployment), String> {
        self.services
            .iter_mut()
            .find_map(|service| {
                let agent = service.agent.clone();
                let deployment = service.deployments.iter_mut().find(|it| it.id == id)?;
                Some((agent, deployment))
            })
            .ok_or_else(|| "Deployment not found".to_owned())
    }

    /// Ends the deployments before one that is up now.
    pub(super) fn succeeded(&mut self, id: &str) {
        let now = self.clock.now();
        let service = self
            .services
            .iter_mut()
            .find(|service| service.deployments.iter().any(|it| it.id == id));
        let Some(service) = service else { return };
        for older in service.deployments.iter_mut().take_while(|it| it.id != id) {
            if !matches!(older.status, "FAILED" | "SKIPPED" | "REMOVED") {
                older.status = "REMOVED";
                older.status_updated_at = now;
                older.instance = None;
                older.stopped = true;
            }
        }
        let deployment = service.deployments.iter().find(|it| it.id == id);
        let (Some(agent), Some(deployment)) = (&service.agent, deployment) else {
            return;
        };
        let image = deployment.image.parse::<Image>();
        let version = image.map(|image| image.version());
        if let Ok(ImageVersion::Release(version)) = version {
            agent.set_version(version);
        }
        if let Some(token) = deployment.variables.get("OPENCLAW_GATEWAY_TOKEN") {
            agent.set_token(token);
        }
    }

    pub(super) fn new_deployment(&self, service: &Service) -> Deployment {
        let now = self.clock.now();
        Deployment {
            id: Uuid::new_v4().to_string(),
            service_id: service.id.clone(),
            status: "QUEUED",
            instance: None,
            stopped: false,
            image: service.image.clone(),
            variables: service.variables.clone(),
            created_at: now,
            status_updated_at: now,
            timeline: 0,
        }
    }
}

/// If the agent's port is taken in the meantime it stays as it is, which Railway
/// could not report either.
pub(super) fn behave(agent: Option<Arc<Agent>>, behaviour: Behaviour) {
    if let Some(Err(error)) = agent.map(|agent| agent.set(behaviour)) {
        tracing::warn!(%error, "a simulated agent cannot listen");
    }
}

impl Service {
    pub(super) fn new(
        name: &str,
        image: &str,
        agent: Option<Arc<Agent>>,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id: format!("service-{name}"),
            name: name.to_owned(),
            created_at,
            image: image.to_owned(),
            variables: BTreeMap::new(),
            fails: false,
            has_volume: false,
            agent,
            deployments: Vec::new(),
        }
    }

    pub(super) fn view(&self) -> ServiceView {
        ServiceView {
            image: self.image.clone(),
            variables: self.variables.clone(),
            deployments: self.deployments.iter().map(Deployment::view).collect(),
        }
    }

    pub(super) fn json(&self) -> Value {
        let active = |it: &&Deployment| matches!(it.status, "SUCCESS" | "SLEEPING" | "CRASHED");
        let active = self.deployments.iter().filter(active);
        json!({
            "serviceId": self.id,
            "serviceName": self.name,
            "createdAt": iso8601(self.created_at),
            "latestDeployment": self.deployments.last().map(Deployment::json),
            "activeDeployments": active.map(Deployment::json).collect::<Vec<_>>(),
        })
    }
}

impl Deployment {
    pub(super) fn is_pending(&self) -> bool {
        PENDING.contains(&self.status)
    }

    fn view(&self) -> DeploymentView {
        DeploymentView {
            id: self.id.clone(),
            status: self.status,
            stopped: self.stopped,
            image: self.image.clone(),
            variables: self.variables.clone(),
        }
    }

    pub(super) fn json(&self) -> Value {
        let instance = self
            .instance
            .map(|status| json!({"id": format!("{}-0", self.id), "status": status}));
        json!({
            "id": self.id,
            "serviceId": self.service_id,
            "status": self.status,
            "createdAt": iso8601(self.created_at),
            "statusUpdatedAt": iso8601(self.status_updated_at),
            // Before there is an instance nothing runs.
            "deploymentStopped": self.stopped || self.instance.is_none(),
            "meta": {"image": self.image},
            "instances": instance.into_iter().collect::<Vec<_>>(),
        })
    }
}
