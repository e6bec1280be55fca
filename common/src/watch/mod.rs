//! What sightings of agents mean: conditions with thresholds, availability,
//! incidents of the fleet, and self-healing.
//!
//! [`judge`] takes the state on record and one sweep's sighting, and returns
//! the state that follows. Nothing here does I/O or reads a clock, so every
//! rule is tested as a table or as a property.

mod availability;
mod degraded;
mod fleet;
mod histogram;
mod hosting;
mod judge;
mod outbox;
mod policy;
mod remediation;
mod state;

pub use availability::{Availability, ConditionChange, TimeRange};
pub use degraded::{CauseStreak, Degraded};
pub use fleet::{FleetCount, FleetNews, FleetPolicy, Incident, judge_fleet};
pub use histogram::Histogram;
pub use hosting::{HostedService, Hosting};
pub use judge::{Finding, Judgement, Sighting, judge};
pub use outbox::{AlertOutbox, PendingAlert};
pub use policy::Policy;
pub use remediation::{
    Attempt, Decision, GiveUpReason, GivenUp, Process, RemediationPolicy, RemediationState, Step,
};
pub use state::{
    AgentState, Announcement, Condition, Gap, Streak, StreakOf, Symptom, Transition, Trouble,
};
