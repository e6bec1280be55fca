//! The platform that a function runs on: what differs between Lambda, the local
//! stack, the relay, tests and benchmarks.
//!
//! A function is constructed in the same way everywhere. Its `from_environment`
//! reads all variables through a [`Reader`](crate::config::Reader) into
//! settings, and builds the state of its endpoints from these and a
//! [`Platform`]. Nothing here opens a connection.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use crate::aws::Aws;
use crate::background::Background;
use crate::client::ClientError;
use crate::clock::{SharedClock, SystemClock};
use crate::net::AllowedHosts;
use crate::probe::Prober;
use crate::queue::Queue;
use crate::railway::{Limits, Railway, RailwaySettings};
use crate::store::Connection;

/// A function's environment. Clones share AWS's clients and the background
/// tasks.
#[derive(Clone)]
pub struct Platform {
    pub clock: SharedClock,
    pub aws: Arc<Aws>,
    /// A name that each request to DynamoDB carries, if several functions share
    /// a process and their requests have to be told apart.
    pub app_name: Option<&'static str>,
    pub railway_limits: Limits,
    /// Root certificates that are trusted for agents, besides the usual ones.
    pub agent_roots: Vec<CertificateDer<'static>>,
    /// Whether lines on standard output in CloudWatch's embedded metric format
    /// become metrics.
    pub embedded_metrics: bool,
    /// Tasks that go on after a response. Whoever serves the function finishes
    /// them.
    pub background: Background,
}

impl Platform {
    /// The platform on Lambda.
    pub fn new(aws: Aws) -> Self {
        Self {
            clock: Arc::new(SystemClock),
            aws: Arc::new(aws),
            app_name: None,
            railway_limits: Limits::default(),
            agent_roots: Vec::new(),
            embedded_metrics: true,
            background: Background::new(),
        }
    }

    /// The same for a function of this name.
    #[must_use]
    pub fn named(&self, function: &'static str) -> Self {
        Self {
            app_name: Some(function),
            ..self.clone()
        }
    }

    /// A connection to DynamoDB; the first request opens it.
    pub fn dynamodb(&self) -> Connection {
        let connection = Connection::open(&self.aws);
        match self.app_name {
            Some(name) => connection.named(name),
            None => connection,
        }
    }

    /// The SQS queue at a URL; the first message opens the connection.
    pub fn queue(&self, url: String) -> Queue {
        Queue::open(&self.aws, url)
    }

    /// Railway's API.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn railway(&self, settings: RailwaySettings) -> Result<Railway, ClientError> {
        Railway::new(settings, self.railway_limits, self.clock.clone())
    }

    /// A prober for agents on these hosts.
    ///
    /// # Errors
    /// When one of the [roots](Self::agent_roots) is not a certificate.
    pub fn prober(&self, hosts: AllowedHosts) -> Result<Prober, ClientError> {
        Prober::trusting(hosts, self.agent_roots.clone())
    }
}
