//! The API over HTTP: one file for each function, and one for each thing that
//! all functions share.

#![cfg(test)]

mod controls;
mod controls_refused;
mod fleet;
mod hostile;
mod identity;
mod instance;
mod lifecycle;
mod maintenance;
mod maintenance_act;
mod probing;
mod railway_keys;
mod reset_memory;
mod sessions;
mod shared;
mod support;
mod version;
