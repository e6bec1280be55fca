//! What Railway's mutations do to the simulated project.

use serde_json::Value;

use super::ids::{ENVIRONMENT_ID, PROJECT_ID};
use super::model::{Project, behave};
use super::timeline::{self, Timeline};
use crate::agents::Behaviour;

impl Project {
    /// Creates a deployment and starts its timeline.
    pub(super) fn deploy(&mut self, service: &str, environment: &str) -> Result<String, String> {
        let found = self
            .service(service)
            .filter(|_| environment == ENVIRONMENT_ID)
            .ok_or("ServiceInstance not found")?;
        let (deployment, fails) = (self.new_deployment(found), found.fails);
        let id = deployment.id.clone();
        if let Some(service) = self.service_mut(service) {
            for older in &mut service.deployments {
                if older.is_pending() {
                    older.status = "REMOVED";
                    older.timeline += 1;
                }
            }
            service.deployments.push(deployment);
        }
        timeline::start(
            self,
            &id,
            if fails {
                Timeline::FAIL
            } else {
                Timeline::DEPLOY
            },
        );
        Ok(id)
    }

    pub(super) fn update(&mut self, service: &str, input: &Value) -> Result<bool, String> {
        let service = self
            .service_mut(service)
            .ok_or("ServiceInstance not found")?;
        if let Some(image) = input.pointer("/source/image").and_then(Value::as_str) {
            image.clone_into(&mut service.image);
        }
        Ok(true)
    }

    /// Deploys too, unless `skipDeploys` is set: a client that then deploys itself
    /// gets two deployments.
    pub(super) fn upsert_variables(&mut self, input: &Value) -> Result<bool, String> {
        let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
        let flag = |name: &str| input.get(name).and_then(Value::as_bool) == Some(true);
        if text("projectId") != PROJECT_ID {
            return Err("Project not found".to_owned());
        }
        let service = self
            .service_mut(text("serviceId"))
            .ok_or("Service not found")?;
        if flag("replace") {
            service.variables.clear();
        }
        let given = input.get("variables").and_then(Value::as_object);
        for (name, value) in given.into_iter().flatten() {
            let value = value.as_str().ok_or("variables must be a map of texts")?;
            service.variables.insert(name.clone(), value.to_owned());
        }
        if !flag("skipDeploys") {
            self.deploy(text("serviceId"), text("environmentId"))?;
        }
        Ok(true)
    }

    pub(super) fn stop(&mut self, id: &str) -> Result<bool, String> {
        let (service, deployment) = self.find(id)?;
        if !matches!(deployment.status, "SUCCESS" | "SLEEPING" | "CRASHED") {
            return Err("Deployment is not running".to_owned());
        }
        deployment.status = "SUCCESS";
        deployment.stopped = true;
        behave(service, Behaviour::Unreachable);
        timeline::start(self, id, Timeline::STOP);
        Ok(true)
    }

    pub(super) fn cancel(&mut self, id: &str) -> Result<bool, String> {
        let now = self.clock.now();
        let (service, deployment) = self.find(id)?;
        if !deployment.is_pending() && deployment.status != "NEEDS_APPROVAL" {
            return Err("Deployment is not in progress".to_owned());
        }
        deployment.status = "REMOVED";
        deployment.status_updated_at = now;
        deployment.timeline += 1;
        // The deployment that it had replaced serves again.
        if self.runs_beside(id) {
            behave(service, Behaviour::Running);
        }
        Ok(true)
    }

    /// Whether another deployment of the same service runs.
    fn runs_beside(&self, id: &str) -> bool {
        self.services
            .iter()
            .filter(|service| service.deployments.iter().any(|it| it.id == id))
            .flat_map(|service| &service.deployments)
            .any(|it| it.id != id && it.status == "SUCCESS" && !it.stopped)
    }

    /// Restarts the process with the variables that its container was made with.
    pub(super) fn restart(&mut self, id: &str) -> Result<bool, String> {
        let now = self.clock.now();
        let (service, deployment) = self.find(id)?;
        if !matches!(deployment.status, "SUCCESS" | "SLEEPING" | "CRASHED") {
            return Err("Deployment cannot be restarted".to_owned());
        }
        deployment.status = "SUCCESS";
        deployment.instance = Some("RESTARTING");
        deployment.stopped = false;
        deployment.status_updated_at = now;
        behave(service, Behaviour::Unreachable);
        timeline::start(self, id, Timeline::RESTART);
        Ok(true)
    }
}
