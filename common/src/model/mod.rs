//! Domain types: validated once at the border, then trusted.
//!
//! Nothing here does I/O or reads a clock.

mod agent_origin;
mod agent_setup;
mod agent_url;
mod gateway_token;
mod human_duration;
mod idempotency_key;
mod image;
mod image_tag;
mod instance;
mod instance_id;
mod maintenance_window;
mod operation;
mod pinned_image;
mod uptime;
mod usage;
mod user_id;
mod version;

pub use agent_origin::{AgentOrigin, HostOwner, InvalidAgentOrigin, OPEN_PATH};
pub use agent_setup::AgentSetup;
pub use agent_url::{AgentUrl, InvalidAgentUrl};
pub use gateway_token::{GatewayToken, InvalidGatewayToken};
pub use human_duration::human_duration;
pub use idempotency_key::{IdempotencyKey, InvalidIdempotencyKey};
pub use image::{Image, InvalidImage};
pub use image_tag::ImageVersion;
pub use instance::{DEFAULT_PLAN, Instance};
pub use instance_id::{InstanceId, InvalidInstanceId};
pub use maintenance_window::{InvalidWindowId, MaintenanceWindow, WindowId};
pub use operation::{
    Control, Failure, FailureKind, InvalidOperationId, Operation, OperationId, OperationState,
};
pub use pinned_image::{ConfiguredImage, InvalidConfiguredImage, MovingImage, PinnedImage};
pub use uptime::Uptime;
pub use usage::{Bytes, Percent, Usage};
pub use user_id::{InvalidUserId, UserId};
pub use version::{InvalidVersion, OpenclawVersion};
