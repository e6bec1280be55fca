//! The contracts between the parts of the house, and with the world outside.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "what cannot be read has to fail its test"
)]

mod events;
mod files;
mod layering;
mod railway;
mod names;
mod refusals;
mod routes;
