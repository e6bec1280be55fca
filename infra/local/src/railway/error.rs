//! Errors of the simulator's start.

use std::io;

/// The simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// No port is to be had.
    #[error("cannot listen on the loopback: {0}")]
    Listen(#[from] io::Error),
    /// The project's schema file is none.
    #[error("the schema is not valid: {0}")]
    Schema(String),
}
