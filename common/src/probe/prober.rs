//! The requests of a probe.

use std::error::Error;
use std::io;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, redirect};
use tokio::time::{Instant, timeout_at};

use super::resolver::{GuardedResolver, NameNotFound};
use super::{AllowedHosts, Endpoint, HostRefused, Observation, Observations, ProbeReport};
use crate::client::{self, ClientError};
use crate::model::AgentUrl;

/// Asks agents how they are.
#[derive(Clone, Debug)]
pub struct Prober {
    http: Client,
    hosts: AllowedHosts,
}

impl Prober {
    /// Makes the client, once per process. It follows no redirects, decodes no
    /// compression, uses no proxy, and opens a new connection for each request:
    /// a probe is to prove that the agent accepts connections now.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn new(hosts: AllowedHosts) -> Result<Self, ClientError> {
        let http = client::builder()
            .redirect(redirect::Policy::none())
            .dns_resolver(GuardedResolver::new(hosts.clone()))
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { http, hosts })
    }

    /// The hosts that this prober asks.
    pub fn hosts(&self) -> &AllowedHosts {
        &self.hosts
    }

    /// Asks the three paths at the same time: the whole takes as long as the
    /// slowest of them, five seconds at most.
    pub async fn probe(&self, url: &AgentUrl) -> ProbeReport {
        let (healthz, readyz, api_status) = tokio::join!(
            self.observe(url, Endpoint::Healthz),
            self.observe(url, Endpoint::Readyz),
            self.observe(url, Endpoint::ApiStatus),
        );
        ProbeReport::of(&Observations {
            healthz,
            readyz,
            api_status,
        })
    }

    async fn observe(&self, url: &AgentUrl, endpoint: Endpoint) -> Observation {
        if let Err(refused) = self.hosts.check(url) {
            return Observation::failed(refused.to_string());
        }
        let deadline = Instant::now() + endpoint.limit();
        let timed_out = || format!("timed out after {} s", endpoint.limit().as_secs());
        let request = self
            .http
            .get(url.join(endpoint.path()))
            .header(ACCEPT, "application/json")
            .send();
        let response = match timeout_at(deadline, request).await {
            Err(_) => return Observation::failed(timed_out()),
            Ok(Err(error)) => return Observation::failed(cause(&error)),
            Ok(Ok(response)) => response,
        };
        let status = response.status().as_u16();
        let content_type = response.headers().get(CONTENT_TYPE).cloned();
        match timeout_at(deadline, client::read_bounded(response)).await {
            Err(_) => Observation::cut_off(status, timed_out()),
            Ok(Err(error)) => Observation::cut_off(status, error.to_string()),
            Ok(Ok(body)) => Observation::answered(
                endpoint,
                status,
                // A header that is not text is as odd as an unknown type.
                content_type.as_ref().map(|it| it.to_str().unwrap_or("?")),
                &body,
            ),
        }
    }
}

/// Says in a few words why a request failed. The library's own texts name the
/// whole URL, and change between releases.
fn cause(error: &reqwest::Error) -> String {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(refused) = error.downcast_ref::<HostRefused>() {
            return refused.to_string();
        }
        if error.is::<NameNotFound>() {
            return "host name not found".to_owned();
        }
        if error.is::<rustls::Error>() {
            return "TLS handshake failed".to_owned();
        }
        if let Some(io) = error.downcast_ref::<io::Error>() {
            match io.kind() {
                io::ErrorKind::ConnectionRefused => return "connection refused".to_owned(),
                io::ErrorKind::ConnectionReset => return "connection reset".to_owned(),
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                    return "host unreachable".to_owned();
                }
                // rustls' errors travel inside of these.
                _ => {
                    if io
                        .get_ref()
                        .is_some_and(|inner| inner.is::<rustls::Error>())
                    {
                        return "TLS handshake failed".to_owned();
                    }
                }
            }
        }
        source = error.source();
    }
    if error.is_connect() {
        "no connection".to_owned()
    } else {
        "connection closed or broken answer".to_owned()
    }
}
