//! The proxy over sockets: what passes to an agent and back, and what does not.

// For clippy, so that helpers may fail a test just as a test may.
#![cfg(test)]

mod ambiguous;
mod browsers;
mod buffered;
mod devices;
mod forwarding;
mod frames;
mod kept_connections;
mod limits;
mod neighbours;
mod origins;
mod page_sessions;
mod pages;
mod pressure;
mod relay;
mod sockets;
mod support;
mod tickets;
mod wildcard;
