use crate::model::Uptime;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const JSON: Option<&str> = Some("application/json; charset=utf-8");
const HTML: Option<&str> = Some("text/html; charset=utf-8");

fn facts(endpoint: Endpoint, body: &Value) -> Facts {
    Observation::answered(endpoint, 200, JSON, body.to_string().as_bytes())
        .outcome
        .unwrap()
}

fn reason(endpoint: Endpoint, status: u16, content_type: Option<&str>, body: &str) -> String {
    Observation::answered(endpoint, status, content_type, body.as_bytes())
        .outcome
        .unwrap_err()
        .to_string()
}

#[test]
fn the_answers_of_a_real_gateway_are_good() {
    let live = json!({"ok": true, "status": "live"});
    assert_eq!(facts(Endpoint::Healthz, &live), Facts::default());

    let ready = json!({"ready": true, "failing": [], "uptimeMs": 309_347});
    let uptime = facts(Endpoint::Readyz, &ready).uptime.unwrap();
    assert_eq!(uptime.to_string(), "5m 9s");
}

#[test]
fn the_wrapper_answer_yields_its_known_fields_and_nothing_else() {
    let status = json!({
        "state": "running", "running": true, "configured": true, "uptime": 190_800.5,
        "terminalSessions": 2, "gatewayToken": "0123456789abcdef", "aiProvider": "x",
        "version": "2026.4.12",
        "runtime": {"ffmpeg": {"available": true, "version": "ffmpeg version 6.1"}},
    });
    let facts = facts(Endpoint::ApiStatus, &status);
    assert_eq!(
        facts,
        Facts {
            version: "2026.4.12".parse().ok(),
            uptime: Uptime::from_reported(&json!(190_800.5)),
            ffmpeg_available: Some(true),
            ffmpeg_version: Some("ffmpeg version 6.1".to_owned()),
            state: Some("running".to_owned()),
            running: Some(true),
            configured: Some(true),
            gateway_reachable: None,
        }
    );
    assert!(!format!("{facts:?}").contains("0123456789abcdef"));
}

#[test]
fn ffmpeg_is_found_at_both_places() {
    let top = json!({"ffmpeg": {"available": true, "version": "6.1"}});
    let facts = facts(Endpoint::ApiStatus, &top);
    assert_eq!(facts.ffmpeg_available, Some(true));
    assert_eq!(facts.ffmpeg_version.as_deref(), Some("6.1"));
}

#[test]
fn fields_of_another_type_count_as_absent() {
    let odd = json!({
        "version": 2026, "uptime": [], "uptimeMs": "x", "ffmpeg": "yes",
        "state": {"a": 1}, "running": "yes", "configured": 0,
    });
    assert_eq!(facts(Endpoint::ApiStatus, &odd), Facts::default());
}

#[test]
fn texts_that_are_not_fit_to_be_shown_count_as_absent() {
    let hostile = json!({
        "version": "<script>", "state": "<b>running</b>",
        "ffmpeg": {"version": "line\nbreak"},
    });
    assert_eq!(facts(Endpoint::ApiStatus, &hostile), Facts::default());
}

#[test]
fn a_page_is_not_health_whatever_its_status() {
    for endpoint in [Endpoint::Healthz, Endpoint::Readyz] {
        for (content_type, body) in [
            (HTML, "<!doctype html>"),
            (HTML, ""),
            (Some("Application/XHTML+xml"), "{}"),
            (None, "<!doctype html>"),
            (JSON, " \n<html>"),
            (Some("text/plain"), "\u{feff}<html>"),
        ] {
            let page = "HTTP 200, but the answer is a page";
            let found = reason(endpoint, 200, content_type, body);
            assert_eq!(found, page, "{content_type:?} {body}");
        }
    }
}

#[test]
fn success_without_a_page_or_a_denial_is_health() {
    for (status, content_type, body) in [
        (200, Some("text/plain"), "OK"),
        (200, None, ""),
        (204, None, ""),
        (200, JSON, "[]"),
        (200, JSON, "{\"ok\":true} x"),
        (202, Some("text/<script>"), "live"),
    ] {
        for endpoint in [Endpoint::Healthz, Endpoint::Readyz] {
            let found = Observation::answered(endpoint, status, content_type, body.as_bytes());
            assert_eq!(found.outcome, Ok(Facts::default()), "{body}");
        }
    }
}

#[test]
fn api_status_is_a_json_object_or_cannot_be_read() {
    assert_eq!(
        reason(Endpoint::ApiStatus, 200, HTML, "<!doctype html>"),
        "HTTP 200, but the answer is text/html and not JSON"
    );
    assert_eq!(
        reason(Endpoint::ApiStatus, 200, Some("text/html<script>"), "{}"),
        "HTTP 200, but the answer is of an odd type and not JSON"
    );
    for body in [
        "",
        "{",
        "[]",
        "null",
        "\"ok\"",
        "{\"ok\":true} x",
        "<!doctype html>",
    ] {
        assert_eq!(
            reason(Endpoint::ApiStatus, 200, JSON, body),
            "HTTP 200, but the answer is not a JSON object",
            "{body}"
        );
    }
}

#[test]
fn a_body_that_denies_its_status_is_believed() {
    for (endpoint, body, field) in [
        (Endpoint::Healthz, r#"{"ok":false}"#, "ok"),
        (Endpoint::Readyz, r#"{"ready":false}"#, "ready"),
        (Endpoint::Readyz, r#"{"ok":false,"ready":true}"#, "ok"),
        (Endpoint::Healthz, r#"{"healthy":false}"#, "healthy"),
        (
            Endpoint::Healthz,
            r#"{"ok":true,"gateway":{"reachable":false}}"#,
            "gateway.reachable",
        ),
        (
            Endpoint::Healthz,
            r#"{"ok":true,"wrapper":{"configured":false},"gateway":{"reachable":false}}"#,
            "wrapper.configured",
        ),
    ] {
        let denied = format!("HTTP 200, but the answer says {field}: false");
        assert_eq!(reason(endpoint, 200, JSON, body), denied, "{body}");
    }
}

#[test]
fn refusals_and_redirects_that_say_more_than_their_status_are_named() {
    let refused = r#"{"error":{"message":"x","type":"proxy_attribution_required"}}"#;
    let remedy = "HTTP 403: proxy_attribution_required: the gateway runs, and refuses what comes \
                  through this proxy; name the proxy's addresses in its gateway.trustedProxies";
    for endpoint in [Endpoint::Readyz, Endpoint::ApiStatus] {
        assert_eq!(reason(endpoint, 403, JSON, refused), remedy);
        assert_eq!(reason(endpoint, 401, JSON, refused), "HTTP 401");
        assert_eq!(
            reason(endpoint, 403, HTML, "proxy_attribution_required"),
            "HTTP 403"
        );
    }
    let draining = r#"{"ready":false,"failing":["telegram","gateway-draining"]}"#;
    assert_eq!(
        reason(Endpoint::Readyz, 503, JSON, draining),
        "HTTP 503: the gateway is draining"
    );
    for (location, reason) in [
        ("/setup", "HTTP 302: a redirect to /setup"),
        (
            "https://agent.example/setup/?next=/",
            "HTTP 302: a redirect to /setup",
        ),
        ("/login?next=/setup", "HTTP 302"),
    ] {
        let problem = Observation::redirected(302, location).outcome.unwrap_err();
        assert_eq!(problem.to_string(), reason, "{location}");
    }
}

#[test]
fn other_statuses_are_named_and_readiness_tells_what_is_failing() {
    assert_eq!(
        reason(Endpoint::ApiStatus, 404, None, "Not Found"),
        "HTTP 404"
    );
    assert_eq!(reason(Endpoint::Healthz, 302, HTML, ""), "HTTP 302");
    let failing = r#"{"ready":false,"failing":["telegram","<b>","discord"]}"#;
    assert_eq!(
        reason(Endpoint::Readyz, 503, JSON, failing),
        "HTTP 503: telegram, discord not ready"
    );
    assert_eq!(
        reason(Endpoint::Readyz, 503, JSON, r#"{"failing":[]}"#),
        "HTTP 503"
    );
    assert_eq!(reason(Endpoint::Healthz, 503, JSON, failing), "HTTP 503");
}

proptest! {
    #[test]
    fn no_answer_makes_the_judge_panic(
        status: u16,
        content_type in proptest::option::of(".{0,20}"),
        body: Vec<u8>,
    ) {
        for endpoint in [Endpoint::Healthz, Endpoint::Readyz, Endpoint::ApiStatus] {
            let _ = Observation::answered(endpoint, status, content_type.as_deref(), &body);
        }
    }
}
