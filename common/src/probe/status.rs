//! The contract's words for an agent's state.

use serde::Serialize;
use utoipa::ToSchema;

/// The contract's seven values for an agent's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// `/api/status` reports the agent process as running.
    Running,
    /// `/healthz` and `/readyz` both respond, and `/api/status` does not decide.
    Healthy,
    /// Alive, but not ready yet.
    Starting,
    /// `/api/status` reports the agent process as stopped.
    Stopped,
    /// `/api/status` reports that the agent is not configured yet.
    Setup,
    /// Something answers, and it is not conclusive.
    Unknown,
    /// No path responds successfully.
    Unreachable,
}
