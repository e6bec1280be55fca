//! How the process of a function starts.

use std::error::Error;

use crate::aws::{Aws, Endpoint};
use crate::config::{Above, Environment, ProcessEnvironment};
use crate::secrets;

/// Why a function could not start.
pub type StartError = Box<dyn Error + Send + Sync>;

/// Makes what the function works with, once its secrets are read.
///
/// # Errors
/// When secrets cannot be read, and whatever `make` says.
pub async fn start<T, F>(make: F) -> Result<T, StartError>
where
    F: AsyncFnOnce(&dyn Environment, &Aws) -> Result<T, StartError>,
{
    let aws = Aws::new(Endpoint::Standard);
    let secrets = secrets::read(&ProcessEnvironment, &aws).await?;
    let environment = Above {
        variables: &secrets,
        environment: &ProcessEnvironment,
    };
    make(&environment, &aws).await
}
