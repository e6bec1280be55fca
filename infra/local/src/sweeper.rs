//! Starts a sweep at each interval, as EventBridge does on AWS.

use std::sync::Arc;
use std::time::Duration;

use sweep::Coordinator;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// Sweeps at once and then at regular times, until it is dropped.
pub(crate) struct Sweeper(JoinHandle<()>);

impl Sweeper {
    pub(crate) fn start(coordinator: Arc<Coordinator>, every: Duration) -> Self {
        Self(tokio::spawn(async move {
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                ticks.tick().await;
                if let Err(error) = coordinator.run_now().await {
                    tracing::error!(%error, "a sweep failed");
                }
            }
        }))
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}
