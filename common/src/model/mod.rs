//! The words of the domain: validated once at the border, then trusted.
//!
//! Nothing here does I/O or reads a clock.

mod agent_url;
mod image;
mod instance;
mod instance_id;
mod pinned_image;
mod uptime;
mod user_id;
mod version;

pub use agent_url::{AgentUrl, InvalidAgentUrl};
pub use image::{Image, InvalidImage};
pub use instance::{DEFAULT_PLAN, Instance};
pub use instance_id::{InstanceId, InvalidInstanceId};
pub use pinned_image::{FloatingImage, PinnedImage};
pub use uptime::Uptime;
pub use user_id::{InvalidUserId, UserId};
pub use version::{InvalidVersion, OpenclawVersion};
