//! Controls of agents: one at a time, each recorded as an operation with its
//! real outcome.
//!
//! A control acquires the lease of its instance, records the operation, locates
//! the Railway service, calls Railway, records the outcome, and releases the
//! lease. What Railway has accepted is not yet a success: [`Controls::settle`]
//! decides that later, from the deployment and the agent.

mod error;
mod rotation;
mod settings;
mod settle;
mod variables;

use std::time::Duration;

use jiff::Timestamp;

pub use error::ControlError;
pub use settings::ControlSettings;
pub use variables::{AgentVariables, InvalidAgentVariables};

use crate::clock::SharedClock;
use crate::model::{
    Control, Failure, FailureKind, IdempotencyKey, Instance, Operation, OperationId,
    OperationState, PinnedImage, UserId,
};
use crate::probe::Prober;
use crate::railway::{DeploymentId, Railway, RailwayService};
use crate::store::{Instances, LEASE, Lease, Memories, Operations, Tokens};

#[derive(Clone)]
pub struct Controls {
    pub clock: SharedClock,
    pub instances: Instances,
    /// Holds the leases as well.
    pub operations: Operations,
    pub tokens: Tokens,
    pub memories: Memories,
    pub railway: Railway,
    pub prober: Prober,
    /// The image that updates and factory resets pin.
    pub image: PinnedImage,
    /// The variables that every agent has.
    pub variables: AgentVariables,
}

/// A request for a control.
#[derive(Clone, Debug)]
pub struct Order {
    pub instance: Instance,
    pub user: UserId,
    /// The idempotency key, if the caller sent one.
    pub key: Option<IdempotencyKey>,
}

impl Controls {
    /// Runs a control, and returns its operation once Railway has accepted it.
    ///
    /// It completes even if the caller disconnects, so that no lease is left
    /// behind and no record stays incomplete.
    ///
    /// # Errors
    /// When another control is running, the key was used for something else,
    /// the service cannot be located, or Railway or the store fails.
    pub async fn run(&self, control: Control, order: Order) -> Result<Operation, ControlError> {
        self.run_to_its_end(control, order, None).await
    }

    /// Like [`Controls::run`], unless another control of this instance was
    /// requested since a given time. That is checked under the lease, so that
    /// what an owner has just done is never undone.
    ///
    /// # Errors
    /// As for [`Controls::run`], and when there was another control.
    pub async fn run_if_unchanged(
        &self,
        control: Control,
        order: Order,
        since: Timestamp,
    ) -> Result<Operation, ControlError> {
        self.run_to_its_end(control, order, Some(since)).await
    }

    async fn run_to_its_end(
        &self,
        control: Control,
        order: Order,
        unchanged_since: Option<Timestamp>,
    ) -> Result<Operation, ControlError> {
        let controls = self.clone();
        let running = async move {
            controls
                .lease_and_run(control, order, unchanged_since)
                .await
        };
        tokio::spawn(running)
            .await
            .map_err(ControlError::Panicked)?
    }

    async fn lease_and_run(
        &self,
        control: Control,
        order: Order,
        unchanged_since: Option<Timestamp>,
    ) -> Result<Operation, ControlError> {
        if let Some(before) = self.done_before(control, &order).await? {
            return Ok(before);
        }
        let now = self.clock.now();
        let id = OperationId::new(now);
        let lease = self
            .operations
            .lease(&order.instance.id, id, control, now)
            .await?
            .map_err(|holder| ControlError::Busy {
                control: holder.control,
                operation: holder.operation,
                retry_after: busy_for(holder.expires_at, now),
            })?;
        let outcome = match self.check_unchanged(&order, unchanged_since).await {
            Ok(()) => self.run_under(&lease, control, &order).await,
            Err(error) => Err(error),
        };
        if let Err(error) = self.operations.release_lease(lease).await {
            tracing::error!(%error, operation = %id, "a lease stays until it expires");
        }
        outcome
    }

    async fn check_unchanged(
        &self,
        order: &Order,
        since: Option<Timestamp>,
    ) -> Result<(), ControlError> {
        let Some(since) = since else {
            return Ok(());
        };
        let newest = self.operations.list(&order.instance.id, 1, None).await?;
        let mut theirs = newest.operations.into_iter();
        let theirs = theirs.find(|it| it.requested_by != order.user && it.started_at >= since);
        theirs.map_or(Ok(()), |it| {
            Err(ControlError::ChangedSince(it.control, it.id))
        })
    }

    async fn run_under(
        &self,
        lease: &Lease,
        control: Control,
        order: &Order,
    ) -> Result<Operation, ControlError> {
        // The previous holder may have run this very operation.
        if let Some(before) = self.done_before(control, order).await? {
            return Ok(before);
        }
        if control == Control::RotateToken {
            self.check_no_rotation(&order.instance).await?;
        }
        let now = self.clock.now();
        let mut operation = Operation {
            id: lease.operation,
            instance: order.instance.id.clone(),
            control,
            requested_by: order.user.clone(),
            started_at: now,
            finished_at: None,
            state: OperationState::Running,
            service_id: None,
            deployment_id: None,
            image: None,
        };
        self.operations.save(&operation).await?;
        if let Some(key) = &order.key {
            self.operations.remember_key(key, &operation, now).await?;
        }
        let done = self.act(lease, &order.instance, &mut operation).await;
        match &done {
            Ok(()) => operation.state = OperationState::Accepted,
            Err(error) => {
                operation.finished_at = Some(self.clock.now());
                operation.state = OperationState::Failed(Failure {
                    kind: error.failure_kind(),
                    reason: error.to_string(),
                });
            }
        }
        // Railway has acted, so the control succeeds even if that cannot be
        // recorded.
        if let Err(error) = self.operations.save(&operation).await {
            tracing::error!(%error, operation = %operation.id, "an outcome is not on record");
        }
        if operation.deployment_id.is_some()
            && let Err(error) = self
                .instances
                .record_deployment(&operation.instance, now)
                .await
        {
            tracing::error!(%error, operation = %operation.id, "a deployment is not on record");
        }
        done.map(|()| operation)
    }

    /// The operation that the caller's idempotency key was used for, if there
    /// is one.
    async fn done_before(
        &self,
        control: Control,
        order: &Order,
    ) -> Result<Option<Operation>, ControlError> {
        let Some(key) = &order.key else {
            return Ok(None);
        };
        let now = self.clock.now();
        let instance = &order.instance.id;
        let Some(used) = self.operations.used_key(instance, key, now).await? else {
            return Ok(None);
        };
        if used.control != control {
            return Err(ControlError::KeyReused(used.control));
        }
        let Some(operation) = self.operations.get(instance, &used.operation).await? else {
            return Ok(None);
        };
        match &operation.state {
            OperationState::Running => {
                let expires_at = operation.started_at + LEASE;
                Err(if expires_at > now {
                    ControlError::Busy {
                        control,
                        operation: operation.id.to_string(),
                        retry_after: busy_for(expires_at, now),
                    }
                } else {
                    ControlError::Interrupted(operation.id)
                })
            }
            OperationState::Failed(failure) if failure.kind != FailureKind::NotSettled => {
                Err(ControlError::FailedBefore(failure.clone()))
            }
            _ => Ok(Some(operation)),
        }
    }

    async fn act(
        &self,
        lease: &Lease,
        instance: &Instance,
        operation: &mut Operation,
    ) -> Result<(), ControlError> {
        let service = self.locate(instance).await?;
        operation.service_id = Some(service.id().to_owned());
        let deployment = match operation.control {
            Control::Start => Some(self.railway(lease)?.start(&service).await?),
            Control::Stop => self.railway(lease)?.stop(&service).await?,
            Control::Restart => Some(self.restart(lease, &service).await?),
            Control::Repair => {
                let variables = self.variables_of(instance).await?;
                Some(self.railway(lease)?.repair(&service, &variables).await?)
            }
            Control::RotateToken => Some(self.rotate(lease, &service).await?),
            Control::ResetMemory => {
                self.memories.delete_all(&instance.owner).await?;
                let restarted = self.restart(lease, &service).await;
                Some(restarted.map_err(|error| ControlError::OnlyMemoryReset(Box::new(error)))?)
            }
            Control::Update => {
                operation.image = Some(self.image.image().clone());
                let railway = self.railway(lease)?;
                let deployment = railway.update_image(&service, &self.image).await?;
                self.record_image(lease).await;
                Some(deployment)
            }
            Control::FactoryReset => {
                operation.image = Some(self.image.image().clone());
                let variables = self.variables_of(instance).await?;
                let railway = self.railway(lease)?;
                let deployment = railway
                    .factory_reset(&service, &variables, &self.image)
                    .await?;
                self.record_image(lease).await;
                Some(deployment)
            }
        };
        operation.deployment_id = deployment.map(|id| id.to_string());
        Ok(())
    }

    async fn restart(
        &self,
        lease: &Lease,
        service: &RailwayService,
    ) -> Result<DeploymentId, ControlError> {
        Ok(self.railway(lease)?.restart(service).await?)
    }

    async fn locate(&self, instance: &Instance) -> Result<RailwayService, ControlError> {
        let service = self.railway.resolve(instance).await?;
        if service.was_discovered() {
            // If this fails, the next control lists the project again, which is
            // slow but correct.
            let recorded = self
                .instances
                .record_service(&instance.id, service.id())
                .await;
            if let Err(error) = recorded {
                tracing::warn!(%error, instance = %instance.id, "a service id is not on record");
            }
        }
        Ok(service)
    }

    /// Access to Railway for the holder of a lease. A process that was
    /// suspended until its lease expired must not go on.
    fn railway(&self, lease: &Lease) -> Result<&Railway, ControlError> {
        if self.clock.now() < lease.expires_at {
            Ok(&self.railway)
        } else {
            Err(ControlError::LeaseExpired)
        }
    }

    async fn record_image(&self, lease: &Lease) {
        if let Err(error) = self.instances.record_image(lease, self.image.image()).await {
            tracing::error!(%error, instance = %lease.instance, "an image is not on record");
        }
    }
}

/// When to retry: a control takes a second or two, and only the lease of a
/// crashed holder lasts until it expires.
fn busy_for(expires_at: Timestamp, now: Timestamp) -> Duration {
    let rest = expires_at.duration_since(now).unsigned_abs();
    rest.clamp(Duration::from_secs(1), Duration::from_secs(5))
}
