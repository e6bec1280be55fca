//! Which OpenClaw the platform runs.
//!
//! Privilege: the internal key, to be asked with and to ask a backend with. No
//! table, no agent.

mod backend;
mod current;
mod proxied;

use axum::Router;
use axum::extract::FromRef;
use common::clock::SharedClock;
use common::config::{BACKEND_API_URL, Environment, INTERNAL_API_KEY, OPENCLAW_IMAGE, Reader};
use common::http::InternalKey;
use common::model::{ConfiguredImage, Image};
use common::platform::Platform;
use common::process::StartError;

use backend::Backend;

/// The state that the endpoints share.
#[derive(Clone, FromRef)]
pub struct State {
    clock: SharedClock,
    /// What callers of the backend endpoint present.
    internal_key: InternalKey,
    /// The image of new agents.
    image: Image,
    /// The backend that the public endpoint asks; without one it answers
    /// itself.
    backend: Option<Backend>,
}

common::endpoints!(State: current, proxied);

pub fn router(state: State) -> Router {
    routes().with_state(state)
}

/// The routes as the environment configures them.
///
/// # Errors
/// When a variable is missing or malformed.
pub fn from_environment(
    environment: &dyn Environment,
    platform: &Platform,
) -> Result<Router, StartError> {
    let mut reader = Reader::new(environment);
    let (Some(internal_key), Some(image), Some(backend)) = (
        reader.required::<InternalKey>(INTERNAL_API_KEY),
        reader.optional::<ConfiguredImage>(OPENCLAW_IMAGE),
        reader.optional(BACKEND_API_URL),
    ) else {
        return Err(reader.into_error().into());
    };
    Ok(router(State {
        clock: platform.clock.clone(),
        image: image.unwrap_or_default().into_image(),
        backend: backend
            .map(|url| Backend::new(url, internal_key.clone()))
            .transpose()?,
        internal_key,
    }))
}
