//! The test world: a whole stack on free ports, a clock that a test turns, and
//! callers by role who send real HTTP.
//!
//! A test arranges in a few lines and asserts a whole answer:
//!
//! ```text
//! let world = World::start().await;
//! let answer = world.stranger().get("/api/instance/demo-running/stats").await;
//! answer.is(403, json!({"error": "Forbidden"}));
//! ```
//!
//! Nothing is shared between worlds, so tests run in parallel, and no test
//! leaves the loopback.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a world that cannot be arranged has to fail its test"
)]

mod caller;
mod calls;
mod clock;
mod dynamodb;
mod echo;
pub mod environment;
mod limits;
pub mod login;
mod records;
mod relay;
mod server;
mod socket;
mod sweeps;
mod world;
mod wrapper;

pub use caller::{Answer, Caller};
pub use clock::{ManualClock, START};
pub use dynamodb::{Fate, FaultyDynamoDb};
pub use echo::EchoAgent;
pub use limits::skip_limit;
pub use records::Records;
pub use relay::RunningRelay;
pub use server::{Reply, ScriptedServer};
pub use socket::{RawSocket, frame};
pub use sweeps::made;
pub use world::{Builder, HASTY, World};
pub use wrapper::{Gateway, Wrapper};
