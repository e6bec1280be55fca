//! Logs.
//!
//! `error`: somebody has to act (a damaged record, a store that fails).
//! `warn`: the answer is worse than it should be, and nobody has to act yet.
//! `info`: one line a request. Cookies, keys, tokens and bodies are never
//! logged at any level.

use std::io::{IsTerminal, stderr};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt;

/// Starts logging as JSON lines on stdout, which CloudWatch takes apart.
pub fn init_json() {
    fmt()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_current_span(true)
        .with_span_list(false)
        .with_max_level(LevelFilter::INFO)
        .init();
}

/// Starts logging for people, on stderr.
pub fn init_console() {
    fmt()
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_target(false)
        .with_max_level(LevelFilter::INFO)
        .init();
}
