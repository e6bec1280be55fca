//! Limits that a test does not sit out.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{advance, pause, resume, sleep};

/// How long answers that are under way between two sockets get to arrive.
const UNDER_WAY: Duration = Duration::from_millis(50);

/// Awaits what ends only with a limit. As soon as it is `stuck`, all of the limit
/// goes by at once for every timer of the test's runtime, so that the limit is the
/// one of production and costs no time.
///
/// A test that starts with its time paused would not do: tokio then goes on to the
/// next timer whenever no task is ready, and knows nothing of bytes that are still
/// under way between two sockets.
pub async fn skip_limit<T>(
    limit: Duration,
    stuck: impl Fn() -> bool,
    waiting: impl Future<Output = T>,
) -> T {
    let mut waiting = pin!(waiting);
    let stuck = async {
        while !stuck() {
            sleep(Duration::from_millis(5)).await;
        }
        sleep(UNDER_WAY).await;
    };
    tokio::select! {
        done = &mut waiting => return done,
        () = stuck => {}
    }
    pause();
    advance(limit).await;
    resume();
    waiting.await
}
