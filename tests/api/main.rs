//! The API over HTTP: one file for each function, and one for each thing that
//! all functions share.

// For clippy, so that helpers may fail a test just as a test may.
#![cfg(test)]

mod fleet;
mod instance;
mod maintenance;
mod probing;
mod sessions;
mod shared;
mod support;
mod version;
