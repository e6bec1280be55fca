//! A server of the stack.

use std::pin::Pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Resolves once a server is to end.
pub(crate) type Ending = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A server that can be asked to end. It also ends when this is dropped.
pub(crate) struct Server {
    shutdown: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Runs what `serve` makes of a signal to end.
    pub(crate) fn spawn<F, R>(serve: F) -> Self
    where
        F: FnOnce(Ending) -> R,
        R: Future<Output = Result<(), String>> + Send + 'static,
    {
        let (shutdown, mut ending) = watch::channel(false);
        let server = serve(Box::pin(async move {
            // An error means that nobody is left to say it, which is an end too.
            let _ = ending.wait_for(|ending| *ending).await;
        }));
        let task = tokio::spawn(async {
            if let Err(error) = server.await {
                tracing::error!(error, "a server ended badly");
            }
        });
        Self { shutdown, task }
    }

    pub(crate) async fn end(self) {
        self.shutdown.send_replace(true);
        // A probe in progress takes five seconds at most.
        match tokio::time::timeout(Duration::from_secs(6), self.task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "a server ended badly"),
            Err(_) => tracing::warn!("some requests were cut off"),
        }
    }
}
