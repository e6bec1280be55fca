//! How the process is, beside the status.

use super::*;

fn refused(endpoint: Endpoint) -> Observation {
    let body = r#"{"error":{"message":"…","type":"proxy_attribution_required"}}"#;
    answered(endpoint, 403, "application/json", body)
}

fn not_ready(failing: &Value) -> Observation {
    let body = json!({"ready": false, "failing": failing}).to_string();
    answered(Endpoint::Readyz, 503, "application/json", &body)
}

fn startup(phase: &str) -> Option<Startup> {
    Startup::read(
        json!({"ok": phase == "started", "status": phase})
            .to_string()
            .as_bytes(),
    )
}

/// A gateway without a wrapper: what it says on `/readyz` and `/startupz`.
fn plain(readyz: Observation, startup: Option<Startup>) -> Observations {
    Observations {
        healthz: json_answer(Endpoint::Healthz, &json!({"ok": true, "status": "live"})),
        readyz,
        api_status: answered(Endpoint::ApiStatus, 404, "text/plain", "Not Found"),
        startup,
        gateway: None,
    }
}

/// The status, the process and what is degraded.
fn seen(observations: &Observations) -> (Status, Process, Vec<String>) {
    let found = classify(observations);
    let degraded = found.degraded.iter().map(|it| it.name().to_owned());
    (found.status, found.process, degraded.collect())
}

#[test]
fn what_a_starting_agent_is_really_doing_is_told_apart() {
    let edge = || {
        answered(
            Endpoint::Readyz,
            503,
            "application/json",
            r#"{"ready":false}"#,
        )
    };
    let rows = [
        (
            not_ready(&json!(["telegram"])),
            startup("started"),
            Process::Up,
            &["telegram"][..],
        ),
        // Before 2026.8 there is no `/startupz`, and `/readyz` names channels.
        (
            not_ready(&json!(["telegram", "discord"])),
            None,
            Process::Up,
            &["telegram", "discord"],
        ),
        (
            not_ready(&json!(["startup-sidecars"])),
            None,
            Process::Starting,
            &[],
        ),
        (
            not_ready(&json!(["startup-sidecars"])),
            startup("starting"),
            Process::Starting,
            &[],
        ),
        (
            not_ready(&json!(["telegram"])),
            startup("starting"),
            Process::Starting,
            &[],
        ),
        (not_ready(&json!([])), None, Process::Starting, &[]),
        (edge(), None, Process::Starting, &[]),
        (edge(), startup("started"), Process::Up, &["readiness"]),
        (edge(), startup("draining"), Process::Draining, &[]),
        (
            not_ready(&json!(["gateway-draining"])),
            None,
            Process::Draining,
            &[],
        ),
        (
            not_ready(&json!(["gateway-draining"])),
            startup("draining"),
            Process::Draining,
            &[],
        ),
        (
            Observation::failed("timed out after 4 s"),
            startup("started"),
            Process::Starting,
            &[],
        ),
        (
            refused(Endpoint::Readyz),
            None,
            Process::Up,
            &["proxy_attribution_required"],
        ),
    ];
    for (readyz, startup, process, degraded) in rows {
        let observations = plain(readyz, startup);
        let degraded: Vec<String> = degraded.iter().map(|&it| it.to_owned()).collect();
        let expected = (Status::Starting, process, degraded);
        assert_eq!(seen(&observations), expected, "{observations:?}");
    }
}

#[test]
fn a_refusal_for_want_of_attribution_names_its_remedy_and_a_drain_itself() {
    let refused = Observations {
        api_status: refused(Endpoint::ApiStatus),
        ..plain(refused(Endpoint::Readyz), None)
    };
    let reason = "/healthz responds, but /readyz does not: HTTP 403: proxy_attribution_required: \
                  the gateway runs, and refuses what comes through this proxy; name the proxy's \
                  addresses in its gateway.trustedProxies";
    assert_eq!(classify(&refused).reason.as_deref(), Some(reason));
    let draining = plain(not_ready(&json!(["gateway-draining"])), startup("draining"));
    let reason = "The gateway is draining: it finishes its work, and ends then";
    assert_eq!(classify(&draining).reason.as_deref(), Some(reason));
}

#[test]
fn a_channel_that_fails_behind_a_wrapper_leaves_the_agent_running() {
    let observations = Observations {
        api_status: json_answer(Endpoint::ApiStatus, &json!({"state": "running"})),
        ..plain(not_ready(&json!(["telegram"])), startup("started"))
    };
    let expected = (Status::Running, Process::Up, vec!["telegram".to_owned()]);
    assert_eq!(seen(&observations), expected);
}

#[test]
fn a_gateway_that_hangs_behind_its_wrapper_is_found_out_where_it_shows() {
    let late = || Observation::failed("timed out after 5 s");
    let bad_gateway = || answered(Endpoint::Healthz, 502, "text/plain", "");
    let missing = || answered(Endpoint::Healthz, 404, "text/plain", "");
    let rows = [
        (late(), late(), None, Process::Hanging),
        (bad_gateway(), late(), None, Process::Hanging),
        (bad_gateway(), bad_gateway(), None, Process::Hanging),
        (late(), late(), startup("started"), Process::Up),
        // Some deployments have no health checks.
        (missing(), missing(), None, Process::Up),
        (late(), missing(), None, Process::Up),
    ];
    for (healthz, readyz, startup, process) in rows {
        let observations = Observations {
            healthz,
            readyz,
            api_status: json_answer(Endpoint::ApiStatus, &json!({"running": true})),
            startup,
            gateway: None,
        };
        let found = classify(&observations);
        assert_eq!(
            (found.status, found.process),
            (Status::Running, process),
            "{observations:?}"
        );
        let hangs = "/api/status reports a running agent, but its gateway does not answer: ";
        let says_so = found.reason.unwrap_or_default().starts_with(hangs);
        assert_eq!(says_so, process == Process::Hanging, "{observations:?}");
    }
}

#[test]
fn a_wrapper_that_keeps_to_itself_is_judged_by_its_own_health() {
    let health = |configured: bool, reachable: bool| {
        let body = json!({
            "ok": true,
            "wrapper": {"configured": configured},
            "gateway": {"target": "http://127.0.0.1:18789", "reachable": reachable},
        });
        json_answer(Endpoint::Healthz, &body)
    };
    let login = |endpoint| answered(endpoint, 401, "text/html", "Auth required");
    let to_setup = || Observation::redirected(302, "/setup");
    let by_login = (login(Endpoint::Readyz), login(Endpoint::ApiStatus));
    let by_setup = (to_setup(), to_setup());
    let rows = [
        (health(true, true), &by_login, Status::Healthy, Process::Up),
        (
            health(true, false),
            &by_login,
            Status::Unreachable,
            Process::Unclear,
        ),
        (
            health(false, false),
            &by_login,
            Status::Setup,
            Process::Unclear,
        ),
        (
            health(false, false),
            &by_setup,
            Status::Setup,
            Process::Unclear,
        ),
        (
            json_answer(Endpoint::Healthz, &json!({"ok": true})),
            &by_setup,
            Status::Setup,
            Process::Unclear,
        ),
        // Nothing says that it reaches its gateway.
        (
            json_answer(Endpoint::Healthz, &json!({"ok": true})),
            &by_login,
            Status::Starting,
            Process::Starting,
        ),
    ];
    for (healthz, (readyz, api_status), status, process) in rows {
        let observations = Observations {
            healthz,
            readyz: readyz.clone(),
            api_status: api_status.clone(),
            startup: None,
            gateway: None,
        };
        assert_eq!(
            seen(&observations),
            (status, process, Vec::new()),
            "{observations:?}"
        );
        assert!(classify(&observations).reason.is_some());
    }
}
