//! Railway's own statuses of deployments and their instances.

use serde::Deserialize;

/// Railway's `DeploymentStatus`. [`DeploymentState`](super::DeploymentState) says what its values mean here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeploymentStatus {
    Building,
    Crashed,
    Deploying,
    Failed,
    Initializing,
    NeedsApproval,
    Queued,
    Removed,
    Removing,
    Skipped,
    Sleeping,
    Success,
    Waiting,
    /// A word that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Railway's `DeploymentInstanceStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InstanceStatus {
    Crashed,
    Created,
    Exited,
    Initializing,
    Removed,
    Removing,
    Restarting,
    Running,
    Skipped,
    Stopped,
    /// A word that this version does not know.
    #[serde(other)]
    Unknown,
}

impl InstanceStatus {
    /// Of an instance that will run soon.
    pub(super) const COMING: &[Self] = &[Self::Created, Self::Initializing, Self::Restarting];
}
