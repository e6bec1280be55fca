//! How much and how long.

use std::time::Duration;

/// What one request may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest body of a request, in bytes.
    pub body: usize,
    /// How answers are passed on.
    pub answers: Answers,
    /// How long an agent may take to begin its answer; where answers are whole,
    /// to end it.
    pub patience: Duration,
    /// How long opening a connection may take.
    pub connect: Duration,
    /// How long a connection without a request is kept; zero closes it.
    pub keep: Duration,
    /// What holds for WebSockets.
    pub sockets: SocketLimits,
}

/// How answers are passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// As they come, however long they are.
    Streamed,
    /// Whole, and of at most this many bytes.
    Whole(usize),
}

/// What holds for one WebSocket.
#[derive(Clone, Copy, Debug)]
pub struct SocketLimits {
    /// The longest message, in bytes of payload.
    pub message: u64,
    /// How often a silent peer is asked for a sign of life. After three times
    /// without one it is gone.
    pub ping: Duration,
    /// How long the other side has to end once one has.
    pub linger: Duration,
}

impl Default for SocketLimits {
    /// The message is as long as OpenClaw's own limit.
    fn default() -> Self {
        Self {
            message: 25 * 1024 * 1024,
            ping: Duration::from_secs(20),
            linger: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// Lambda's: an event and an answer have at most 6 MiB (6,291,456 bytes),
    /// and binary ones grow by a third in base64. What is left is for the
    /// headers. API Gateway waits 30 seconds. A function that is frozen between
    /// two requests finds its connections dead.
    pub fn of_lambda() -> Self {
        Self {
            body: 4_500_000,
            answers: Answers::Whole(4_500_000),
            patience: Duration::from_secs(25),
            connect: Duration::from_secs(5),
            keep: Duration::ZERO,
            sockets: SocketLimits::default(),
        }
    }

    /// Those of a server that lives long.
    pub fn of_server() -> Self {
        Self {
            body: 100 * 1024 * 1024,
            answers: Answers::Streamed,
            patience: Duration::from_secs(60),
            connect: Duration::from_secs(5),
            keep: Duration::from_secs(30),
            sockets: SocketLimits::default(),
        }
    }
}
