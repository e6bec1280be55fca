//! How a simulated agent is, for the server that answers and for whoever changes it.

use std::sync::{Mutex, PoisonError};

use common::clock::SharedClock;
use common::model::OpenclawVersion;
use jiff::Timestamp;
use serde::Serialize;

/// How a simulated agent behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Behaviour {
    /// Behind the platform's wrapper, and all is well.
    Running,
    /// Behind the wrapper, alive and not ready yet.
    Starting,
    /// The wrapper answers, its gateway process does not run.
    Stopped,
    /// The wrapper waits to be configured.
    Setup,
    /// A plain gateway, without `/api/status`.
    Legacy,
    /// Nothing listens.
    Unreachable,
    /// Connections open, and nothing ever comes.
    Hanging,
}

impl Behaviour {
    /// One agent of each.
    pub const ALL: [Self; 7] = [
        Self::Running,
        Self::Starting,
        Self::Stopped,
        Self::Setup,
        Self::Legacy,
        Self::Unreachable,
        Self::Hanging,
    ];

    /// As it is written in ids and in the list of agents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Starting => "starting",
            Self::Stopped => "stopped",
            Self::Setup => "setup",
            Self::Legacy => "legacy",
            Self::Unreachable => "unreachable",
            Self::Hanging => "hanging",
        }
    }
}

/// What newer releases do beside their behaviour: 2026.8 and later, which also
/// have `/startupz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The gateway does not know the proxy in front of it, and serves nobody.
    ProxyAttribution,
    /// It finishes its work, and ends then.
    Draining,
    /// The channel of this name does not work.
    Channel(&'static str),
    /// Too many attempts to log in have failed.
    LockedOut,
    /// A wrapper puts its own token into every request.
    LetsEverybodyIn,
    /// A wrapper says that the gateway runs, and does not reach it.
    Detached,
}

/// What an agent's answers depend on.
pub(super) struct Life {
    pub(super) behaviour: Behaviour,
    /// It was started without the platform's wrapper, and stays so.
    pub(super) plain: bool,
    pub(super) version: OpenclawVersion,
    pub(super) clock: SharedClock,
    pub(super) started: Timestamp,
    pub(super) token: Option<String>,
    /// Whether its own configuration names the token, above its variables.
    pub(super) keeps_token: bool,
    /// What ails it, if it is one of a newer release.
    pub(super) trouble: Option<Trouble>,
    /// The requests that it leaves without an answer.
    pub(super) unanswered: usize,
}

/// A panic of another holder leaves nothing half-done here.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
