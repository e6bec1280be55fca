//! Everything that more than one function needs, in layers.
//!
//! `model` is pure data, `compat` pure rules about an agent's setup, `watch` pure
//! rules about what was seen of it; `net` is which hosts may be asked; `probe`,
//! `railway` and `store` are the three outside worlds (the agents, Railway,
//! DynamoDB) and know nothing of each other; `identity` reads what a login has
//! sealed or signed; `http` is where causes become status codes.
//! `ARCHITECTURE.md` lists what each layer may not do, and
//! `tests/contracts/layering.rs` enforces it.

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
