//! The embedded DynamoDB.

use std::net::Ipv4Addr;
use std::path::Path;

use dynoxide::{Database, server};
use tokio::net::TcpListener;

use crate::stack::Server;
use crate::{Data, StackError};

/// Serves a DynamoDB on a free port of the loopback, and tells its base URL.
pub(crate) async fn start(data: &Data) -> Result<(String, Server), StackError> {
    let database = match data {
        Data::File(file) => open(file)?,
        Data::Memory => {
            Database::memory().map_err(|error| StackError::Database(error.to_string()))?
        }
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(StackError::Listen)?;
    let address = listener.local_addr().map_err(StackError::Listen)?;
    let server = Server::spawn(|ending| server::serve_with_shutdown(listener, database, ending));
    Ok((format!("http://{address}"), server))
}

fn open(file: &Path) -> Result<Database, StackError> {
    let failed = |cause: String| StackError::Database(format!("{}: {cause}", file.display()));
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
    }
    let text = file
        .to_str()
        .ok_or_else(|| failed("the path is not UTF-8".to_owned()))?;
    Database::new(text).map_err(|error| failed(error.to_string()))
}
