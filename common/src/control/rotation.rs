//! Rotation of an agent's gateway token: the new one is pending until the agent
//! has proved that it accepts it.
//!
//! The token's record decides: a rotation has succeeded once its token was
//! promoted there, in one write, and failed once it was withdrawn. Until then
//! the old token stays in use.

use std::time::Duration;

use jiff::Timestamp;

use super::settle::{not_settled, with_agent, without_agent};
use super::variables::GATEWAY_TOKEN;
use super::{ControlError, Controls};
use crate::model::{Instance, Operation, OperationState};
use crate::probe::Proof;
use crate::railway::{DeploymentId, DeploymentState, RailwayService, Variables};
use crate::random;
use crate::store::{Lease, Rotation};

/// Part of every failed rotation's message: its token may already be among the
/// agent's variables, or even in use by the agent.
const OLD_STAYS: &str = "the old token stays, and a repair brings it back to the agent";

/// When to retry while a rotation is not settled.
const SOON: Duration = Duration::from_secs(5);

impl Controls {
    /// Settles a pending rotation, if there is one, and returns it if it is
    /// still pending. For callers that are about to use the token.
    ///
    /// # Errors
    /// When a request to Railway or the store fails.
    pub async fn settle_rotation(
        &self,
        instance: &Instance,
    ) -> Result<Option<Operation>, ControlError> {
        let Some(id) = self.tokens.pending_rotation(&instance.id).await? else {
            return Ok(None);
        };
        if let Some(operation) = self.operations.get(&instance.id, &id).await? {
            let operation = self.settle(operation, instance, Duration::ZERO).await?;
            if operation.finished_at.is_none() {
                return Ok(Some(operation));
            }
        }
        // The rotation has ended, so its pending token must go.
        self.tokens.withdraw(&instance.id, &id).await?;
        Ok(None)
    }

    /// Fails while a rotation is pending, which then could never settle.
    pub(super) async fn check_no_rotation(&self, instance: &Instance) -> Result<(), ControlError> {
        match self.settle_rotation(instance).await? {
            None => Ok(()),
            Some(open) => Err(ControlError::Busy {
                control: open.control,
                operation: open.id.to_string(),
                retry_after: SOON,
            }),
        }
    }

    /// Stores a new token as pending, then writes it to the agent's variables
    /// and deploys: a token that is only on Railway would be lost.
    pub(super) async fn rotate(
        &self,
        lease: &Lease,
        service: &RailwayService,
    ) -> Result<DeploymentId, ControlError> {
        let (instance, id) = (&lease.instance, &lease.operation);
        let new = random::gateway_token()?;
        let railway = self.railway(lease)?;
        self.tokens.propose(instance, id, &new).await?;
        let variables = Variables::default().with(GATEWAY_TOKEN, Some(new.reveal()));
        let error = match railway.repair(service, &variables).await {
            Ok(deployment) => return Ok(deployment),
            Err(error) => error,
        };
        if let Err(error) = self.tokens.withdraw(instance, id).await {
            tracing::error!(%error, operation = %id, "a pending token stays until it is looked at");
        }
        Err(ControlError::NotRotated(error))
    }

    /// The outcome of a rotation that Railway has accepted.
    pub(super) async fn rotation_outcome(
        &self,
        operation: &Operation,
        instance: &Instance,
        deployment: &DeploymentId,
        now: Timestamp,
    ) -> Result<Option<OperationState>, ControlError> {
        let token = match self.tokens.rotation(&instance.id, &operation.id).await? {
            Rotation::Pending(token) => token,
            Rotation::Done => return Ok(Some(OperationState::Succeeded)),
            Rotation::GivenUp => return Ok(Some(given_up())),
        };
        let service = self.locate(instance).await?;
        let deployment = self.railway.deployment(&service, deployment).await;
        match deployment.map_err(ControlError::CannotTell)?.state {
            // A deployment that replaced it has the same variables.
            DeploymentState::Running | DeploymentState::Stopped | DeploymentState::Sleeping => {}
            // The new token never reached a process.
            ended @ (DeploymentState::Crashed
            | DeploymentState::Failed
            | DeploymentState::Skipped) => return Ok(without_agent(operation, ended, now)),
            _ => return Ok(None),
        }
        let url = instance.url();
        let report = self.prober.probe(&url).await;
        // However long an agent takes to start, it starts with the new token.
        if with_agent(operation, &report, now) != Some(OperationState::Succeeded) {
            return Ok(None);
        }
        let why = match self.prober.prove(&url, &token).await {
            Proof::Accepted => return Ok(Some(OperationState::Succeeded)),
            Proof::Refused => return Ok(Some(not_settled("The agent refused the new token"))),
            // None of these speaks against the token: it stays pending until it is
            // proved, or a repair brings the old one back to the agent.
            Proof::NotLetIn(why) | Proof::Inconclusive(why) => why,
            Proof::Unprovable => "it takes any token".to_owned(),
        };
        tracing::info!(operation = %operation.id, why, "the agent does not tell whether it takes a new token");
        Ok(None)
    }

    /// Applies an outcome to the token's record, and returns the one that
    /// holds: of two concurrent callers the first one counts.
    pub(super) async fn close_rotation(
        &self,
        operation: &Operation,
        outcome: OperationState,
    ) -> Result<OperationState, ControlError> {
        let (instance, id) = (&operation.instance, &operation.id);
        let rotation = match &outcome {
            OperationState::Succeeded => self.tokens.promote(instance, id).await?,
            _ => self.tokens.withdraw(instance, id).await?,
        };
        let state = match (rotation, outcome) {
            (Rotation::Done, _) => OperationState::Succeeded,
            (_, OperationState::Succeeded) => given_up(),
            (_, failed) => failed,
        };
        Ok(match state {
            OperationState::Failed(mut failure) => {
                failure.reason = format!("{}; {OLD_STAYS}", failure.reason);
                OperationState::Failed(failure)
            }
            other => other,
        })
    }
}

fn given_up() -> OperationState {
    not_settled("Another control took the rotation's place")
}
