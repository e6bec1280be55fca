//! Probes of agents: requests over HTTP, and the classification of their
//! responses.
//!
//! [`Prober`] requests three paths at once, and a fourth if they leave
//! something open, or opens a WebSocket where a wrapper hides its gateway; each response becomes an [`Observation`]; [`classify`] turns
//! them into the contract's status, a reason, and the state of the process
//! itself. Only the prober does I/O. Agents run other people's code, so every
//! response is limited, and only the facts in [`Facts`] are kept of a body: the
//! wrapper's `/api/status` contains the gateway token.

mod asking;
mod classify;
mod connection;
mod facts;
mod failure;
mod handshake;
mod observation;
mod prober;
mod process;
mod proof;
mod refusal;
mod report;
mod startup;
mod status;

pub use classify::{Classification, classify};
pub use facts::Facts;
pub use observation::{Denial, Endpoint, Observation, Observations, Problem, SignOfLife};
pub use prober::Prober;
pub use process::{Degradation, Process};
pub use proof::Proof;
pub(crate) use report::SKEW;
pub use report::{Check, ProbeReport, VersionSource};
pub use startup::{Phase, Startup};
pub use status::Status;
