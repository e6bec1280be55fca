//! The embedded DynamoDB.

use std::net::Ipv4Addr;
use std::path::Path;

use dynoxide::{Database, server};
use tokio::net::TcpListener;

use crate::error::StackError;
use crate::server::Server;

/// A DynamoDB on a free port of the loopback. It ends when it is dropped.
pub struct EmbeddedDynamoDb {
    /// Its base URL.
    pub url: String,
    server: Server,
}

impl EmbeddedDynamoDb {
    /// One that forgets everything when it ends.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn in_memory() -> Result<Self, StackError> {
        let database =
            Database::memory().map_err(|error| StackError::Database(error.to_string()))?;
        Self::serve(database).await
    }

    /// One that keeps its data in a file.
    ///
    /// # Errors
    /// When the file cannot be opened, or no port is free.
    pub(crate) async fn in_file(file: &Path) -> Result<Self, StackError> {
        Self::serve(open(file)?).await
    }

    /// Ends it once its requests are answered.
    pub(crate) async fn stop(self) {
        self.server.end().await;
    }

    async fn serve(database: Database) -> Result<Self, StackError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(StackError::Listen)?;
        let address = listener.local_addr().map_err(StackError::Listen)?;
        Ok(Self {
            url: format!("http://{address}"),
            server: Server::spawn(|ending| server::serve_with_shutdown(listener, database, ending)),
        })
    }
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
