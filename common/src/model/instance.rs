//! The record of one instance.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{AgentUrl, InstanceId, OpenclawVersion, UserId};

/// The plan of an owner who has none, from the contract's field table.
pub const DEFAULT_PLAN: &str = "free";

/// One agent of one owner, as the platform recorded it. What the agent itself
/// says is a [`ProbeReport`](crate::probe::ProbeReport).
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// The agent's name.
    pub id: InstanceId,
    /// Who may see and control it.
    pub owner: UserId,
    /// Its address, where the platform recorded one.
    pub openclaw_url: Option<AgentUrl>,
    /// The owner's plan, an open set of words (`solo`, `collective`, `label`).
    pub plan: Option<String>,
    /// The Railway service that runs it.
    pub runtime_service_id: Option<String>,
    /// `active`, `canceled`, `past_due` and whatever else the billing says.
    pub subscription_status: Option<String>,
    /// When the record was made.
    pub created_at: Option<Timestamp>,
    /// When the agent was first registered with the platform.
    pub registered_at: Option<Timestamp>,
    /// When the instance was provisioned.
    pub provisioned_at: Option<Timestamp>,
    /// When the agent last checked in.
    pub last_seen_at: Option<Timestamp>,
    /// What the agent said of its gateway process when it last checked in.
    pub gateway_process_status: Option<String>,
    /// The release that it last reported.
    pub reported_version: Option<OpenclawVersion>,
    /// The release that the platform last told it to run, where its image names one.
    pub told_version: Option<OpenclawVersion>,
    /// When the platform last had it deployed.
    pub deployed_at: Option<Timestamp>,
    /// When a sweep last recorded what it saw of the agent: at each change, and
    /// once a heartbeat.
    pub observed_at: Option<Timestamp>,
    /// What does not work of the agent although it is up, as sweeps have it on record.
    pub degraded: Vec<String>,
    /// The platform's own notes.
    pub metadata: Option<Map<String, Value>>,
}

impl Instance {
    /// An instance of which nothing but its id is on record, for tests.
    #[cfg(test)]
    pub(crate) fn bare(id: &str) -> Self {
        Self {
            id: id.parse().unwrap(),
            owner: "owner".parse().unwrap(),
            openclaw_url: None,
            plan: None,
            runtime_service_id: None,
            subscription_status: None,
            created_at: None,
            registered_at: None,
            provisioned_at: None,
            last_seen_at: None,
            gateway_process_status: None,
            reported_version: None,
            told_version: None,
            deployed_at: None,
            observed_at: None,
            degraded: Vec::new(),
            metadata: None,
        }
    }

    /// Where the agent answers: its recorded address, else the constructed one.
    pub fn url(&self) -> AgentUrl {
        self.openclaw_url
            .clone()
            .unwrap_or_else(|| AgentUrl::of_instance(&self.id))
    }

    /// The owner's plan, `free` where none is recorded.
    pub fn plan(&self) -> &str {
        self.plan.as_deref().unwrap_or(DEFAULT_PLAN)
    }

    /// The release that the agent told as it checked in, unless it did so before
    /// its last deployment or, where that is known, before its process began.
    pub fn checked_in_version(&self, process_began: Option<Timestamp>) -> Option<&OpenclawVersion> {
        let told_at = self.last_seen_at?;
        let is_older = |at: Timestamp| told_at < at;
        let outdated = [self.deployed_at, process_began];
        self.reported_version
            .as_ref()
            .filter(|_| !outdated.into_iter().flatten().any(is_older))
    }

    /// The contract's `startedAt`: when the agent was first registered, else
    /// created. Never the time of the question.
    pub fn started_at(&self) -> Option<Timestamp> {
        self.registered_at.or(self.created_at)
    }

    /// The contract's `provisionedAt`: when it was provisioned, else registered,
    /// else created.
    pub fn provisioned_at(&self) -> Option<Timestamp> {
        self.provisioned_at.or(self.started_at())
    }
}
