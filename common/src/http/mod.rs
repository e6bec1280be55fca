//! Where requests enter and causes become status codes.

mod app;
mod authenticator;
mod bearer;
mod body;
mod caller;
mod controls;
mod error;
mod origin;
mod path;
mod session;

pub use app::{StartError, app, serve};
pub use authenticator::{Authenticator, SessionSettings};
pub use bearer::{Bearer, InternalKey, InvalidKey, presented};
pub use body::{JsonObject, OptionalJsonObject};
pub use caller::{Caller, Fronts, InvalidFronts, PeerAddress};
pub use controls::{ControlsSwitch, InvalidSwitch, idempotency_key};
pub use error::{ApiError, ErrorBody, LifecycleError, LifecycleErrorBody};
pub use origin::{AllowedOrigins, ForeignOrigin, InvalidOrigins};
pub use path::InstancePath;
pub use session::{COOKIES, Session, SessionRefused};
