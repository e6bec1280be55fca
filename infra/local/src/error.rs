//! Why the stack did not start.

use std::io;

use common::process::StartError;
use common::store::StoreError;

use crate::railway::SimulatorError;
use crate::template::TemplateError;

/// Why the stack did not start.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// Something else listens there.
    #[error("port {0} is taken; choose another one with --port")]
    PortTaken(u16),
    /// A socket could not be opened.
    #[error("cannot listen on the loopback: {0}")]
    Listen(#[source] io::Error),
    /// The embedded DynamoDB could not open its data.
    #[error("cannot open the embedded DynamoDB: {0}")]
    Database(String),
    /// Another process has the data.
    #[error(
        "{file} is in use by {}; end that, or choose another file with --data, or --memory",
        holder.map_or("another process".to_owned(), |id| format!("process {id}"))
    )]
    DataInUse {
        /// The file.
        file: String,
        /// The id of the process.
        holder: Option<u32>,
    },
    /// The tables cannot be made as the AWS template defines them.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// DynamoDB failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A function could not be made.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The simulated Railway did not start.
    #[error("cannot start the simulated Railway: {0}")]
    Railway(#[from] SimulatorError),
    /// A variable that names a demo agent's URL is malformed.
    #[error("cannot make the demo records: {0}")]
    Demo(String),
}
