//! Stopping and restarting, which depend on what runs: one request for the
//! state, and one for the action.

use tokio::time::Instant;

use super::client::Railway;
use super::documents::{
    Cancel, CancelAndStop, Restart, Stop, cancel, cancel_and_stop, restart, stop,
};
use super::error::{OperationError, RailwayError};
use super::operation::done;
use super::resolve::RailwayService;
use super::service_state::ServiceState;
use super::{Deployment, DeploymentId, DeploymentState};

impl Railway {
    /// Stops what runs, and ends what is about to run. Returns the deployment
    /// that goes down, which may be on its way already; none if there was
    /// nothing to stop.
    ///
    /// # Errors
    /// When Railway fails.
    pub async fn stop(
        &self,
        service: &RailwayService,
    ) -> Result<Option<DeploymentId>, OperationError> {
        let deadline = self.deadline();
        let mut state = self.service_state(service, deadline).await?.data;
        while let Err(error) = self.bring_down(service, &state, deadline).await {
            let RailwayError::Refused(_) = error else {
                return Err(error.into());
            };
            // What was about to run when the state was read may run by now, and
            // what runs is not cancelled but stopped.
            let now = self.service_state(service, deadline).await?.data;
            if now.up() == state.up() {
                return Err(error.into());
            }
            state = now;
        }
        let goes_down = state.running().or(state.pending()).or(state.stopping());
        Ok(goes_down.map(|deployment| deployment.id.clone()))
    }

    /// Stops what runs and cancels what is about to run in this state.
    async fn bring_down(
        &self,
        service: &RailwayService,
        state: &ServiceState,
        deadline: Instant,
    ) -> Result<(), RailwayError> {
        let access = service.access();
        let stopped = |_| async {
            let state = self.service_state(service, deadline).await?.data;
            Ok((state.up() == (None, None)).then_some(()))
        };
        let id = |deployment: &DeploymentId| deployment.as_str().to_owned();
        match state.up() {
            (None, None) => Ok(()),
            (None, Some(running)) => {
                let variables = stop::Variables {
                    running: id(running),
                };
                let answered = |answer: stop::ResponseData| done(answer.deployment_stop);
                self.write::<Stop, _, _>(access, variables, deadline, answered, stopped)
                    .await
            }
            (Some(pending), None) => {
                let variables = cancel::Variables {
                    pending: id(pending),
                };
                let answered = |answer: cancel::ResponseData| done(answer.deployment_cancel);
                self.write::<Cancel, _, _>(access, variables, deadline, answered, stopped)
                    .await
            }
            (Some(pending), Some(running)) => {
                let variables = cancel_and_stop::Variables {
                    pending: id(pending),
                    running: id(running),
                };
                let answered = |answer: cancel_and_stop::ResponseData| {
                    done(answer.deployment_cancel)?;
                    done(answer.deployment_stop)
                };
                self.write::<CancelAndStop, _, _>(access, variables, deadline, answered, stopped)
                    .await
            }
        }
    }

    /// Restarts the process in its container, which picks up no new variables.
    /// Where none runs, there is nothing to restart, and the service is deployed
    /// instead. Returns the deployment whose process is new.
    ///
    /// # Errors
    /// When Railway fails.
    pub async fn restart(&self, service: &RailwayService) -> Result<DeploymentId, OperationError> {
        let deadline = self.deadline();
        let state = self.service_state(service, deadline).await?.data;
        let awake = |it: &&Deployment| it.state != DeploymentState::Sleeping;
        let Some(before) = state.running().filter(awake) else {
            return Ok(self.start_until(service, deadline).await?);
        };
        let variables = restart::Variables {
            id: before.id.as_str().to_owned(),
        };
        self.write::<Restart, _, _>(
            service.access(),
            variables,
            deadline,
            |answer| done(answer.deployment_restart),
            |_| async {
                let now = self.one_deployment(service, &before.id, deadline).await?;
                Ok((now != *before).then_some(()))
            },
        )
        .await?;
        Ok(before.id.clone())
    }
}

impl ServiceState {
    /// The deployments that are about to run and that run.
    fn up(&self) -> (Option<&DeploymentId>, Option<&DeploymentId>) {
        (
            self.pending().map(|it| &it.id),
            self.running().map(|it| &it.id),
        )
    }

    /// The deployment in progress, or waiting for somebody.
    fn pending(&self) -> Option<&Deployment> {
        use DeploymentState::{AwaitingApproval, Starting};
        let is_pending = |it: &&Deployment| matches!(it.state, Starting | AwaitingApproval);
        self.latest.as_ref().filter(is_pending).filter(|latest| {
            // A restart also leaves a deployment on its way up, but an active one.
            !self.active.iter().any(|active| active.id == latest.id)
        })
    }

    /// The deployment that runs. While a newer one is in progress, or after it
    /// failed, it is not the latest.
    fn running(&self) -> Option<&Deployment> {
        use DeploymentState::{Running, Sleeping, Starting, Unknown};
        let pending = self.pending().map(|it| &it.id);
        let there = || self.all().filter(move |it| Some(&it.id) != pending);
        there()
            .find(|it| matches!(it.state, Running | Sleeping | Starting))
            .or_else(|| there().find(|it| it.state == Unknown))
    }

    /// The deployment that is on its way down.
    fn stopping(&self) -> Option<&Deployment> {
        self.all().find(|it| it.state == DeploymentState::Stopping)
    }

    fn all(&self) -> impl Iterator<Item = &Deployment> {
        self.latest.iter().chain(&self.active)
    }
}
