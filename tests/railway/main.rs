//! The Railway client against the simulated Railway, over sockets.

#![expect(
    clippy::unwrap_used,
    reason = "a world that cannot be arranged has to fail its test"
)]

mod failing;
mod keys;
mod operations;
mod resolving;
mod simulator;
mod world;
