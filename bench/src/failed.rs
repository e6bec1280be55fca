//! Errors of benchmarks.

use std::error::Error;

/// Whatever stops a benchmark.
pub(crate) type Failed = Box<dyn Error + Send + Sync>;
