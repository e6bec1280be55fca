//! The whole stack on one machine: the API on one port, an embedded DynamoDB, a
//! simulated Railway, and simulated agents that answer over HTTP.
//!
//! The same code serves `cargo run -p local` and the tests: the simulators
//! speak over sockets, and nothing in the functions knows of them.

pub mod agents;
pub mod demo;
mod dynamodb;
mod environment;
mod error;
mod functions;
mod guard;
pub mod import;
pub mod openapi;
pub mod railway;
mod server;
mod stack;
mod sweeper;
pub mod template;
mod under_way;

pub use dynamodb::EmbeddedDynamoDb;
pub use environment::LocalEnvironment;
pub use error::StackError;
pub use stack::{Data, Options, Stack};
