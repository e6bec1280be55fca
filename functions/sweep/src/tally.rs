//! What a run counts, and what it collects for alerting and self-healing.

use common::store::StoreError;
use common::watch::{AgentState, Announcement, Condition, FleetCount, Histogram};
use jiff::Timestamp;

use super::Summary;
use super::notifier::OverdueAlert;
use super::remediator::RemediationCase;

pub(crate) struct Tally {
    pub(crate) summary: Summary,
    pub(crate) latency: Histogram,
    /// The transitions that this run has written.
    pub(crate) transitions: Vec<Announcement>,
    /// Those of them that need an alert.
    pub(crate) announcements: Vec<Announcement>,
    /// Alerts that earlier runs have not delivered.
    pub(crate) overdue: Vec<OverdueAlert>,
    pub(crate) cases: Vec<RemediationCase>,
    pub(crate) fleet: FleetCount,
    /// Why the instances could not all be read.
    pub(crate) broken: Option<StoreError>,
}

impl Tally {
    pub(crate) fn new(summary: Summary) -> Self {
        Self {
            summary,
            latency: Histogram::default(),
            transitions: Vec::new(),
            announcements: Vec::new(),
            overdue: Vec::new(),
            cases: Vec::new(),
            fleet: FleetCount::default(),
            broken: None,
        }
    }

    /// Counts an agent by its state. One that is down since `down_since` or later
    /// counts towards an incident of the fleet.
    pub(crate) fn count(&mut self, state: &AgentState, down_since: Timestamp) {
        self.summary.conditions.count(state.condition);
        self.summary.degraded += u32::from(!state.degraded.causes.is_empty());
        let fleet = &mut self.fleet;
        match state.condition {
            Condition::Up | Condition::Starting => fleet.up_or_starting += 1,
            Condition::Down if state.since >= down_since => {
                fleet.went_down += 1;
                let first = fleet.since.map_or(state.since, |it| it.min(state.since));
                fleet.since = Some(first);
            }
            _ => {}
        }
    }
}
