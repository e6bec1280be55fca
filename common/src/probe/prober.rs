//! The prober: sends the requests of a probe.

use rustls::pki_types::CertificateDer;
use tokio::time::Instant;

use super::connection::Connector;
use super::{Observation, Observations, ProbeReport, asking};
use crate::client::ClientError;
use crate::model::AgentUrl;
use crate::net::AllowedHosts;

/// Asks agents how they are.
#[derive(Clone, Debug)]
pub struct Prober {
    pub(super) connector: Connector,
    pub(super) hosts: AllowedHosts,
}

impl Prober {
    /// Trusts what all clients trust.
    ///
    /// # Errors
    /// Never.
    pub fn new(hosts: AllowedHosts) -> Result<Self, ClientError> {
        Self::trusting(hosts, Vec::new())
    }

    /// Trusts root certificates of its own beside those.
    ///
    /// # Errors
    /// When one of them is not a certificate.
    pub fn trusting(
        hosts: AllowedHosts,
        roots: Vec<CertificateDer<'static>>,
    ) -> Result<Self, ClientError> {
        let connector = Connector::new(hosts.clone(), roots)?;
        Ok(Self { connector, hosts })
    }

    /// The hosts that this prober asks.
    pub fn hosts(&self) -> &AllowedHosts {
        &self.hosts
    }

    /// Asks the three paths, over one connection where the agent plays along:
    /// five seconds at most, and a path that hangs costs the others nothing.
    pub async fn probe(&self, url: &AgentUrl) -> ProbeReport {
        let begun = Instant::now();
        let observations = match self.hosts.check(url) {
            Ok(()) => asking::observe(&self.connector, url).await,
            Err(refused) => Observations::all(|_| Observation::failed(refused.to_string())),
        };
        let report = ProbeReport::of(&observations);
        tracing::debug!(
            agent = url.authority(),
            status = ?report.status,
            reason = report.reason,
            took_ms = begun.elapsed().as_millis() as u64,
            "probed"
        );
        report
    }
}
