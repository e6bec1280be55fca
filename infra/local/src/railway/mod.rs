//! A Railway on this machine: an HTTP server that speaks its GraphQL.
//!
//! It executes the project's own documents against the project's own schema
//! file, so that a document which does not fit it fails here too. Its services
//! are the simulated agents: a stop really makes an agent unreachable, and a
//! deployment really changes the version that it reports.
//!
//! What it knows of Railway beyond the schema: errors of authorisation come
//! under HTTP 200, requests without a `User-Agent` are refused by the edge,
//! deployments take their time and pass through statuses, a stopped one stays
//! at `SUCCESS`, and variables reach a container by a new deployment only.

mod error;
mod faults;
mod graphql;
mod ids;
mod listing;
mod lock;
mod metrics;
mod model;
mod mutations;
mod server;
mod timeline;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::clock::SharedClock;
use common::railway::{RailwaySettings, TokenType};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::agents::Agent;
pub use error::SimulatorError;
pub use faults::Fault;
use graphql::Engine;
pub use ids::{ACCOUNT_KEY, ENVIRONMENT_ID, PROJECT_ID, PROJECT_KEY};
use lock::lock;
pub use model::{DeploymentView, ServiceView};
use model::{Project, Service};
pub use server::Seen;
use server::Shared;

/// How the simulator is started.
pub struct Options {
    /// The time, for the dates of deployments.
    pub clock: SharedClock,
    /// How long each stage of a deployment takes.
    pub stage: Duration,
    /// How many requests an hour are answered.
    pub hourly: u32,
}

/// A running simulator. It ends when it is dropped.
pub struct Simulator {
    /// Where it answers, `RAILWAY_API_URL`.
    pub url: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Starts a Railway without services on a free port of the loopback.
    ///
    /// # Errors
    /// When no port is to be had, or the project's schema file is broken.
    pub async fn start(options: Options) -> Result<Self, SimulatorError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}/graphql/v2", listener.local_addr()?);
        let shared = Arc::new(Shared {
            engine: Engine::new()?,
            project: Project::new(options.clock.clone(), options.stage),
            faults: Mutex::default(),
            log: Mutex::default(),
            quota: Mutex::new(server::Quota::new(options.hourly)),
            crowd: Mutex::default(),
            clock: options.clock,
        });
        let server = tokio::spawn(server::serve(listener, shared.clone()));
        Ok(Self {
            url,
            shared,
            server,
        })
    }

    /// The settings of a client, with either key.
    pub fn settings(&self, token_type: TokenType) -> RailwaySettings {
        let key = match token_type {
            TokenType::Account => ACCOUNT_KEY,
            TokenType::Project => PROJECT_KEY,
        };
        RailwaySettings {
            url: self.url.parse().unwrap_or_default(),
            token_type,
            key: key.parse().ok(),
            environment_id: Some(ENVIRONMENT_ID.to_owned()),
            project_id: Some(PROJECT_ID.to_owned()),
        }
    }

    /// Adds a service that runs this image already, and returns its id, which is
    /// the same for the same name whenever the simulator is started. `agent` is
    /// the container.
    pub fn add_service(&self, name: &str, image: &str, agent: Option<Arc<Agent>>) -> String {
        let service = Service::new(name, image, agent, self.shared.clock.now());
        lock(&self.shared.project).add_running(service)
    }

    /// Adds a service that was never deployed.
    pub fn add_undeployed_service(&self, name: &str, image: &str) -> String {
        let service = Service::new(name, image, None, self.shared.clock.now());
        lock(&self.shared.project).add(service)
    }

    /// What a service looks like now.
    pub fn service(&self, id: &str) -> Option<ServiceView> {
        lock(&self.shared.project).service(id).map(Service::view)
    }

    /// Changes the variables of a service, as a person does on the dashboard.
    pub fn edit_variables(&self, id: &str, edit: impl FnOnce(&mut BTreeMap<String, String>)) {
        if let Some(service) = lock(&self.shared.project).service_mut(id) {
            edit(&mut service.variables);
        }
    }

    /// Puts the latest deployment of a service into a status of Railway's.
    pub fn set_status(&self, id: &str, status: &'static str) {
        lock(&self.shared.project).set_status(id, status);
    }

    /// Gives a service a volume.
    pub fn add_volume(&self, id: &str) {
        if let Some(service) = lock(&self.shared.project).service_mut(id) {
            service.has_volume = true;
        }
    }

    /// Whether the deployments of a service fail from now on.
    pub fn fail_deployments(&self, id: &str, fail: bool) {
        if let Some(service) = lock(&self.shared.project).service_mut(id) {
            service.fails = fail;
        }
    }

    /// Has the next requests go wrong, one fault each.
    pub fn inject(&self, faults: impl IntoIterator<Item = Fault>) {
        let mut pending = lock(&self.shared.faults);
        for fault in faults {
            pending.add(None, 0, fault);
        }
    }

    /// Has the next requests for an operation go wrong, one fault each.
    pub fn inject_into(&self, operation: &str, faults: impl IntoIterator<Item = Fault>) {
        let mut pending = lock(&self.shared.faults);
        for fault in faults {
            pending.add(Some(operation), 0, fault);
        }
    }

    /// Has one request for an operation go wrong, after so many of them that go
    /// well.
    pub fn inject_after(&self, operation: &str, passes: usize, fault: Fault) {
        lock(&self.shared.faults).add(Some(operation), passes, fault);
    }

    /// Has nothing go wrong any more.
    pub fn clear_faults(&self) {
        lock(&self.shared.faults).clear();
    }

    /// The requests so far, oldest first.
    pub fn log(&self) -> Vec<Seen> {
        lock(&self.shared.log).clone()
    }

    /// The names of the operations that were asked for so far, oldest first,
    /// also of those that went wrong.
    pub fn operations(&self) -> Vec<String> {
        self.log().into_iter().map(|seen| seen.operation).collect()
    }

    /// How many requests were in progress at the busiest moment so far.
    pub fn most_at_once(&self) -> usize {
        lock(&self.shared.crowd).most
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        lock(&self.shared.log).clear();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}
