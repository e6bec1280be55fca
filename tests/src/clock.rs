//! A clock that stands still until a test turns it.

use std::sync::{Arc, Mutex, PoisonError};

use common::clock::Clock;
use jiff::{SignedDuration, Timestamp};

/// When every world begins: the time in the spec's examples.
pub const START: &str = "2026-04-04T03:10:00Z";

/// A clock that stands still until a test turns it. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Timestamp>>);

impl ManualClock {
    /// A clock that shows an ISO 8601 time.
    pub fn at(time: &str) -> Self {
        Self(Arc::new(Mutex::new(parsed(time))))
    }

    /// Lets time pass.
    pub fn advance(&self, by: SignedDuration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now += by;
    }

    /// Turns the clock to an ISO 8601 time.
    pub fn set(&self, time: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = parsed(time);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parsed(time: &str) -> Timestamp {
    time.parse().expect("an ISO 8601 time")
}
