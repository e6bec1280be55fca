//! HTTP: extractors for requests, and the mapping from causes to status codes.

mod app;
mod authenticator;
mod bearer;
mod body;
mod caller;
mod control_function;
mod controls;
mod endpoints;
mod error;
mod event_request;
mod event_response;
mod gateway;
mod members;
mod order;
mod origin;
mod owned;
mod path;
mod query;
mod responses;
mod session;

pub use app::{allowed_origins, app, note_instance, serve, traced};
pub use authenticator::{Authenticator, SessionSettings};
pub use bearer::{Bearer, InternalKey, InvalidKey, presented};
pub use body::{JsonObject, OptionalJsonObject};
pub use caller::{Caller, InvalidTrustedProxies, PeerAddress, TrustedProxies};
pub use control_function::{ControlFunction, ControlFunctionSettings};
pub use controls::{ControlsSwitch, InvalidSwitch, idempotency_key};
pub use endpoints::route;
pub use error::{ApiError, ErrorBody, LifecycleError, LifecycleErrorBody};
pub use gateway::PresentedToken;
pub use members::members;
pub use order::{Controlled, OwnerOrder, Refusal};
pub use origin::{AllowedOrigins, ForeignOrigin, InvalidOrigins, only_header};
pub use owned::{
    AlwaysForbidden, ForbiddenThenNotFound, OwnedInstance, OwnedRecord, RefusalPolicy,
    UnauthorizedThenForbidden, own_agent, owned,
};
pub use path::{InstancePath, WindowPath};
pub use query::{NoQuery, Parameters, StrictQuery};
pub use responses::{BodyErrors, CallersAgentErrors, OperatorErrors};
pub use session::{COOKIES, Session, SessionRefused};
