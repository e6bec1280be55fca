//! The embedded DynamoDB.

mod lock;
mod protocol;

use std::net::Ipv4Addr;
use std::path::Path;

use dynoxide::Database;
use tokio::net::TcpListener;

use crate::error::StackError;
use crate::server::Server;
use lock::Lock;

/// A DynamoDB on a free port of the loopback. It ends when it is dropped.
pub struct EmbeddedDynamoDb {
    /// Its base URL.
    pub url: String,
    server: Server,
    /// No other process uses the file meanwhile.
    _lock: Option<Lock>,
}

impl EmbeddedDynamoDb {
    /// The access key of one that only tests and benchmarks reach.
    pub const TEST_KEY: &str = "local";

    /// One that forgets everything when it ends, for whoever signs with this
    /// access key.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn in_memory(access_key: &str) -> Result<Self, StackError> {
        let database =
            Database::memory().map_err(|error| StackError::Database(error.to_string()))?;
        Self::serve(database, access_key, None).await
    }

    /// One that keeps its data in a file.
    ///
    /// # Errors
    /// When the file cannot be opened, another process has it, or no port is
    /// free.
    pub(crate) async fn in_file(file: &Path, access_key: &str) -> Result<Self, StackError> {
        let failed = |cause: String| StackError::Database(format!("{}: {cause}", file.display()));
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        }
        let text = file
            .to_str()
            .ok_or_else(|| failed("the path is not UTF-8".to_owned()))?;
        let lock = Lock::take(file)?;
        let database = Database::new(text).map_err(|error| failed(error.to_string()))?;
        Self::serve(database, access_key, Some(lock)).await
    }

    /// Ends it once its requests are answered.
    pub(crate) async fn stop(self) {
        self.server.end().await;
    }

    async fn serve(
        database: Database,
        access_key: &str,
        lock: Option<Lock>,
    ) -> Result<Self, StackError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(StackError::Listen)?;
        let address = listener.local_addr().map_err(StackError::Listen)?;
        let routes = protocol::routes(database, access_key);
        let server = Server::spawn(async move |ending| {
            axum::serve(listener, routes)
                .with_graceful_shutdown(ending)
                .await
                .map_err(|error| error.to_string())
        });
        Ok(Self {
            url: format!("http://{address}"),
            server,
            _lock: lock,
        })
    }
}
