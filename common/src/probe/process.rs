//! How the gateway's own process is, beside the contract's status: whether a
//! sweep has to do something about it. Pure.

use super::{Denial, Observation, Observations, Phase, Problem, SignOfLife, Status};

/// How the gateway's own process is, as far as the answers show it. A status
/// `starting` may be any of the first three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// It is up: whatever is wrong is no reason to restart it.
    Up,
    /// It is not up yet.
    Starting,
    /// It finishes its work, and ends then. A gateway takes up to 315 seconds
    /// for that.
    Draining,
    /// Its wrapper says that it runs, and the gateway does not answer.
    Hanging,
    /// The status is all that is known.
    Unclear,
}

/// What does not work of an agent that counts as up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Degradation {
    /// The gateway refuses all that comes through the proxy in front of it.
    ProxyAttribution,
    /// A channel, or another part of the gateway that `/readyz` names.
    Part(String),
    /// `/readyz` does not say what.
    Readiness,
    /// Its wrapper runs, and the gateway behind it does not answer.
    Gateway,
}

impl Degradation {
    /// As it is told: a channel by its own name, a refusal by the gateway's.
    pub fn name(&self) -> &str {
        match self {
            Self::ProxyAttribution => "proxy_attribution_required",
            Self::Part(name) => name,
            Self::Readiness => "readiness",
            Self::Gateway => "gateway",
        }
    }
}

/// What the answers show of the process.
pub(super) fn of(status: Status, observations: &Observations) -> (Process, Vec<Degradation>) {
    let phase = observations.startup.as_ref().map(|startup| startup.phase);
    let unready = observations.readyz.problem();
    let drains = phase == Some(Phase::Draining) || matches!(unready, Some(Problem::Draining(_)));
    match status {
        Status::Running | Status::Healthy | Status::Starting | Status::Unknown if drains => {
            (Process::Draining, Vec::new())
        }
        Status::Running | Status::Healthy if phase.is_none() && hangs(observations) => {
            (Process::Hanging, vec![Degradation::Gateway])
        }
        Status::Running | Status::Healthy => (Process::Up, degraded(phase, observations)),
        Status::Starting if observations.healthz.ok() => match degraded(phase, observations) {
            degraded if degraded.is_empty() => (Process::Starting, degraded),
            degraded => (Process::Up, degraded),
        },
        Status::Starting => (Process::Starting, Vec::new()),
        Status::Stopped | Status::Setup | Status::Unknown | Status::Unreachable => {
            (Process::Unclear, Vec::new())
        }
    }
}

/// Whether a wrapper answers for a gateway that does not: its checks time out,
/// the wrapper's proxy does not reach it, or it is silent on its WebSocket. A 404
/// says nothing of the kind.
fn hangs(observations: &Observations) -> bool {
    if observations.gateway == Some(SignOfLife::Missing) {
        return true;
    }
    let silent = |observation: &Observation| {
        matches!(
            observation.problem(),
            Some(
                Problem::RequestFailed(_)
                    | Problem::Http(502..=504)
                    | Problem::Denied(_, Denial::GatewayReachable)
            )
        )
    };
    silent(&observations.healthz) && silent(&observations.readyz)
}

/// What does not work, where the gateway's own process is seen to be up.
fn degraded(phase: Option<Phase>, observations: &Observations) -> Vec<Degradation> {
    let Observations {
        readyz, api_status, ..
    } = observations;
    let refused = |it: &Observation| matches!(it.problem(), Some(Problem::ProxyAttribution(_)));
    if refused(readyz) || refused(api_status) {
        return vec![Degradation::ProxyAttribution];
    }
    let is_up = match phase {
        Some(phase) => phase == Phase::Started,
        // Without `/startupz`, what `/readyz` names is a channel or the start.
        None => true,
    };
    match readyz.problem() {
        Some(Problem::NotReady(_, names)) if is_up && !names.iter().any(|it| is_start(it)) => {
            names.iter().cloned().map(Degradation::Part).collect()
        }
        Some(Problem::Http(503) | Problem::Denied(_, Denial::Ready))
            if phase == Some(Phase::Started) =>
        {
            vec![Degradation::Readiness]
        }
        _ => Vec::new(),
    }
}

/// Whether `/readyz` tells of the start by a name: `startup-sidecars`.
fn is_start(name: &str) -> bool {
    name.starts_with("startup")
}
