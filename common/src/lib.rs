//! What more than one function needs, in layers.
//!
//! `model` is pure data, `compat` pure rules about an agent's configuration,
//! `watch` pure rules about sightings of it; `net` decides which hosts may be
//! contacted; `probe`, `railway` and `store` speak to the three outside worlds
//! (the agents, Railway, DynamoDB) and do not know each other; `identity`
//! verifies logins; `http` maps causes to status codes. `ARCHITECTURE.md` lists
//! what each layer may not do, and `tests/contracts/layering.rs` enforces it.

pub mod alerts;
pub mod aws;
pub mod background;
pub mod client;
pub mod clock;
pub mod compat;
pub mod config;
pub mod control;
pub mod http;
pub mod identity;
pub mod model;
pub mod net;
pub mod platform;
pub mod probe;
pub mod process;
pub mod queue;
pub mod railway;
pub mod random;
pub mod secrets;
pub mod store;
pub mod telemetry;
pub mod threads;
pub mod tls;
pub mod watch;
