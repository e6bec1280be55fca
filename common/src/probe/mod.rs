//! What an agent says of itself, asked over HTTP and judged.
//!
//! [`Prober`] asks three paths at once; each answer becomes an [`Observation`];
//! [`classify`] turns the three into the spec's status and a reason. Only the
//! prober does I/O. Agents are other people's code, so whatever they answer is
//! bounded, and nothing of a body is kept but the few facts named in
//! [`Facts`]: the wrapper's `/api/status` carries the gateway token.

mod asking;
mod classify;
mod connection;
mod facts;
mod failure;
mod observation;
mod prober;
mod proof;
mod report;

pub use classify::{Classification, Status, classify};
pub use facts::Facts;
pub use observation::{Endpoint, Observation, Observations, Problem};
pub use prober::Prober;
pub use proof::Proof;
pub use report::{Check, ProbeReport, VersionSource};
