//! The API over HTTP: one file for each function, and one for each thing that
//! all functions share.

mod fleet;
mod identity;
mod instance;
mod maintenance;
mod probing;
mod sessions;
mod shared;
mod support;
mod version;
