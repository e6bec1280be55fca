//! The handshake of the gateway's WebSocket, where a wrapper is in the way of
//! requests.

use std::time::Duration;

use common::model::{AgentUrl, GatewayToken};
use common::probe::{Degradation, ProbeReport, Prober, Process, Proof, Status};
use serde_json::{Value, json};
use tests::{Gateway, Wrapper, skip_limit};

const LIMIT: Duration = Duration::from_secs(5);

fn prober() -> Prober {
    Prober::new("127.0.0.1".parse().unwrap()).unwrap()
}

fn url(wrapper: &Wrapper) -> AgentUrl {
    wrapper.url().parse().unwrap()
}

fn token() -> GatewayToken {
    GatewayToken::from_random([7; 32])
}

async fn prove(gateway: &Gateway, answers: fn(&str) -> (u16, Value)) -> (Proof, usize) {
    let wrapper = Wrapper::start(gateway.clone(), answers).await;
    let hangs = || matches!(gateway, Gateway::Hanging) && wrapper.sockets() > 0;
    let url = url(&wrapper);
    let proof = skip_limit(LIMIT, hangs, prober().prove(&url, &token())).await;
    (proof, wrapper.sockets())
}

/// A wrapper that puts its own token into every request, and does not show it.
fn injecting(path: &str) -> (u16, Value) {
    match path {
        "/tools/invoke" => (200, json!({"ok": true, "result": {}})),
        _ => (404, json!({})),
    }
}

/// A wrapper that passes no body on.
fn swallowing(path: &str) -> (u16, Value) {
    match path {
        "/tools/invoke" => (502, json!({})),
        _ => (404, json!({})),
    }
}

#[tokio::test]
async fn the_handshake_proves_a_token_where_requests_prove_nothing() {
    let right = "07".repeat(32);
    let wrong = "08".repeat(32);
    for (gateway, behind_injection, behind_swallowing) in [
        (
            Gateway::Token(right.clone()),
            Proof::Accepted,
            Proof::Accepted,
        ),
        (
            Gateway::Talkative(right.clone()),
            Proof::Accepted,
            Proof::Accepted,
        ),
        // A device that waits for its approval has presented the right token.
        (Gateway::Pairing(right), Proof::Accepted, Proof::Accepted),
        (
            Gateway::Token(wrong.clone()),
            Proof::Refused,
            Proof::Refused,
        ),
        (Gateway::Pairing(wrong), Proof::Refused, Proof::Refused),
        (
            Gateway::Refusing("AUTH_RATE_LIMITED"),
            Proof::NotLetIn("AUTH_RATE_LIMITED".to_owned()),
            Proof::NotLetIn("AUTH_RATE_LIMITED".to_owned()),
        ),
        // What says nothing of the token leaves what requests have shown.
        (
            Gateway::Refusing("PROTOCOL_UNSUPPORTED"),
            Proof::Unprovable,
            Proof::Inconclusive("HTTP 502".to_owned()),
        ),
        (
            Gateway::Closing,
            Proof::Unprovable,
            Proof::Inconclusive("HTTP 502".to_owned()),
        ),
        (
            Gateway::BehindLogin,
            Proof::Unprovable,
            Proof::Inconclusive("HTTP 502".to_owned()),
        ),
        (
            Gateway::Hanging,
            Proof::Unprovable,
            Proof::Inconclusive("HTTP 502".to_owned()),
        ),
        (Gateway::Open, Proof::Unprovable, Proof::Unprovable),
    ] {
        let (proof, sockets) = prove(&gateway, injecting).await;
        assert_eq!(proof, behind_injection, "{gateway:?}");
        // A wrong token counts at the gateway: at most one is presented.
        assert!(sockets <= 2, "{gateway:?}: {sockets}");
        let (proof, _) = prove(&gateway, swallowing).await;
        assert_eq!(proof, behind_swallowing, "{gateway:?}");
    }
}

/// The one-click template once it has a password.
fn template(path: &str) -> (u16, Value) {
    match path {
        "/healthz" => (
            200,
            json!({"ok": true, "wrapper": {"configured": true}, "gateway": {"reachable": true}}),
        ),
        _ => (401, json!("Auth required")),
    }
}

async fn probe(gateway: Gateway) -> (ProbeReport, usize) {
    let wrapper = Wrapper::start(gateway.clone(), template).await;
    let hangs = || matches!(gateway, Gateway::Hanging) && wrapper.sockets() > 0;
    let url = url(&wrapper);
    let report = skip_limit(LIMIT, hangs, prober().probe(&url)).await;
    (report, wrapper.sockets())
}

#[tokio::test]
async fn a_gateway_that_a_wrapper_hides_gives_a_sign_of_life_on_its_websocket() {
    let by_wrapper = "The wrapper's /healthz reports that the gateway is reachable; /readyz and \
                      /api/status are behind its login";
    let hidden = format!("{by_wrapper}, and so is its WebSocket: whether it hangs is not known");
    let silent = "The wrapper's /healthz reports that the gateway is reachable, but that says \
                  nothing on its WebSocket";
    for (gateway, process, reason) in [
        (Gateway::Token("x".to_owned()), Process::Up, by_wrapper),
        (Gateway::BehindLogin, Process::Up, &hidden),
        (Gateway::Hanging, Process::Hanging, silent),
        (Gateway::Closing, Process::Hanging, silent),
    ] {
        let (report, sockets) = probe(gateway.clone()).await;
        let degraded = match process {
            Process::Hanging => vec![Degradation::Gateway],
            _ => Vec::new(),
        };
        let found = (
            report.status,
            report.process,
            report.reason,
            report.degraded,
        );
        let expected = (Status::Healthy, process, Some(reason.to_owned()), degraded);
        assert_eq!((found, sockets), (expected, 1), "{gateway:?}");
    }
}

#[tokio::test]
async fn whoever_answers_for_itself_is_asked_for_no_websocket() {
    for readyz in [
        (200, json!({"ready": true})),
        (503, json!({"failing": ["telegram"]})),
    ] {
        let wrapper = Wrapper::start(Gateway::Hanging, move |path| match path {
            "/healthz" => (200, json!({"ok": true, "status": "live"})),
            "/readyz" => readyz.clone(),
            _ => (404, json!({})),
        })
        .await;
        prober().probe(&url(&wrapper)).await;
        assert_eq!(wrapper.sockets(), 0);
    }
}
