//! Resolves the names of agents, and keeps only the addresses that they may
//! have: a name which is allowed must not lead into a private network.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use tower::Service;

use super::{AllowedHosts, HostRefused};

/// The system's resolver behind an [`AllowedHosts`], away from the caller's
/// thread. The prober asks agents through it, and the proxy forwards to them.
#[derive(Clone, Debug)]
pub struct GuardedResolver(AllowedHosts);

/// The system's resolver knows no such name, or failed.
#[derive(Debug, thiserror::Error)]
#[error("host name not found")]
pub struct NameNotFound(#[source] io::Error);

/// Connectors take any error.
type BoxError = Box<dyn Error + Send + Sync>;

impl GuardedResolver {
    /// A resolver of these hosts' names. IP addresses in URLs never get here:
    /// [`AllowedHosts::check`] judges them.
    pub fn new(hosts: AllowedHosts) -> Self {
        Self(hosts)
    }

    async fn addresses(self, host: String) -> Result<std::vec::IntoIter<SocketAddr>, BoxError> {
        let allowed: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0))
            .await
            .map_err(NameNotFound)?
            .filter(|address| self.0.allows_resolved(&host, address.ip()))
            .collect();
        if allowed.is_empty() {
            return Err(HostRefused::PrivateAddress { host }.into());
        }
        Ok(allowed.into_iter())
    }
}

impl Service<Name> for GuardedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(self.clone().addresses(name.as_str().to_owned()))
    }
}
