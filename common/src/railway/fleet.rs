//! All services of the environment at once, with what runs in them.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio::time::Instant;

use super::client::{Access, Railway};
use super::documents::{Fleet as FleetQuery, fleet};
use super::error::{RailwayError, ResolveError};
use super::reference::ServiceReference;
use super::{Deployment, DeploymentState};
use crate::model::Instance;

/// The most pages that a listing may have, so that a listing that goes in
/// circles ends.
const MAX_PAGES: usize = 100;

/// The services of the environment, agents and others, at one time.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    services: Vec<FleetService>,
    by_id: HashMap<String, usize>,
    by_name: HashMap<String, usize>,
}

/// One service, and what runs in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetService {
    pub id: String,
    /// Its name, by which the platform finds the agents that have no id on
    /// record.
    pub name: String,
    pub created_at: Timestamp,
    /// The deployment that was created last, whatever its state; `None` if
    /// nothing was ever deployed.
    pub latest: Option<Deployment>,
    /// The deployments that run.
    pub active: Vec<Deployment>,
}

impl FleetService {
    /// The deployment whose container is there: the latest one, unless that is
    /// on its way, failed or changed nothing while another one still runs.
    pub fn current(&self) -> Option<&Deployment> {
        let runs = |it: &&Deployment| {
            matches!(
                it.state,
                DeploymentState::Running | DeploymentState::Sleeping
            )
        };
        let latest = self.latest.as_ref();
        latest
            .filter(runs)
            .or_else(|| self.active.iter().find(runs))
            .or(latest)
    }

    /// Whether a deployment is in progress, whether or not another one runs.
    pub fn is_deploying(&self) -> bool {
        let latest = self.latest.as_ref();
        latest.is_some_and(|it| it.state == DeploymentState::Starting)
    }
}

impl Fleet {
    /// The services in Railway's order, each once.
    pub fn new(services: impl IntoIterator<Item = FleetService>) -> Self {
        let mut fleet = Self::default();
        for service in services {
            let index = fleet.services.len();
            // A service that was added meanwhile moves others to the next page.
            if fleet.by_id.contains_key(&service.id) {
                continue;
            }
            fleet.by_id.insert(service.id.clone(), index);
            // Of two of a name the first one counts, as when one is resolved.
            fleet.by_name.entry(service.name.clone()).or_insert(index);
            fleet.services.push(service);
        }
        fleet
    }

    /// All services, also those that run no agent.
    pub fn services(&self) -> &[FleetService] {
        &self.services
    }

    /// The service of an agent, found as [`Railway::resolve`] finds it.
    pub fn service_of(&self, instance: &Instance) -> Option<&FleetService> {
        let index = ServiceReference::of(instance).find(&self.by_id, &self.by_name)?;
        self.services.get(*index)
    }
}

impl Railway {
    /// Lists all services with their deployments: one request for each page.
    ///
    /// All pages together may take twice as long as any other method, for a
    /// listing changes nothing and stands alone in its request.
    ///
    /// # Errors
    /// When a variable is not set, or a page fails: a part of the fleet is
    /// never taken for the whole.
    pub async fn fleet(&self) -> Result<Fleet, ResolveError> {
        let access = self.access.clone()?;
        let deadline = Instant::now() + self.limits.total * 2;
        let mut services = Vec::new();
        let mut after = None;
        for _ in 0..MAX_PAGES {
            let page = self.page_of_fleet(&access, after, deadline).await?;
            services.extend(page.edges.into_iter().map(|edge| edge.node.into()));
            after = page.page_info.end_cursor;
            if !page.page_info.has_next_page || after.is_none() {
                return Ok(Fleet::new(services));
            }
        }
        Err(RailwayError::NoAnswer(format!("more than {MAX_PAGES} pages of services")).into())
    }

    async fn page_of_fleet(
        &self,
        access: &Access,
        after: Option<String>,
        deadline: Instant,
    ) -> Result<fleet::FleetEnvironmentServiceInstances, RailwayError> {
        let variables = fleet::Variables {
            project_id: access.project_id.clone(),
            environment_id: access.environment_id.clone(),
            first: i64::from(self.limits.page),
            after,
        };
        let answer = self.read::<FleetQuery>(access, variables, deadline).await?;
        Ok(answer.data.environment.service_instances)
    }
}

impl From<fleet::FleetEnvironmentServiceInstancesEdgesNode> for FleetService {
    fn from(node: fleet::FleetEnvironmentServiceInstancesEdgesNode) -> Self {
        let active = node.active_deployments.into_iter();
        Self {
            id: node.service_id,
            name: node.service_name,
            created_at: node.created_at,
            latest: node.latest_deployment.map(Deployment::from),
            active: active.map(Deployment::from).collect(),
        }
    }
}
