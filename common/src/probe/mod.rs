//! What an agent says of itself, asked over HTTP and judged.
//!
//! [`Prober`] asks three paths at once, and a fourth where they leave something
//! open; each answer becomes an [`Observation`]; [`classify`] turns them into the
//! contract's status, a reason, and what they show of the process itself. Only the
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
mod process;
mod proof;
mod refusal;
mod report;
mod startup;
mod status;

pub use classify::{Classification, classify};
pub use facts::Facts;
pub use observation::{Denial, Endpoint, Observation, Observations, Problem};
pub use prober::Prober;
pub use process::{Degradation, Process};
pub use proof::Proof;
pub(crate) use report::SKEW;
pub use report::{Check, ProbeReport, VersionSource};
pub use startup::{Phase, Startup};
pub use status::Status;
