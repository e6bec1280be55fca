//! The time, passed in: nothing else in the project reads the system's clock.

use std::sync::Arc;

use jiff::Timestamp;

/// Where a function takes the current time from.
pub trait Clock: Send + Sync {
    /// The current instant.
    fn now(&self) -> Timestamp;
}

/// An instant as the API writes it: ISO 8601 in UTC with milliseconds.
pub fn iso8601(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// A clock shared by all requests of a process.
pub type SharedClock = Arc<dyn Clock>;

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the system's clock"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
