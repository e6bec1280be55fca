//! What becomes of single sightings of an agent: its condition, with
//! thresholds, and how much of the time it was up.
//!
//! [`judge`] takes what is on record and what one sweep saw, and says what is on
//! record then. Nothing here does I/O or reads a clock, so that every rule is
//! tested as a table or as a property.

mod availability;
mod fleet;
mod healing;
mod histogram;
mod hosting;
mod judge;
mod policy;
mod state;
mod telling;

pub use availability::{Availability, Change, Window};
pub use fleet::{FleetCount, FleetNews, FleetPolicy, Incident, judge_fleet};
pub use healing::{Decision, End, Healing, HealingPolicy, Process, Step, Try, Why};
pub use histogram::Histogram;
pub use hosting::{HostedService, Hosting};
pub use judge::{Found, Judgement, Sighting, judge};
pub use policy::Policy;
pub use state::{
    AgentState, Announcement, Condition, Gap, Streak, StreakOf, Symptom, Transition, Trouble,
};
pub use telling::{Owed, Telling};
