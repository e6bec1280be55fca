//! Where a function runs: what differs between Lambda, the stack on one machine,
//! the relay, tests and benchmarks.
//!
//! A function is made in the same way everywhere. Its `from_environment` reads
//! all variables through a [`Reader`](crate::config::Reader) into settings, and
//! `build` makes of these and a [`Platform`] what its endpoints work with. Only
//! what a function uses is made: nothing here connects to anything.

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

/// What a function finds around it. Clones share the same AWS and background.
#[derive(Clone)]
pub struct Platform {
    /// The time.
    pub clock: SharedClock,
    /// How DynamoDB and SQS are reached.
    pub aws: Arc<Aws>,
    /// The name that each request to DynamoDB carries, where several functions
    /// share a process and what they ask has to be told apart.
    pub app_name: Option<&'static str>,
    /// How long Railway may take.
    pub railway_limits: Limits,
    /// Root certificates of agents, which are trusted beside the usual ones.
    pub agent_roots: Vec<CertificateDer<'static>>,
    /// Whether lines on standard output in CloudWatch's embedded metric format
    /// become metrics.
    pub embedded_metrics: bool,
    /// What goes on when an answer is out. Whoever serves the function finishes it.
    pub background: Background,
}

impl Platform {
    /// What a function finds on Lambda.
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

    /// What asks agents on these hosts.
    ///
    /// # Errors
    /// When one of the [roots](Self::agent_roots) is no certificate.
    pub fn prober(&self, hosts: AllowedHosts) -> Result<Prober, ClientError> {
        Prober::trusting(hosts, self.agent_roots.clone())
    }
}
