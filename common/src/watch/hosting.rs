//! What Railway reports about an agent's service, in the sweep's terms.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a sweep needs to know of a service before it probes the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hosting {
    /// There is a container, or should be: the agent can be probed.
    Deployed,
    /// A deployment is in progress.
    Deploying,
    /// Put to sleep by Railway.
    Sleeping,
    /// Stopped on purpose.
    Stopped,
}

/// A service, at the time of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostedService {
    pub id: String,
    pub name: String,
    pub hosting: Hosting,
    /// When its last deployment was created.
    pub deployed_at: Timestamp,
    /// When its process crashed, unless it was started again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crashed_at: Option<Timestamp>,
}
