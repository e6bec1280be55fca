//! A thread for each processor, with a runtime of its own.
//!
//! Work that starts on a thread stays there with all its connections, and never
//! waits for another thread to wake. The relay serves and the sweep probes this
//! way.

use std::io;
use std::num::NonZeroUsize;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// Threads that run tasks until this is dropped.
#[derive(Debug)]
pub struct Threads {
    running: Vec<(Handle, Option<JoinHandle<()>>)>,
    ending: CancellationToken,
}

impl Threads {
    /// One thread for each processor that the process may use.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start() -> io::Result<Self> {
        let count = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut threads = Self {
            running: Vec::new(),
            ending: CancellationToken::new(),
        };
        for _ in 0..count {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let handle = runtime.handle().clone();
            let ending = threads.ending.clone();
            let thread = thread::Builder::new()
                .name("worker".to_owned())
                .spawn(move || {
                    runtime.block_on(ending.cancelled());
                    // Does not wait for pending DNS lookups.
                    runtime.shutdown_background();
                })?;
            threads.running.push((handle, Some(thread)));
        }
        Ok(threads)
    }

    pub fn runtimes(&self) -> Vec<Handle> {
        let runtimes = self.running.iter();
        runtimes.map(|(runtime, _)| runtime.clone()).collect()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.ending.cancel();
        for (_, thread) in &mut self.running {
            // A thread that panicked has ended too.
            let _ = thread.take().map(JoinHandle::join);
        }
    }
}
