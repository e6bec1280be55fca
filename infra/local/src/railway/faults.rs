//! What goes wrong on purpose.

use std::collections::VecDeque;
use std::time::Duration;

/// One request that goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answers this status and does nothing.
    Status(u16),
    /// Answers 429 with `Retry-After`, if any, and does nothing.
    RateLimited(Option<u64>),
    /// Answers 200 with this error and does nothing.
    Errors(String),
    /// Does what it was asked and answers late.
    Slow(Duration),
    /// Does what it was asked and closes the connection without an answer.
    DropAfter,
    /// Closes the connection and does nothing.
    DropBefore,
}

/// The faults to come.
#[derive(Default)]
pub(super) struct Faults(VecDeque<(Option<String>, Fault)>);

impl Faults {
    /// Adds a fault of the next request, or of the next one for this operation.
    pub(super) fn add(&mut self, operation: Option<&str>, fault: Fault) {
        self.0.push_back((operation.map(str::to_owned), fault));
    }

    /// Takes the first fault that is meant for a request.
    pub(super) fn take(&mut self, operation: &str) -> Option<Fault> {
        let meant =
            |(of, _): &(Option<String>, Fault)| of.as_deref().is_none_or(|of| of == operation);
        let index = self.0.iter().position(meant)?;
        self.0.remove(index).map(|(_, fault)| fault)
    }

    /// Nothing goes wrong any more.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
