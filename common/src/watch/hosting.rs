//! What the platform that runs an agent says of it, in the sweep's terms.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a sweep needs to know of a service before it asks the agent in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hosting {
    /// A container is there or should be: the agent can be asked.
    Deployed,
    /// A deployment is on its way up.
    Deploying,
    /// Asleep.
    Sleeping,
    /// Down, because somebody wanted it.
    Stopped,
}

/// A service, at the time of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostedService {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How it is.
    pub hosting: Hosting,
    /// When its last deployment was made.
    pub deployed_at: Timestamp,
    /// When its process ended by itself, if it was not started again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crashed_at: Option<Timestamp>,
}
