//! The Railway client against the simulated Railway, over sockets.

// For clippy, so that helpers may fail a test just as a test may.
#![cfg(test)]

mod failing;
mod fleet;
mod keys;
mod operations;
mod resolving;
mod simulator;
mod world;
