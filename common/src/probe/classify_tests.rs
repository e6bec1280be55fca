use serde_json::{Value, json};

use super::super::{Endpoint, Observation, Startup};
use super::*;

#[path = "process_tests.rs"]
mod process;

/// How one path may answer, named.
type Answer = (&'static str, Observation);

fn answered(endpoint: Endpoint, status: u16, content_type: &str, body: &str) -> Observation {
    Observation::answered(endpoint, status, Some(content_type), body.as_bytes())
}

fn json_answer(endpoint: Endpoint, body: &Value) -> Observation {
    answered(endpoint, 200, "application/json", &body.to_string())
}

fn bad_answers(endpoint: Endpoint) -> Vec<Answer> {
    vec![
        (
            "html",
            answered(endpoint, 200, "text/html", "<!doctype html>"),
        ),
        (
            "a denial",
            json_answer(
                endpoint,
                &json!({"ok": false, "wrapper": {"configured": true}}),
            ),
        ),
        ("404", answered(endpoint, 404, "text/plain", "Not Found")),
        ("503", answered(endpoint, 503, "application/json", "{}")),
        ("time-out", Observation::failed("timed out after 5 s")),
        ("refused", Observation::failed("connection refused")),
    ]
}

fn legacy_answers(endpoint: Endpoint, good: &Value) -> Vec<Answer> {
    let mut answers = bad_answers(endpoint);
    answers.push(("good", json_answer(endpoint, good)));
    // The contract says "2xx", and that is all that these say.
    answers.push(("good", answered(endpoint, 200, "text/plain", "OK")));
    answers.push(("good", Observation::answered(endpoint, 204, None, b"")));
    answers
}

/// Calls `check` with every pair of answers to `/healthz` and `/readyz`.
fn each_legacy_pair(mut check: impl FnMut(&Answer, &Answer)) {
    let healthz = legacy_answers(Endpoint::Healthz, &json!({"ok": true, "status": "live"}));
    let readyz = legacy_answers(Endpoint::Readyz, &json!({"ready": true, "failing": []}));
    for health in &healthz {
        for ready in &readyz {
            check(health, ready);
        }
    }
}

fn status_of(health: &Answer, ready: &Answer, api_status: &Observation) -> Classification {
    classify(&Observations {
        healthz: health.1.clone(),
        readyz: ready.1.clone(),
        api_status: api_status.clone(),
        startup: None,
        gateway: None,
    })
}

/// How `/api/status` may answer without telling a state.
fn bad_statuses() -> Vec<Answer> {
    let mut answers = bad_answers(Endpoint::ApiStatus);
    answers.retain(|(name, _)| *name != "a denial");
    answers.push((
        "broken json",
        answered(Endpoint::ApiStatus, 200, "application/json", "{"),
    ));
    answers.push((
        "too long",
        Observation::cut_off(200, "is larger than 64 KiB"),
    ));
    answers.push((
        "no content",
        Observation::answered(Endpoint::ApiStatus, 204, None, b""),
    ));
    answers
}

#[test]
fn without_api_status_the_legacy_probes_decide() {
    for api_status in bad_statuses() {
        let reachable = matches!(api_status.1.status, Some(200 | 204));
        each_legacy_pair(|health, ready| {
            let expected = match (health.0, ready.0) {
                ("good", "good") => Status::Healthy,
                ("good", _) => Status::Starting,
                (_, "good") => Status::Unknown,
                _ if reachable => Status::Unknown,
                _ => Status::Unreachable,
            };
            let found = status_of(health, ready, &api_status.1);
            let case = (health.0, ready.0, api_status.0);
            assert_eq!(found.status, expected, "{case:?}");
            assert_eq!(
                found.reason.is_none(),
                expected == Status::Healthy,
                "{case:?}"
            );
        });
    }
}

#[test]
fn api_status_decides_whatever_the_legacy_probes_say() {
    // The answer's `state` and `running`, and what it means once configured.
    // None: the legacy probes decide, and `unknown` where they are
    // inconclusive.
    let rows: [(Value, Value, Option<Status>); 21] = [
        (json!("running"), json!(true), Some(Status::Running)),
        (json!("running"), json!(null), Some(Status::Running)),
        (json!("running"), json!(false), None),
        (json!("starting"), json!(true), Some(Status::Starting)),
        (json!("starting"), json!(null), Some(Status::Starting)),
        (json!("starting"), json!(false), Some(Status::Starting)),
        (json!("stopped"), json!(true), None),
        (json!("stopped"), json!(null), Some(Status::Stopped)),
        (json!("stopped"), json!(false), Some(Status::Stopped)),
        (json!("crashed"), json!(true), None),
        (json!("crashed"), json!(null), Some(Status::Stopped)),
        (json!("crashed"), json!(false), Some(Status::Stopped)),
        (json!("dreaming"), json!(true), None),
        (json!("dreaming"), json!(null), None),
        (json!("dreaming"), json!(false), None),
        (json!(null), json!(true), Some(Status::Running)),
        (json!(null), json!(null), None),
        (json!(null), json!(false), Some(Status::Stopped)),
        // Of another type than expected: as if absent.
        (json!(7), json!("yes"), None),
        (json!(["running"]), json!(true), Some(Status::Running)),
        (json!("<b>running</b>"), json!(false), Some(Status::Stopped)),
    ];
    for (state, running, verdict) in rows {
        for configured in [json!(null), json!(true), json!(false)] {
            let body = json!({"state": state, "running": running, "configured": configured});
            let api_status = json_answer(Endpoint::ApiStatus, &body);
            each_legacy_pair(|health, ready| {
                let expected = if configured == json!(false) {
                    Status::Setup
                } else if let Some(verdict) = verdict {
                    verdict
                } else {
                    match (health.0, ready.0) {
                        ("good", "good") => Status::Healthy,
                        ("good", _) => Status::Starting,
                        _ => Status::Unknown,
                    }
                };
                let found = status_of(health, ready, &api_status);
                assert_eq!(found.status, expected, "{body} {:?}", (health.0, ready.0));
            });
        }
    }
}

#[test]
fn every_reason_says_why_and_is_absent_where_all_is_well() {
    let refused = || ("refused", Observation::failed("connection refused"));
    let healthy = || {
        (
            "good",
            json_answer(Endpoint::Healthz, &json!({"ok": true, "status": "live"})),
        )
    };
    let failing = || {
        let body = r#"{"ready":false,"failing":["telegram"]}"#;
        (
            "503",
            answered(Endpoint::Readyz, 503, "application/json", body),
        )
    };
    let missing = || {
        (
            "404",
            answered(Endpoint::ApiStatus, 404, "text/plain", "Not Found"),
        )
    };
    let says = |body: Value| ("good", json_answer(Endpoint::ApiStatus, &body));

    let unreadable = || {
        let page = answered(Endpoint::ApiStatus, 200, "text/html", "<!doctype html>");
        ("page", page)
    };
    let rows: [(Answer, Answer, Answer, Option<&str>); 14] = [
        (
            missing(),
            missing(),
            unreadable(),
            Some(
                "/api/status responds, but cannot be read: HTTP 200, but the answer is text/html \
                 and not JSON",
            ),
        ),
        (healthy(), healthy(), missing(), None),
        (
            healthy(),
            healthy(),
            says(json!({"state": "running"})),
            None,
        ),
        (
            healthy(),
            failing(),
            says(json!({"state": "running"})),
            None,
        ),
        (
            missing(),
            missing(),
            says(json!({"state": "running"})),
            Some("Legacy health probes unavailable; using /api/status"),
        ),
        (
            healthy(),
            failing(),
            missing(),
            Some("/healthz responds, but /readyz does not: HTTP 503: telegram not ready"),
        ),
        (
            refused(),
            healthy(),
            missing(),
            Some("/readyz responds, but /healthz does not: request failed: connection refused"),
        ),
        (
            refused(),
            refused(),
            refused(),
            Some("No probe succeeded: request failed: connection refused"),
        ),
        (
            refused(),
            refused(),
            missing(),
            Some(
                "No probe succeeded: /healthz: request failed: connection refused; \
                 /api/status: HTTP 404",
            ),
        ),
        (
            healthy(),
            healthy(),
            says(json!({"configured": false})),
            Some("The agent is not configured yet"),
        ),
        (
            healthy(),
            healthy(),
            says(json!({"state": "crashed"})),
            Some("/api/status reports that the agent process crashed"),
        ),
        (
            missing(),
            missing(),
            says(json!({"state": "dreaming"})),
            Some("/api/status reports the unknown state dreaming"),
        ),
        (
            missing(),
            missing(),
            says(json!({"state": "running", "running": false})),
            Some("/api/status contradicts itself: state running, running false"),
        ),
        (
            missing(),
            missing(),
            says(json!({})),
            Some("/api/status reports no state"),
        ),
    ];
    for (health, ready, api_status, reason) in rows {
        let found = status_of(&health, &ready, &api_status.1);
        assert_eq!(found.reason.as_deref(), reason);
    }
}
