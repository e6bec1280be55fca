//! A clock that a test sets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::clock::{Clock, SystemClock};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// When every world begins: the time in the contract's examples.
pub const START: &str = "2026-04-04T03:10:00Z";

/// A clock that a test turns, and that stands still otherwise unless it ticks.
/// Clones are the same clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Shown>>);

#[derive(Debug)]
struct Shown {
    time: Timestamp,
    /// Since when it ticks.
    ticking: Option<Instant>,
}

impl ManualClock {
    /// A clock that stands still at an ISO 8601 time.
    pub fn at(time: &str) -> Self {
        Self::new(parsed(time), None)
    }

    /// A clock that begins at the system's time and ticks: for tests with
    /// processes whose age is real.
    pub fn ticking() -> Self {
        Self::new(SystemClock.now(), Some(Instant::now()))
    }

    fn new(time: Timestamp, ticking: Option<Instant>) -> Self {
        Self(Arc::new(Mutex::new(Shown { time, ticking })))
    }

    /// Lets time pass.
    pub fn advance(&self, by: SignedDuration) {
        self.shown().time += by;
    }

    /// Turns the clock to an ISO 8601 time, where it stands still.
    pub fn set(&self, time: &str) {
        *self.shown() = Shown {
            time: parsed(time),
            ticking: None,
        };
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let shown = self.shown();
        shown.time
            + shown
                .ticking
                .map(|since| since.elapsed())
                .unwrap_or_default()
    }
}

fn parsed(time: &str) -> Timestamp {
    time.parse().expect("an ISO 8601 time")
}
