//! What goes wrong on purpose.

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
