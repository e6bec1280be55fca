//! The API over HTTP: one file for each function, and one for each thing that
//! all functions share.

// For clippy, so that helpers may fail a test just as a test may.
#![cfg(test)]

mod alerts;
mod compatibility;
mod controls;
mod controls_refused;
mod fleet;
mod fleet_list;
mod fleet_stats;
mod healing;
mod healing_forbidden;
mod heartbeat;
mod history;
mod hostile;
mod idempotency;
mod identity;
mod import;
mod instance;
mod instance_resources;
mod leases;
mod lifecycle;
mod maintenance;
mod maintenance_act;
mod metrics;
mod operations;
mod people;
mod probing;
mod proofs;
mod railway_down;
mod railway_keys;
mod reset_memory;
mod rotation;
mod secrets;
mod sessions;
mod settling;
mod shared;
mod support;
mod sweep_alerts;
mod sweep_faults;
mod sweep_figures;
mod sweep_hosting;
mod sweep_order;
mod sweeping;
mod tokens;
mod version;
mod windows;
