//! Where agents are.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use common::http::ApiError;
use common::model::{AgentUrl, InstanceId};
use common::net::AllowedHosts;
use common::store::Instances;
use tokio::time::Instant;

/// How long an address that was read is believed. A page asks for dozens of
/// files at once, and the store need not be read for each.
const BELIEVED: Duration = Duration::from_secs(5);

/// The most addresses that are kept.
const KEPT: usize = 10_000;

/// Where an agent is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// At the address in its record.
    #[default]
    Recorded,
    /// In Railway's private network, by its id.
    Private,
}

/// The text is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be recorded or private")]
pub struct InvalidPlace;

impl FromStr for Place {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "recorded" => Ok(Self::Recorded),
            "private" => Ok(Self::Private),
            _ => Err(InvalidPlace),
        }
    }
}

/// Finds agents, on allowed hosts alone. Clones share what they know.
#[derive(Clone, Debug)]
pub struct Agents {
    hosts: AllowedHosts,
    records: Option<Records>,
}

#[derive(Clone, Debug)]
struct Records {
    instances: Instances,
    known: Arc<Mutex<HashMap<InstanceId, (AgentUrl, Instant)>>>,
}

impl Agents {
    /// Those with a record, at its address.
    pub fn recorded(hosts: AllowedHosts, instances: Instances) -> Self {
        let known = Arc::default();
        Self {
            hosts,
            records: Some(Records { instances, known }),
        }
    }

    /// Any id, in Railway's private network.
    pub fn private(hosts: AllowedHosts) -> Self {
        Self {
            hosts,
            records: None,
        }
    }

    /// The hosts that they may be on.
    pub(crate) fn hosts(&self) -> AllowedHosts {
        self.hosts.clone()
    }

    /// Where the agent is.
    ///
    /// # Errors
    /// When there is none, or its host is not allowed: both are the spec's 502.
    pub(crate) async fn url(&self, agent: &InstanceId) -> Result<AgentUrl, ApiError> {
        let url = match &self.records {
            None => AgentUrl::in_private_network(agent),
            Some(records) => records.url(agent).await?,
        };
        match self.hosts.check(&url) {
            Ok(()) => Ok(url),
            Err(refused) => {
                tracing::warn!(%agent, %refused, "an agent is on a host that is not allowed");
                Err(ApiError::AgentUnreachable)
            }
        }
    }
}

impl Records {
    async fn url(&self, agent: &InstanceId) -> Result<AgentUrl, ApiError> {
        let now = Instant::now();
        if let Some((url, until)) = self.lock().get(agent)
            && *until > now
        {
            return Ok(url.clone());
        }
        // In a box: it is seldom asked, and what asks it is large.
        let instance = Box::pin(self.instances.get(agent)).await?;
        let url = instance.ok_or(ApiError::AgentUnreachable)?.url();
        let mut known = self.lock();
        if known.len() >= KEPT {
            known.retain(|_, (_, until)| *until > now);
        }
        if known.len() < KEPT {
            known.insert(agent.clone(), (url.clone(), now + BELIEVED));
        }
        Ok(url)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<InstanceId, (AgentUrl, Instant)>> {
        // A panic of another holder leaves nothing half-done here.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
