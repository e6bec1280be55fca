//! What the proxy's endpoints work with.

use std::time::Duration;

use axum::body::Body;
use common::client::{self, Forwarder};
use common::clock::SharedClock;
use common::http::{Authenticator, InternalKey, TrustedProxies};
use common::identity::Issuer;
use common::net::{AllowedHosts, GuardedResolver};
use common::store::{Instances, Tickets};

use crate::agents::Agents;
use crate::limits::Limits;
use crate::page_session::PageSessions;
use crate::tunnel::Tunnels;

/// The state that the endpoints share.
#[derive(Clone)]
pub struct State {
    pub(crate) clock: SharedClock,
    /// Opens WebSockets, and must reach no agent.
    pub(crate) internal_key: InternalKey,
    /// The issuer of the platform's user tokens, which must reach no agent.
    pub(crate) issuer: Option<Issuer>,
    pub(crate) agents: Agents,
    pub(crate) forwarder: Forwarder<Body>,
    /// Opens a connection for each request.
    pub(crate) unpooled: Forwarder<Body>,
    pub(crate) limits: Limits,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) tunnels: Tunnels,
    /// Without it no tickets are issued or accepted.
    pub(crate) ticket_services: Option<TicketServices>,
    /// Without it agents have no origins of their own.
    pub(crate) page_sessions: Option<PageSessions>,
}

impl State {
    /// The WebSockets that are open.
    pub fn tunnels(&self) -> Tunnels {
        self.tunnels.clone()
    }

    /// A copy with a connection pool of its own, for another thread.
    #[must_use]
    pub fn with_own_connections(&self) -> Self {
        Self {
            forwarder: forwarder(self.agents.hosts(), &self.limits),
            unpooled: unpooled(self.agents.hosts(), &self.limits),
            ..self.clone()
        }
    }
}

/// What issuing and redeeming tickets needs.
#[derive(Clone)]
pub(crate) struct TicketServices {
    pub(crate) authenticator: Authenticator,
    pub(crate) instances: Instances,
    pub(crate) tickets: Tickets,
}

/// An HTTP client that connects only to these hosts.
pub(crate) fn forwarder(hosts: AllowedHosts, limits: &Limits) -> Forwarder<Body> {
    client::forwarder(
        GuardedResolver::new(hosts),
        limits.connect_timeout,
        limits.idle_timeout,
    )
}

/// The same, without kept connections.
pub(crate) fn unpooled(hosts: AllowedHosts, limits: &Limits) -> Forwarder<Body> {
    let idle_timeout = Duration::ZERO;
    let limits = Limits {
        idle_timeout,
        ..*limits
    };
    forwarder(hosts, &limits)
}
