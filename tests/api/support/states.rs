//! What the tests of the state endpoints share.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Answer, Reply, World, skip_limit};

/// The three checks of a probe: status and reason of each.
pub(crate) fn checks(of: [(Option<u16>, Option<&str>); 3]) -> Value {
    let [healthz, readyz, api_status] = of;
    let check = |path: &str, (status, reason): (Option<u16>, Option<&str>)| json!({"path": path, "ok": reason.is_none(), "status": status, "reason": reason});
    json!([
        check("/healthz", healthz),
        check("/readyz", readyz),
        check("/api/status", api_status),
    ])
}

/// The checks of the contract's examples: all is well.
pub(crate) fn all_well() -> Value {
    checks([(Some(200), None); 3])
}

/// The same reason three times, without a status.
pub(crate) fn all_failed(reason: &str) -> Value {
    checks([(None, Some(reason)); 3])
}

/// What the owner of an instance of the demo is answered about it. If it hangs, nobody
/// sits out the limit of its probe.
pub(crate) async fn look(world: &World, id: &str, path: &str) -> Answer {
    let (owner, agent) = (world.owner_of(id), world.stack.simulated(id));
    let agent = agent.expect("an agent of the demo");
    let stuck = || agent.unanswered() >= 3;
    skip_limit(Duration::from_secs(5), stuck, owner.get(path)).await
}

/// What a simulated agent of the demo is to be reported as.
pub(crate) struct Expected {
    /// Its name behind `demo-`.
    pub(crate) name: &'static str,
    pub(crate) status: &'static str,
    pub(crate) reason: Option<&'static str>,
    pub(crate) checks: Value,
    /// Whether it tells its version and its ffmpeg: the wrapper answers.
    pub(crate) tells_version: bool,
    /// Whether it tells its uptime.
    pub(crate) tells_uptime: bool,
}

/// One row for each behaviour of the simulated agents.
pub(crate) fn behaviours() -> Vec<Expected> {
    const DOWN: (Option<u16>, Option<&str>) = (Some(502), Some("HTTP 502"));
    let well = (Some(200), None);
    let row = |name, status, reason, checks, tells_version, tells_uptime| Expected {
        name,
        status,
        reason,
        checks,
        tells_version,
        tells_uptime,
    };
    vec![
        row("running", "running", None, all_well(), true, true),
        row(
            "starting",
            "starting",
            Some("/api/status reports that the agent is starting"),
            checks([well, (Some(503), Some("HTTP 503: startup not ready")), well]),
            true,
            true,
        ),
        row(
            "stopped",
            "stopped",
            Some("/api/status reports that the agent process is stopped"),
            checks([DOWN, DOWN, well]),
            true,
            true,
        ),
        row(
            "setup",
            "setup",
            Some("The agent is not configured yet"),
            checks([DOWN, DOWN, well]),
            true,
            true,
        ),
        row(
            "legacy",
            "healthy",
            None,
            checks([well, well, (Some(404), Some("HTTP 404"))]),
            false,
            true,
        ),
        row(
            "unreachable",
            "unreachable",
            Some("No probe succeeded: request failed: connection refused"),
            all_failed("request failed: connection refused"),
            false,
            false,
        ),
        row(
            "hanging",
            "unreachable",
            Some("No probe succeeded: request failed: timed out after 5 s"),
            checks([
                (None, Some("request failed: timed out after 5 s")),
                (None, Some("request failed: timed out after 4 s")),
                (None, Some("request failed: timed out after 5 s")),
            ]),
            false,
            false,
        ),
    ]
}

/// Takes the uptime of a simulated agent out of an answer: it is real, a few
/// seconds at most.
pub(crate) fn take_seconds(answer: &mut Answer) {
    let uptime = answer.take("uptime");
    let seconds = uptime.as_str().and_then(|text| text.strip_suffix('s'));
    assert!(
        seconds.is_some_and(|seconds| seconds.parse::<u8>().is_ok()),
        "{uptime}"
    );
}

/// The replies of the agent in the contract's examples. It tells its version, its
/// ffmpeg and, if any, its uptime.
pub(crate) fn agent_of_the_spec(uptime: Option<&str>) -> [Reply; 3] {
    [
        Reply::json(&json!({"ok": true, "version": "2026.4.11", "uptime": uptime})),
        Reply::json(&json!({"ready": true})),
        Reply::json(&json!({
            "state": "running", "running": true, "configured": true,
            "gatewayToken": "a-token-that-nobody-may-see",
            "ffmpeg": {"available": true, "version": "ffmpeg version 6.1"},
        })),
    ]
}
