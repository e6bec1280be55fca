//! Work that continues after the response was sent.

use std::time::Duration;

use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// The background tasks of a process, which all clones share.
///
/// Lambda freezes a process between two events, and the local stack ends with
/// Ctrl-C: their servers call [`Background::finish`] before that.
#[derive(Clone, Debug)]
pub struct Background(TaskTracker);

impl Background {
    pub fn new() -> Self {
        let tasks = TaskTracker::new();
        // A closed tracker still accepts tasks; an open one never completes its
        // wait.
        tasks.close();
        Self(tasks)
    }

    /// Starts a task. What it logs belongs to the request that started it.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task.in_current_span());
    }

    /// Waits until all tasks are done, or gives up after `limit`.
    pub async fn finish(&self, limit: Duration) {
        if timeout(limit, self.0.wait()).await.is_err() {
            tracing::warn!(
                tasks = self.0.len(),
                "background tasks are not done in time"
            );
        }
    }
}

impl Default for Background {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::time::sleep;

    use super::*;

    fn task(background: &Background, takes: Duration) -> Arc<AtomicBool> {
        let done = Arc::new(AtomicBool::new(false));
        let told = done.clone();
        background.spawn(async move {
            sleep(takes).await;
            told.store(true, Ordering::SeqCst);
        });
        done
    }

    #[tokio::test]
    async fn finishing_waits_for_every_task_and_more_may_come_after() {
        let background = Background::new();
        for _ in 0..2 {
            let done = task(&background, Duration::from_millis(20));
            background.finish(Duration::from_secs(60)).await;
            assert!(done.load(Ordering::SeqCst));
        }
    }

    #[tokio::test]
    async fn finishing_gives_up_on_a_task_that_takes_too_long() {
        let background = Background::new();
        let done = task(&background, Duration::from_secs(600));
        background.finish(Duration::from_millis(20)).await;
        assert!(!done.load(Ordering::SeqCst));
    }
}
