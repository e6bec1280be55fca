//! Size and time limits of the proxy.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::error::ProxyError;

/// The limits of one request. Sizes are in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub max_body: usize,
    pub responses: ResponseMode,
    /// Until the head of the agent's response is there, and between two parts of its
    /// body; for buffered responses, until their end.
    pub response_timeout: Duration,
    /// How long a client may pause while it sends a body, or reads none of an answer.
    pub client_timeout: Duration,
    pub connect_timeout: Duration,
    /// How long an idle connection to an agent is kept; zero closes it at once.
    pub idle_timeout: Duration,
    pub sockets: SocketLimits,
}

/// How an agent's response is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseMode {
    /// As it arrives, at any length.
    Streamed,
    /// Complete, and at most this many bytes long.
    Buffered(usize),
}

/// The limits of one WebSocket.
#[derive(Clone, Copy, Debug)]
pub struct SocketLimits {
    /// In bytes of payload.
    pub max_message: u64,
    /// How often a silent peer is pinged. After three intervals without a sign of
    /// life it counts as gone.
    pub ping_interval: Duration,
    /// How long one peer may take to close once the other has.
    pub linger: Duration,
}

impl Default for SocketLimits {
    /// The message limit is OpenClaw's own.
    fn default() -> Self {
        Self {
            max_message: 25 * 1024 * 1024,
            ping_interval: Duration::from_secs(20),
            linger: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// On Lambda an event and a response have at most 6 MiB (6,291,456 bytes), and
    /// binary bodies grow by a third in base64; the rest is for the headers. API
    /// Gateway waits 30 seconds. A function that is frozen between two requests
    /// finds its idle connections dead, so it keeps none.
    pub fn of_lambda() -> Self {
        Self {
            max_body: 4_500_000,
            responses: ResponseMode::Buffered(4_500_000),
            response_timeout: Duration::from_secs(25),
            client_timeout: Duration::from_secs(25),
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::ZERO,
            sockets: SocketLimits::default(),
        }
    }

    /// The limits of a long-running server. An agent may think for minutes before
    /// it says the next word.
    pub fn of_server() -> Self {
        Self {
            max_body: 100 * 1024 * 1024,
            responses: ResponseMode::Streamed,
            response_timeout: Duration::from_secs(300),
            client_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            sockets: SocketLimits::default(),
        }
    }
}

/// When an agent has to have answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    timeout: Duration,
}

impl Deadline {
    pub(crate) fn after(timeout: Duration) -> Self {
        let at = Instant::now() + timeout;
        Self { at, timeout }
    }

    /// What comes of a future before then.
    ///
    /// # Errors
    /// When it takes longer.
    pub(crate) async fn hold<F: Future>(self, future: F) -> Result<F::Output, ProxyError> {
        let held = timeout_at(self.at, future).await;
        held.map_err(|_| ProxyError::AgentTooSlow(self.timeout.as_secs()))
    }
}
