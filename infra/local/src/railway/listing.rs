//! The queries that list the whole environment.

use jiff::Timestamp;
use serde_json::Value;

use super::ids::{ENVIRONMENT_ID, PROJECT_ID};
use super::model::{Deployment, Project, Service};

impl Project {
    /// The services with what runs in them.
    pub(super) fn listing(&self) -> Vec<Value> {
        self.services.iter().map(Service::json).collect()
    }

    /// The deployments of all services, the newest first.
    pub(super) fn history(&self, input: &Value) -> Result<Vec<Value>, String> {
        let is = |name: &str, id: &str| input.get(name).and_then(Value::as_str) == Some(id);
        if !is("projectId", PROJECT_ID) || !is("environmentId", ENVIRONMENT_ID) {
            return Err("Project not found".to_owned());
        }
        let mut all: Vec<&Deployment> = self
            .services
            .iter()
            .flat_map(|service| &service.deployments)
            .collect();
        all.sort_by_key(|deployment| std::cmp::Reverse(deployment.created_at));
        Ok(all.into_iter().map(Deployment::json).collect())
    }

    /// The services whose containers run, and since when they do.
    pub(super) fn running(&self) -> impl Iterator<Item = (&Service, Timestamp)> {
        self.services.iter().filter_map(|service| {
            let runs = |it: &&Deployment| it.status == "SUCCESS" && !it.stopped;
            let deployment = service.deployments.iter().rfind(runs)?;
            Some((service, deployment.status_updated_at))
        })
    }
}
