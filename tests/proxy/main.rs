//! The proxy over sockets: what passes to an agent and back, and what does not.

// For clippy, so that helpers may fail a test just as a test may.
#![cfg(test)]

mod forwarding;
mod frames;
mod support;
mod sockets;
mod tickets;
