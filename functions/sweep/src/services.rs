//! Railway's services, listed before agents are probed.

use std::collections::HashMap;

use common::model::Instance;
use common::railway::{DeploymentState, FleetService, Railway, ResolveError, ServiceReference};
use common::store::{Listing, SweepRuns};
use common::watch::{HostedService, Hosting, Policy};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// How current the listing of Railway's services is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListingState {
    /// Listed for this sweep, or recently enough.
    Listed,
    /// The listing failed, and an earlier one is used.
    Old,
    /// The listing failed, and the last one is too old.
    Unavailable,
    /// Railway is not configured.
    NotConfigured,
}

/// Services by id and by name.
pub(crate) struct Services {
    pub(crate) state: ListingState,
    services: Vec<HostedService>,
    by_id: HashMap<String, usize>,
    by_name: HashMap<String, usize>,
}

impl Services {
    fn new(state: ListingState, services: Vec<HostedService>) -> Self {
        let mut by_id = HashMap::with_capacity(services.len());
        let mut by_name = HashMap::with_capacity(services.len());
        for (index, service) in services.iter().enumerate() {
            by_id.insert(service.id.clone(), index);
            // The first service of a name counts, as in resolution.
            by_name.entry(service.name.clone()).or_insert(index);
        }
        Self {
            state,
            services,
            by_id,
            by_name,
        }
    }

    /// The service of an agent, by the rules that controls use. `None` if it is
    /// simply up, or there is none.
    pub(crate) fn service_of(&self, instance: &Instance) -> Option<&HostedService> {
        let index = ServiceReference::of(instance).find(&self.by_id, &self.by_name)?;
        self.services.get(*index)
    }

    /// Whether an agent that is not in the listing is known to be up.
    pub(crate) fn is_known(&self) -> bool {
        self.state != ListingState::Unavailable
    }
}

/// Lists Railway's services, and falls back to the last listing.
pub(crate) struct ServiceLister {
    pub(crate) railway: Railway,
    pub(crate) sweep_runs: SweepRuns,
    pub(crate) policy: Policy,
    /// The time between two listings.
    pub(crate) interval: SignedDuration,
    /// For how long a listing is used while there is no newer one.
    pub(crate) max_age: SignedDuration,
}

impl ServiceLister {
    /// Lists the services, or takes the last listing if it is recent enough. A new
    /// listing is stored for the segments.
    pub(crate) async fn list(&self, scheduled_at: Timestamp) -> Services {
        let last = self.stored_listing().await;
        let age = |listing: &Listing| scheduled_at.duration_since(listing.taken_at);
        if let Some(last) = &last
            && (SignedDuration::ZERO..self.interval).contains(&age(last))
        {
            return Services::new(ListingState::Listed, last.services.clone());
        }
        let error = match self.railway.fleet().await {
            Ok(fleet) => {
                let services = fleet.services().iter();
                let services = services
                    .filter_map(|it| hosted(it, scheduled_at, &self.policy))
                    .collect();
                let listing = Listing {
                    taken_at: scheduled_at,
                    services,
                };
                if let Err(error) = self.sweep_runs.store(&listing).await {
                    tracing::error!(%error, "the listing of services is not stored");
                }
                return Services::new(ListingState::Listed, listing.services);
            }
            Err(error) => error,
        };
        if matches!(error, ResolveError::NotConfigured(_)) {
            tracing::warn!(%error, "every agent is asked, also one that sleeps");
            return Services::new(ListingState::NotConfigured, Vec::new());
        }
        tracing::warn!(%error, "services cannot be listed");
        self.while_useful(last, scheduled_at)
    }

    /// The listing that was made when the run began, for one of its segments.
    pub(crate) async fn last(&self, scheduled_at: Timestamp) -> Services {
        if self.railway.is_configured() {
            let last = self.stored_listing().await;
            self.while_useful(last, scheduled_at)
        } else {
            Services::new(ListingState::NotConfigured, Vec::new())
        }
    }

    fn while_useful(&self, last: Option<Listing>, scheduled_at: Timestamp) -> Services {
        let age = |listing: &Listing| scheduled_at.duration_since(listing.taken_at);
        match last {
            Some(last) if age(&last) < self.interval => {
                Services::new(ListingState::Listed, last.services)
            }
            Some(last) if age(&last) <= self.max_age => {
                Services::new(ListingState::Old, last.services)
            }
            _ => Services::new(ListingState::Unavailable, Vec::new()),
        }
    }

    async fn stored_listing(&self) -> Option<Listing> {
        let listing = self.sweep_runs.listing().await;
        listing.unwrap_or_else(|error| {
            tracing::error!(%error, "the last listing of services cannot be read");
            None
        })
    }
}

/// A service in the sweep's terms; `None` if it is simply up, so that listings
/// are small.
fn hosted(service: &FleetService, now: Timestamp, policy: &Policy) -> Option<HostedService> {
    /// A deployment that is in progress for longer is stuck.
    const LONGEST: SignedDuration = SignedDuration::from_mins(30);

    let current = service.current()?;
    let made_at = service
        .latest
        .as_ref()
        .map_or(current.created_at, |it| it.created_at);
    let age = now.duration_since(made_at);
    // A restart of the process does not change the deployment's age.
    let deploying = service.is_deploying() && age < LONGEST;
    let hosting = match current.state {
        _ if deploying => Hosting::Deploying,
        DeploymentState::Sleeping => Hosting::Sleeping,
        DeploymentState::Stopped | DeploymentState::Stopping => Hosting::Stopped,
        DeploymentState::Crashed => Hosting::Deployed,
        _ if age < policy.grace => Hosting::Deployed,
        _ => return None,
    };
    let crashed = current.state == DeploymentState::Crashed;
    Some(HostedService {
        id: service.id.clone(),
        name: service.name.clone(),
        hosting,
        deployed_at: made_at,
        crashed_at: crashed.then(|| current.since()),
    })
}
