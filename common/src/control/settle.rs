//! Settling: determines the outcome of an operation that Railway has accepted.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep, timeout_at};

use super::{ControlError, Controls};
use crate::model::{Control, Failure, FailureKind, Instance, Operation, OperationState};
use crate::probe::{ProbeReport, Process, SKEW, Status};
use crate::railway::{DeploymentId, DeploymentState};
use crate::store::LEASE;

/// An agent that is not ready after this time will not become ready.
const PATIENCE: SignedDuration = SignedDuration::from_mins(15);

/// The time limit for one check of Railway and the agent, whatever the caller's
/// limit is.
const ONE_LOOK: Duration = Duration::from_secs(10);

/// For how long an agent that reports no uptime may still be the old process.
const DOUBT: SignedDuration = SignedDuration::from_secs(15);

impl Controls {
    /// Waits until the outcome of an operation is known, for `limit` at most,
    /// and returns the operation as it is then.
    ///
    /// An operation has succeeded when its deployment has settled **and** the
    /// agent agrees: it is ready, in a process that began after the operation;
    /// after a stop, it no longer answers; after a rotation, it also accepts the
    /// new token.
    ///
    /// # Errors
    /// When a request to Railway or the store fails.
    pub async fn settle(
        &self,
        mut operation: Operation,
        instance: &Instance,
        limit: Duration,
    ) -> Result<Operation, ControlError> {
        let start = Instant::now();
        let deadline = start + limit;
        let first_pause = self.railway.limits().poll;
        let mut pause = first_pause;
        loop {
            let look = self.outcome(&operation, instance);
            let Ok(outcome) = timeout_at(deadline.max(start + ONE_LOOK), look).await else {
                return Ok(operation);
            };
            if let Some(state) = outcome? {
                let state = match operation.control {
                    Control::RotateToken => self.close_rotation(&operation, state).await?,
                    _ => state,
                };
                let before = std::mem::replace(&mut operation.state, state);
                operation.finished_at = Some(self.clock.now());
                self.operations.conclude(&operation, &before).await?;
                let decided = self.operations.get(&instance.id, &operation.id).await?;
                return Ok(decided.unwrap_or(operation));
            }
            if operation.finished_at.is_some() || Instant::now() + pause > deadline {
                return Ok(operation);
            }
            sleep(pause).await;
            // Each check costs a request to Railway, which limits their number.
            pause = (pause * 2).min(first_pause * 4);
            if let OperationState::Running = operation.state {
                let again = self.operations.get(&instance.id, &operation.id).await?;
                operation = again.unwrap_or(operation);
            }
        }
    }

    /// The outcome, once it is known.
    async fn outcome(
        &self,
        operation: &Operation,
        instance: &Instance,
    ) -> Result<Option<OperationState>, ControlError> {
        let now = self.clock.now();
        match (&operation.state, &operation.deployment_id) {
            (OperationState::Running, _) => Ok((operation.started_at + LEASE <= now).then(|| {
                OperationState::Failed(Failure {
                    kind: FailureKind::NotDone,
                    reason: "The operation was interrupted, and its outcome is unknown".to_owned(),
                })
            })),
            // There was nothing to stop.
            (OperationState::Accepted, None) => Ok(Some(OperationState::Succeeded)),
            (OperationState::Accepted, Some(id)) if operation.control == Control::RotateToken => {
                let deployment = DeploymentId::from(id.clone());
                self.rotation_outcome(operation, instance, &deployment, now)
                    .await
            }
            (OperationState::Accepted, Some(id)) => {
                let service = self.locate(instance).await?;
                let deployment = self
                    .railway
                    .deployment(&service, &DeploymentId::from(id.clone()))
                    .await
                    .map_err(ControlError::CannotTell)?;
                if !asks_agent(operation.control, deployment.state) {
                    return Ok(without_agent(operation, deployment.state, now));
                }
                let report = self.prober.probe(&instance.url()).await;
                let state = with_agent(operation, &report, now);
                if state.is_none()
                    && operation.control == Control::Stop
                    && self.is_followed(operation).await?
                {
                    // A later control may be why the agent answers.
                    return Ok(Some(OperationState::Succeeded));
                }
                Ok(state)
            }
            _ => Ok(None),
        }
    }

    /// Whether another control was requested after this operation.
    async fn is_followed(&self, operation: &Operation) -> Result<bool, ControlError> {
        let newest = self.operations.list(&operation.instance, 1, None).await?;
        Ok(newest
            .operations
            .first()
            .is_some_and(|newest| newest.id != operation.id))
    }
}

/// Whether the deployment is in the state that the control wants, so that only
/// the agent has to confirm it.
fn asks_agent(control: Control, deployment: DeploymentState) -> bool {
    match control {
        Control::Stop => deployment == DeploymentState::Stopped,
        _ => deployment == DeploymentState::Running,
    }
}

/// The outcome for a deployment that is not in the state that the control
/// wants.
pub(super) fn without_agent(
    operation: &Operation,
    deployment: DeploymentState,
    now: Timestamp,
) -> Option<OperationState> {
    let reason = match deployment {
        // A probe would wake it.
        DeploymentState::Sleeping if operation.control != Control::Stop => {
            return Some(OperationState::Succeeded);
        }
        DeploymentState::Crashed => "The deployment crashed",
        DeploymentState::Failed => "The deployment failed",
        DeploymentState::Skipped => "Railway skipped the deployment: nothing had changed",
        DeploymentState::Stopped => "The deployment was stopped or replaced by another one",
        DeploymentState::AwaitingApproval => {
            return out_of_patience(operation, now, "The deployment awaits approval on Railway");
        }
        DeploymentState::Starting
        | DeploymentState::Running
        | DeploymentState::Stopping
        | DeploymentState::Sleeping
        | DeploymentState::Unknown => {
            return out_of_patience(operation, now, "The deployment did not settle");
        }
    };
    Some(not_settled(reason))
}

/// The outcome as the agent confirms it, once the deployment is in the wanted
/// state.
pub(super) fn with_agent(
    operation: &Operation,
    report: &ProbeReport,
    now: Timestamp,
) -> Option<OperationState> {
    let agrees = match operation.control {
        Control::Stop => report.status == Status::Unreachable,
        // A degradation, of a channel or of the way through a proxy, does not
        // fail the control.
        _ => report.process == Process::Up && is_new_process(operation, report, now),
    };
    if agrees {
        Some(OperationState::Succeeded)
    } else {
        out_of_patience(
            operation,
            now,
            "The agent did not come to the state it should",
        )
    }
}

/// Whether the process that answers began after the operation did: right after
/// a restart, the old one may still be answering.
fn is_new_process(operation: &Operation, report: &ProbeReport, now: Timestamp) -> bool {
    let elapsed = now.duration_since(operation.started_at);
    match report.uptime {
        Some(uptime) => uptime.duration() <= elapsed.unsigned_abs() + SKEW,
        None => elapsed >= DOUBT,
    }
}

fn out_of_patience(operation: &Operation, now: Timestamp, what: &str) -> Option<OperationState> {
    let waited = now.duration_since(operation.started_at);
    (waited >= PATIENCE)
        .then(|| not_settled(&format!("{what} within {} minutes", PATIENCE.as_mins())))
}

pub(super) fn not_settled(reason: &str) -> OperationState {
    OperationState::Failed(Failure {
        kind: FailureKind::NotSettled,
        reason: reason.to_owned(),
    })
}
