//! Agents' addresses.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use common::http::note_instance;
use common::model::{AgentUrl, InstanceId};
use common::net::AllowedHosts;
use common::store::Instances;
use tokio::time::Instant;

use crate::error::ProxyError;

/// A page asks for dozens of files at once, and the store need not be read for
/// each of them.
const CACHE_TTL: Duration = Duration::from_secs(5);

const CACHE_CAPACITY: usize = 10_000;

/// Where the address of an agent comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AgentLocation {
    /// From its record.
    #[default]
    Recorded,
    /// From its id: its name in Railway's private network.
    Private,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be recorded or private")]
pub(crate) struct InvalidAgentLocation;

impl FromStr for AgentLocation {
    type Err = InvalidAgentLocation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "recorded" => Ok(Self::Recorded),
            "private" => Ok(Self::Private),
            _ => Err(InvalidAgentLocation),
        }
    }
}

/// Finds agents, on allowed hosts only. Clones share a cache.
#[derive(Clone, Debug)]
pub(crate) struct Agents {
    hosts: AllowedHosts,
    records: Option<Records>,
}

#[derive(Clone, Debug)]
struct Records {
    instances: Instances,
    cache: Arc<Mutex<HashMap<InstanceId, (AgentUrl, Instant)>>>,
}

impl Agents {
    /// Agents with a record, at the address in it.
    pub(crate) fn recorded(hosts: AllowedHosts, instances: Instances) -> Self {
        let cache = Arc::default();
        Self {
            hosts,
            records: Some(Records { instances, cache }),
        }
    }

    /// Any id, in Railway's private network, without a look at records.
    pub(crate) fn private(hosts: AllowedHosts) -> Self {
        Self {
            hosts,
            records: None,
        }
    }

    pub(crate) fn hosts(&self) -> AllowedHosts {
        self.hosts.clone()
    }

    /// The agent's address.
    ///
    /// # Errors
    /// When there is no such agent, or its host is not allowed: both are the
    /// contract's 502.
    pub(crate) async fn url(&self, agent: &InstanceId) -> Result<AgentUrl, ProxyError> {
        note_instance(agent);
        let url = match &self.records {
            None => AgentUrl::in_private_network(agent),
            Some(records) => records.url(agent).await?,
        };
        match self.hosts.check(&url) {
            Ok(()) => Ok(url),
            Err(refused) => {
                tracing::warn!(%agent, %refused, "an agent is on a host that is not allowed");
                Err(ProxyError::AgentUnreachable)
            }
        }
    }
}

impl Records {
    async fn url(&self, agent: &InstanceId) -> Result<AgentUrl, ProxyError> {
        let now = Instant::now();
        if let Some((url, until)) = self.lock().get(agent)
            && *until > now
        {
            return Ok(url.clone());
        }
        // Boxed, to keep the future of every request small: this is the rare path.
        let instance = Box::pin(self.instances.get(agent)).await?;
        let url = instance.ok_or(ProxyError::AgentUnreachable)?.url();
        let mut cache = self.lock();
        if cache.len() >= CACHE_CAPACITY {
            cache.retain(|_, (_, until)| *until > now);
        }
        if cache.len() < CACHE_CAPACITY {
            cache.insert(agent.clone(), (url.clone(), now + CACHE_TTL));
        }
        Ok(url)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<InstanceId, (AgentUrl, Instant)>> {
        // The map is whole even if another holder panicked.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
