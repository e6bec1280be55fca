//! The contract's "Runtime status classification", as a pure function.

use super::{
    Degradation, Denial, Facts, Observations, Problem, Process, SignOfLife, Status, process,
};

/// A status with its explanation, and what the answers show beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classification {
    /// The state of the agent, by the contract's table.
    pub status: Status,
    /// Why it is not plainly running or healthy.
    pub reason: Option<String>,
    /// How the gateway's own process is, which the contract's table does not
    /// tell.
    pub process: Process,
    /// What does not work of an agent that counts as up.
    pub degraded: Vec<Degradation>,
}

/// What `/api/status` says, once it answers.
enum Verdict {
    Setup,
    Running,
    Starting,
    Stopped,
    Crashed,
    /// No word that we know, or words that contradict each other.
    Unclear(String),
}

/// Decides the state of an agent from its answers.
///
/// `/api/status` is authoritative; the two health checks decide where it is
/// absent or inconclusive. `/startupz` decides nothing of the status.
pub fn classify(observations: &Observations) -> Classification {
    let healthz = &observations.healthz.outcome;
    let readyz = &observations.readyz.outcome;
    let (status, reason) = match &observations.api_status.outcome {
        Ok(facts) => by_api_status(facts, healthz, readyz),
        Err(problem) => by_legacy_probes(healthz, readyz, problem),
    };
    let (process, degraded) = process::of(status, observations);
    let reason = match (process, status) {
        (Process::Draining, _) => {
            Some("The gateway is draining: it finishes its work, and ends then".to_owned())
        }
        (Process::Hanging, _) if observations.gateway == Some(SignOfLife::Missing) => Some(
            "The wrapper's /healthz reports that the gateway is reachable, but that says nothing \
             on its WebSocket"
                .to_owned(),
        ),
        (Process::Hanging, _) => healthz.as_ref().err().map(|problem| {
            format!(
                "/api/status reports a running agent, but its gateway does not answer: {problem}"
            )
        }),
        _ if observations.gateway == Some(SignOfLife::Hidden) => reason.map(|reason| {
            format!("{reason}, and so is its WebSocket: whether it hangs is not known")
        }),
        _ => reason,
    };
    Classification {
        status,
        reason,
        process,
        degraded,
    }
}

type Outcome = Result<Facts, Problem>;

fn by_api_status(facts: &Facts, healthz: &Outcome, readyz: &Outcome) -> (Status, Option<String>) {
    let because = |reason: &str| Some(reason.to_owned());
    match verdict(facts) {
        Verdict::Setup => (Status::Setup, because("The agent is not configured yet")),
        Verdict::Running if healthz.is_err() && readyz.is_err() => (
            Status::Running,
            because("Legacy health probes unavailable; using /api/status"),
        ),
        Verdict::Running => (Status::Running, None),
        Verdict::Starting => (
            Status::Starting,
            because("/api/status reports that the agent is starting"),
        ),
        Verdict::Stopped => (
            Status::Stopped,
            because("/api/status reports that the agent process is stopped"),
        ),
        Verdict::Crashed => (
            Status::Stopped,
            because("/api/status reports that the agent process crashed"),
        ),
        Verdict::Unclear(what) => match (healthz, readyz) {
            (Ok(_), Ok(_)) => (Status::Healthy, None),
            (Ok(_), Err(problem)) => (Status::Starting, Some(not_ready(problem))),
            (Err(_), _) => (Status::Unknown, Some(what)),
        },
    }
}

fn verdict(facts: &Facts) -> Verdict {
    if facts.configured == Some(false) {
        return Verdict::Setup;
    }
    match (facts.state.as_deref(), facts.running) {
        (Some("running"), Some(true) | None) | (None, Some(true)) => Verdict::Running,
        (Some("starting"), _) => Verdict::Starting,
        (Some("stopped"), Some(false) | None) | (None, Some(false)) => Verdict::Stopped,
        (Some("crashed"), Some(false) | None) => Verdict::Crashed,
        (Some(state @ ("running" | "stopped" | "crashed")), Some(running)) => Verdict::Unclear(
            format!("/api/status contradicts itself: state {state}, running {running}"),
        ),
        (Some(state), _) => {
            Verdict::Unclear(format!("/api/status reports the unknown state {state}"))
        }
        (None, None) => Verdict::Unclear("/api/status reports no state".to_owned()),
    }
}

fn by_legacy_probes(
    healthz: &Outcome,
    readyz: &Outcome,
    of_status: &Problem,
) -> (Status, Option<String>) {
    match (healthz, readyz) {
        _ if waits_for_setup(healthz, of_status) => (
            Status::Setup,
            Some("The agent is not configured yet".to_owned()),
        ),
        (Ok(_), Ok(_)) => (Status::Healthy, None),
        // The wrapper's login hides the rest, and will for ever.
        (Ok(facts), Err(Problem::Http(401)))
            if facts.gateway_reachable == Some(true) && *of_status == Problem::Http(401) =>
        {
            let reason = "The wrapper's /healthz reports that the gateway is reachable; \
                          /readyz and /api/status are behind its login";
            (Status::Healthy, Some(reason.to_owned()))
        }
        (Ok(_), Err(problem)) => (Status::Starting, Some(not_ready(problem))),
        (Err(problem), Ok(_)) => (
            Status::Unknown,
            Some(format!(
                "/readyz responds, but /healthz does not: {problem}"
            )),
        ),
        // The contract: with status 200 the agent is considered reachable.
        (Err(_), Err(_)) if of_status.is_success() => (
            Status::Unknown,
            Some(format!(
                "/api/status responds, but cannot be read: {of_status}"
            )),
        ),
        // The same failure everywhere needs no list.
        (Err(problem), Err(_)) if problem == of_status => (
            Status::Unreachable,
            Some(format!("No probe succeeded: {problem}")),
        ),
        (Err(problem), Err(_)) => (
            Status::Unreachable,
            Some(format!(
                "No probe succeeded: /healthz: {problem}; /api/status: {of_status}"
            )),
        ),
    }
}

/// Whether a wrapper that keeps `/api/status` to itself says that it is not
/// configured: by its health, or by sending everybody to its page for that.
fn waits_for_setup(healthz: &Outcome, of_status: &Problem) -> bool {
    matches!(healthz, Err(Problem::Denied(_, Denial::WrapperConfigured)))
        || (matches!(healthz, Ok(_) | Err(Problem::SetupRedirect(_)))
            && matches!(of_status, Problem::SetupRedirect(_)))
}

fn not_ready(problem: &Problem) -> String {
    format!("/healthz responds, but /readyz does not: {problem}")
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
