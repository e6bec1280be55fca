//! Injected faults.

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
pub(super) struct Faults(VecDeque<Pending>);

struct Pending {
    /// The operation that it is meant for; none means any.
    operation: Option<String>,
    /// How many requests of those that it is meant for pass before it.
    passes: usize,
    fault: Fault,
}

impl Faults {
    /// Adds a fault of a request, or of one for this operation, once so many
    /// have passed.
    pub(super) fn add(&mut self, operation: Option<&str>, passes: usize, fault: Fault) {
        self.0.push_back(Pending {
            operation: operation.map(str::to_owned),
            passes,
            fault,
        });
    }

    /// Takes the first fault that is meant for a request.
    pub(super) fn take(&mut self, operation: &str) -> Option<Fault> {
        let meant = |it: &Pending| it.operation.as_deref().is_none_or(|of| of == operation);
        let index = self.0.iter().position(meant)?;
        let pending = self.0.get_mut(index)?;
        if pending.passes > 0 {
            pending.passes -= 1;
            return None;
        }
        self.0.remove(index).map(|pending| pending.fault)
    }

    /// Nothing goes wrong any more.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
