//! The contracts between the parts of the house.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "what cannot be read has to fail its test"
)]

mod railway;
