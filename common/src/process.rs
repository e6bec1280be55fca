//! How the process of a function starts.

use std::error::Error;

use crate::aws::{Aws, Endpoint};
use crate::config::{Above, Environment, LOG_LEVEL, ProcessEnvironment, Reader};
use crate::{secrets, telemetry};

/// Why a function could not start.
pub type StartError = Box<dyn Error + Send + Sync>;

/// Starts logging, and makes what the function works with, once its secrets are
/// read.
///
/// # Errors
/// When `LOG_LEVEL` is malformed or secrets cannot be read, and whatever `make`
/// says.
pub async fn start<T, F>(make: F) -> Result<T, StartError>
where
    F: AsyncFnOnce(&dyn Environment, &Aws) -> Result<T, StartError>,
{
    let mut reader = Reader::new(&ProcessEnvironment);
    let level = reader.optional(LOG_LEVEL);
    telemetry::init_json(level.flatten().unwrap_or_default());
    reader.finish()?;
    let aws = Aws::new(Endpoint::Standard);
    let secrets = secrets::read(&ProcessEnvironment, &aws).await?;
    let environment = Above {
        variables: &secrets,
        environment: &ProcessEnvironment,
    };
    make(&environment, &aws).await
}
