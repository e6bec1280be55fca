//! Errors of controls.

use std::time::Duration;

use tokio::task::JoinError;

use crate::model::{Control, Failure, FailureKind, OperationId};
use crate::railway::{OperationError, ResolveError};
use crate::random::RandomError;
use crate::store::StoreError;

/// Why a control failed. The messages are for the owner of the agent.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Another control has the lease.
    #[error("{control} is running on this instance (operation {operation})")]
    Busy {
        control: Control,
        operation: String,
        retry_after: Duration,
    },
    /// Another control was requested since a given time. Only self-healing asks.
    #[error("{0} was requested a moment ago (operation {1})")]
    ChangedSince(Control, OperationId),
    /// The idempotency key was used for another control.
    #[error("This Idempotency-Key was used for {0}")]
    KeyReused(Control),
    /// The operation of this idempotency key never finished.
    #[error(
        "Operation {0} was interrupted, and its outcome is unknown; use a new Idempotency-Key to do it again"
    )]
    Interrupted(OperationId),
    /// The operation of this idempotency key failed, and is not repeated.
    #[error("{}", .0.reason)]
    FailedBefore(Failure),
    /// The agent's service could not be located.
    #[error(transparent)]
    NotLocated(#[from] ResolveError),
    /// It was located, and Railway failed.
    #[error(transparent)]
    NotDone(#[from] OperationError),
    /// The memories were deleted, but the restart failed.
    #[error("The agent's memory was deleted, but it was not restarted: {0}")]
    OnlyMemoryReset(#[source] Box<Self>),
    /// A rotation failed; the variable may have been written all the same.
    #[error("The token was not rotated, the old one stays: {0}")]
    NotRotated(#[source] OperationError),
    /// The outcome of an operation cannot be found out at present.
    #[error("Railway cannot tell how the deployment is: {0}")]
    CannotTell(#[source] OperationError),
    /// The lease ran out before Railway was asked.
    #[error("The operation took too long and was given up; nothing was sent to Railway")]
    LeaseExpired,
    /// No token could be generated.
    #[error("No gateway token could be made")]
    NoToken(#[from] RandomError),
    /// The store failed; the cause is for the log.
    #[error("{}", .0.for_strangers())]
    Store(#[from] StoreError),
    /// A bug; the cause is for the log.
    #[error("Internal server error")]
    Panicked(#[source] JoinError),
}

impl ControlError {
    /// The step that failed, as it is recorded.
    pub fn failure_kind(&self) -> FailureKind {
        match self {
            Self::NotLocated(_) => FailureKind::NotLocated,
            Self::FailedBefore(failure) => failure.kind,
            _ => FailureKind::NotDone,
        }
    }

    /// When a retry may help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => Some(*retry_after),
            Self::NotLocated(error) => error.retry_after(),
            Self::NotDone(error) | Self::NotRotated(error) | Self::CannotTell(error) => {
                error.retry_after()
            }
            Self::OnlyMemoryReset(error) => error.retry_after(),
            _ => None,
        }
    }
}
