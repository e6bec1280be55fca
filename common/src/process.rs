//! How the process of a function starts.

use crate::aws::{Aws, Endpoint};
use crate::client::ClientError;
use crate::config::{
    ConfigError, Environment, LOG_LEVEL, Overlay, ProcessEnvironment, Reader, warn_of_unknown,
};
use crate::platform::Platform;
use crate::secrets::{self, SecretsError};
use crate::telemetry;

/// Why a function could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Variables are missing or malformed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Secrets could not be read.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// A client could not be made.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Starts logging, reads secrets, and constructs the function's state.
///
/// # Errors
/// When `LOG_LEVEL` is malformed or secrets cannot be read, and the errors of
/// `make`.
pub async fn start<T, F>(make: F) -> Result<T, StartError>
where
    F: FnOnce(&dyn Environment, &Platform) -> Result<T, StartError>,
{
    let mut reader = Reader::new(&ProcessEnvironment);
    let level = reader.optional(LOG_LEVEL);
    telemetry::init_json(level.flatten().unwrap_or_default());
    reader.finish()?;
    warn_of_unknown(ProcessEnvironment.names(), &[]);
    let platform = Platform::new(Aws::new(Endpoint::Standard));
    let secrets = secrets::read(&ProcessEnvironment, &platform.aws).await?;
    let environment = Overlay {
        variables: &secrets,
        environment: &ProcessEnvironment,
    };
    make(&environment, &platform)
}
