//! The figures of a run, logged as one line.

use common::watch::{Announcement, Condition, Histogram};
use jiff::Timestamp;
use serde::Serialize;

use super::ListingState;

/// The result of a run, or of a segment of one.
#[derive(Debug)]
pub struct Report {
    pub summary: Summary,
    /// Every transition that this run, and no other, has written.
    pub transitions: Vec<Announcement>,
}

/// The figures of a run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    #[serde(rename = "sweep")]
    pub scheduled_at: Timestamp,
    /// Which segment of the instances it visited.
    pub segment: u32,
    /// Of how many segments.
    pub segments: u32,
    /// How current the listing of Railway's services was.
    pub listing: ListingState,
    pub instances: u32,
    /// Records that are damaged.
    pub unreadable: u32,
    pub probed: u32,
    /// Agents that were not probed because they are asleep, by the last
    /// listing.
    pub skipped_sleeping: u32,
    /// Agents that were not probed because they are stopped on purpose, by the
    /// last listing.
    pub skipped_stopped: u32,
    /// Agents that were not probed because the time was up.
    pub not_reached: u32,
    pub conditions: Conditions,
    /// Agents that are up and degraded.
    pub degraded: u32,
    /// Changes of a condition, or of what is degraded.
    pub transitions: u32,
    /// States that were written.
    pub writes: u32,
    /// Hourly figures that were written.
    pub figures: u32,
    /// States that this run or a newer one had already written.
    pub refused_as_older: u32,
    /// Instances that were deleted meanwhile.
    pub gone: u32,
    pub store_errors: u32,
    pub alerts_sent: u32,
    /// Alerts that no webhook accepted: later runs send them again.
    pub alerts_failed: u32,
    /// Alerts that a maintenance window postponed or suppressed.
    pub alerts_silenced: u32,
    /// Alerts that the incident's own alert covers.
    pub alerts_in_incident: u32,
    pub healing_restarts: u32,
    pub healing_repairs: u32,
    /// Restarts and repairs that Railway rejected or that failed.
    pub healing_failed: u32,
    /// Cases that have to wait: for an operation, the end of an incident or of
    /// a maintenance window, or their turn.
    pub healing_postponed: u32,
    /// Agents that self-healing gave up, because no step helped.
    pub healing_given_up: u32,
    /// Agents that self-healing gave up, because they are in a crash loop.
    pub crash_loops: u32,
    /// Whether an incident is open.
    pub incident: bool,
    pub duration_ms: u64,
    /// Latency of a probe, in milliseconds: the median.
    pub p50_ms: Option<u32>,
    /// The 95th percentile.
    pub p95_ms: Option<u32>,
    /// The 99th percentile.
    pub p99_ms: Option<u32>,
}

/// How many agents are in each condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Conditions {
    pub up: u32,
    pub starting: u32,
    pub down: u32,
    pub setup: u32,
    pub stopped: u32,
    pub sleeping: u32,
}

impl Conditions {
    pub(crate) fn count(&mut self, condition: Condition) {
        *match condition {
            Condition::Up => &mut self.up,
            Condition::Starting => &mut self.starting,
            Condition::Down => &mut self.down,
            Condition::Setup => &mut self.setup,
            Condition::Stopped => &mut self.stopped,
            Condition::Sleeping => &mut self.sleeping,
        } += 1;
    }
}

impl Summary {
    /// The summary of a run that has not begun.
    pub(crate) fn new(
        scheduled_at: Timestamp,
        segment: u32,
        segments: u32,
        listing: ListingState,
    ) -> Self {
        Self {
            scheduled_at,
            segment,
            segments,
            listing,
            instances: 0,
            unreadable: 0,
            probed: 0,
            skipped_sleeping: 0,
            skipped_stopped: 0,
            not_reached: 0,
            conditions: Conditions::default(),
            degraded: 0,
            transitions: 0,
            writes: 0,
            figures: 0,
            refused_as_older: 0,
            gone: 0,
            store_errors: 0,
            alerts_sent: 0,
            alerts_failed: 0,
            alerts_silenced: 0,
            alerts_in_incident: 0,
            healing_restarts: 0,
            healing_repairs: 0,
            healing_failed: 0,
            healing_postponed: 0,
            healing_given_up: 0,
            crash_loops: 0,
            incident: false,
            duration_ms: 0,
            p50_ms: None,
            p95_ms: None,
            p99_ms: None,
        }
    }

    pub(crate) fn latency(&mut self, histogram: &Histogram) {
        self.p50_ms = histogram.percentile(50);
        self.p95_ms = histogram.percentile(95);
        self.p99_ms = histogram.percentile(99);
    }

    pub(crate) fn log(&self) {
        let whole = self.not_reached == 0 && self.store_errors == 0 && self.unreadable == 0;
        let text = if whole { "swept" } else { "swept in part" };
        tracing::info!(
            sweep = %self.scheduled_at,
            segment = self.segment,
            segments = self.segments,
            listing = ?self.listing,
            instances = self.instances,
            unreadable = self.unreadable,
            probed = self.probed,
            skipped_sleeping = self.skipped_sleeping,
            skipped_stopped = self.skipped_stopped,
            not_reached = self.not_reached,
            up = self.conditions.up,
            starting = self.conditions.starting,
            down = self.conditions.down,
            setup = self.conditions.setup,
            stopped = self.conditions.stopped,
            sleeping = self.conditions.sleeping,
            degraded = self.degraded,
            transitions = self.transitions,
            writes = self.writes,
            figures = self.figures,
            refused_as_older = self.refused_as_older,
            gone = self.gone,
            store_errors = self.store_errors,
            alerts_sent = self.alerts_sent,
            alerts_failed = self.alerts_failed,
            alerts_silenced = self.alerts_silenced,
            alerts_in_incident = self.alerts_in_incident,
            healing_restarts = self.healing_restarts,
            healing_repairs = self.healing_repairs,
            healing_failed = self.healing_failed,
            healing_postponed = self.healing_postponed,
            healing_given_up = self.healing_given_up,
            crash_loops = self.crash_loops,
            incident = self.incident,
            duration_ms = self.duration_ms,
            p50_ms = self.p50_ms,
            p95_ms = self.p95_ms,
            p99_ms = self.p99_ms,
            "{text}"
        );
    }
}
