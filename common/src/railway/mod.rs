//! The client of Railway's API, through which agents are controlled.
//!
//! [`Railway::resolve`] locates the service of an agent, and only it can make a
//! [`RailwayService`]; every operation needs one. So "could not locate" (the
//! contract's 503) and "located, but failed" (its 500) are different types.
//!
//! Failed reads are retried. A write is not, as long as it may have had an
//! effect: see `settle.rs`.

mod client;
mod container;
mod deployment;
mod documents;
mod error;
mod fleet;
mod history;
mod metrics;
mod operation;
mod overview;
mod reference;
mod resolve;
mod service_state;
mod settings;
mod settle;
mod status;
mod stop;
mod transport;
mod variables;

pub use client::Railway;
pub use container::{ContainerState, InvalidContainerState};
pub use deployment::{Deployment, DeploymentId, DeploymentState};
pub use documents::SCHEMA;
pub use error::{OperationError, RailwayError, ResolveError};
pub use fleet::{Fleet, FleetService};
pub use history::{History, LastExit, Lifecycle};
pub use metrics::Metrics;
pub use overview::Overview;
pub use reference::ServiceReference;
pub use resolve::RailwayService;
pub use service_state::ServiceState;
pub use settings::{
    ApiKey, ApiUrl, InvalidApiKey, InvalidApiUrl, InvalidTokenType, Limits, RailwaySettings,
    TokenType,
};
pub use status::{DeploymentStatus, InstanceStatus};
pub use variables::Variables;
