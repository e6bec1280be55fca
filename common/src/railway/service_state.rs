//! What runs in a service, and the state of its deployments.

use tokio::time::Instant;

use super::client::Railway;
use super::documents::{DeploymentState as DeploymentQuery, ServiceState as ServiceQuery};
use super::documents::{deployment_state, service_state};
use super::error::{OperationError, RailwayError};
use super::resolve::RailwayService;
use super::transport::Answer;
use super::{Deployment, DeploymentId, DeploymentState};

/// What runs, and what was deployed last. They differ while a deployment is in
/// progress, and after one failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceState {
    /// The deployment that was made last, whatever became of it.
    pub latest: Option<Deployment>,
    /// The deployments that run.
    pub active: Vec<Deployment>,
}

impl Railway {
    /// The last deployment of a service that changed something; none if nothing
    /// was ever deployed.
    ///
    /// # Errors
    /// When Railway fails.
    pub async fn latest(
        &self,
        service: &RailwayService,
    ) -> Result<Option<Deployment>, OperationError> {
        let state = self.state(service).await?;
        let skipped = |latest: &Deployment| latest.state == DeploymentState::Skipped;
        Ok(match state.latest {
            Some(latest) if skipped(&latest) => state.active.into_iter().next().or(Some(latest)),
            latest => latest,
        })
    }

    /// What runs, and what was deployed last.
    ///
    /// # Errors
    /// When Railway fails.
    pub async fn state(&self, service: &RailwayService) -> Result<ServiceState, OperationError> {
        let answer = self.service_state(service, self.deadline()).await?;
        Ok(answer.data)
    }

    /// The state of a deployment: one request, for callers that wait for it.
    ///
    /// # Errors
    /// When Railway fails.
    pub async fn deployment(
        &self,
        service: &RailwayService,
        id: &DeploymentId,
    ) -> Result<Deployment, OperationError> {
        Ok(self.one_deployment(service, id, self.deadline()).await?)
    }

    pub(super) async fn service_state(
        &self,
        service: &RailwayService,
        deadline: Instant,
    ) -> Result<Answer<ServiceState>, RailwayError> {
        let variables = service_state::Variables {
            service_id: service.id().to_owned(),
            environment_id: service.access().environment_id.clone(),
        };
        let answer = self
            .read::<ServiceQuery>(service.access(), variables, deadline)
            .await?;
        let instance = answer.data.service_instance;
        Ok(Answer {
            data: ServiceState {
                latest: instance.latest_deployment.map(Deployment::from),
                active: instance
                    .active_deployments
                    .into_iter()
                    .map(Deployment::from)
                    .collect(),
            },
            date: answer.date,
        })
    }

    pub(super) async fn one_deployment(
        &self,
        service: &RailwayService,
        id: &DeploymentId,
        deadline: Instant,
    ) -> Result<Deployment, RailwayError> {
        let variables = deployment_state::Variables {
            id: id.as_str().to_owned(),
        };
        let answer = self
            .read::<DeploymentQuery>(service.access(), variables, deadline)
            .await?;
        Ok(answer.data.deployment.into())
    }
}
