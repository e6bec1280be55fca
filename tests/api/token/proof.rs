//! Proving a token to agents, which are other people's code.

use std::time::Duration;

use common::model::{AgentUrl, GatewayToken};
use common::net::AllowedHosts;
use common::probe::{Prober, Proof};
use serde_json::json;
use tests::{Reply, ScriptedServer, skip_limit};

fn prober() -> Prober {
    let hosts: AllowedHosts = "127.0.0.1".parse().unwrap();
    Prober::new(hosts).unwrap()
}

async fn prove(url: &str) -> Proof {
    let url: AgentUrl = url.parse().unwrap();
    let token = GatewayToken::from_random([7; 32]);
    prober().prove(&url, &token).await
}

fn inconclusive(why: &str) -> Proof {
    Proof::Inconclusive(why.to_owned())
}

const JSON: &str = "application/json; charset=utf-8";

/// An agent with this token: nothing and others are answered as OpenClaw does.
async fn agent_with(reply: Reply) -> ScriptedServer {
    ScriptedServer::by_head(move |head| {
        if head.starts_with("get ") {
            Reply::not_found()
        } else if head.contains(&format!("authorization: bearer {}", "07".repeat(32))) {
            reply.clone()
        } else {
            unauthorized()
        }
    })
    .await
}

fn unauthorized() -> Reply {
    let body = r#"{"error":{"message":"Unauthorized","type":"unauthorized"}}"#;
    Reply::http(401, JSON, body)
}

#[tokio::test]
async fn only_a_result_proves_a_token_and_only_a_refusal_disproves_it() {
    let elsewhere = ScriptedServer::always(Reply::json(&json!({"ok": true}))).await;
    let moved = format!(
        "HTTP/1.1 307 Moved\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
        elsewhere.url()
    );
    let long = format!(r#"{{"ok": true, "x": "{}"}}"#, "x".repeat(64 * 1024));
    let result = inconclusive("HTTP 200 without a result");
    for (reply, proof) in [
        (
            Reply::json(&json!({"ok": true, "result": {}})),
            Proof::Accepted,
        ),
        (Reply::http(200, JSON, r#"{"result": []}"#), Proof::Accepted),
        (unauthorized(), Proof::Refused),
        (Reply::http(401, "text/plain", ""), Proof::Refused),
        (
            Reply::http(403, JSON, r#"{"error":{"type":"unauthorized"}}"#),
            Proof::Refused,
        ),
        (
            Reply::http(403, "text/plain", ""),
            Proof::NotLetIn("HTTP 403".to_owned()),
        ),
        (Reply::http(404, JSON, "{}"), inconclusive("HTTP 404")),
        (Reply::http(500, JSON, "{}"), inconclusive("HTTP 500")),
        (Reply::raw(moved), inconclusive("HTTP 307")),
        (
            Reply::http(200, "text/html", "<!doctype html>"),
            result.clone(),
        ),
        (Reply::json(&json!({"ok": false})), result.clone()),
        (Reply::json(&json!([])), result),
        (
            Reply::http(200, JSON, long),
            inconclusive("the answer is larger than 64 KiB"),
        ),
        (
            Reply::raw("nonsense\r\n\r\n"),
            inconclusive("connection closed or broken answer"),
        ),
        (Reply::Silence, inconclusive("timed out after 5 s")),
    ] {
        let shown = format!("{reply:?}").chars().take(80).collect::<String>();
        let agent = agent_with(reply).await;
        // Silence alone lasts as long as the limit.
        let silent = || shown == "Silence" && !agent.requests().is_empty();
        let proved = skip_limit(Duration::from_secs(5), silent, prove(agent.url())).await;
        assert_eq!(proved, proof, "{shown}");
        let wrong = |head: &String| head.contains("authorization: bearer 1");
        let attempts = agent.requests().iter().filter(|head| wrong(head)).count();
        // A wrong token counts at the agent: it is presented where it decides.
        assert_eq!(attempts, usize::from(proof == Proof::Accepted), "{shown}");
    }
    assert_eq!(elsewhere.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn an_agent_that_lets_nobody_in_or_everybody_says_nothing_of_a_token() {
    let attribution = r#"{"error":{"type":"proxy_attribution_required"}}"#;
    let locked_out = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 300\r\n\
                      content-length: 0\r\n\r\n";
    let not_let_in = |why: &str| Proof::NotLetIn(why.to_owned());
    for (reply, proof) in [
        (
            Reply::http(403, JSON, attribution),
            not_let_in("HTTP 403: proxy_attribution_required; see gateway.trustedProxies"),
        ),
        (
            Reply::raw(locked_out),
            not_let_in("HTTP 429: locked out for 300 s"),
        ),
        (
            Reply::http(429, JSON, "{}"),
            not_let_in("HTTP 429: locked out"),
        ),
        (
            Reply::json(&json!({"ok": true, "result": {}})),
            Proof::Unprovable,
        ),
    ] {
        let agent = ScriptedServer::by_head(move |head| {
            if head.starts_with("get ") {
                Reply::not_found()
            } else {
                reply.clone()
            }
        })
        .await;
        assert_eq!(prove(agent.url()).await, proof);
        let presented = |head: &String| head.contains("authorization:");
        assert!(!agent.requests().iter().any(presented));
    }
}

#[tokio::test]
async fn an_agent_that_takes_any_token_but_none_at_all_proves_nothing() {
    let agent = ScriptedServer::by_head(|head| {
        if head.starts_with("get ") {
            Reply::not_found()
        } else if head.contains("authorization:") {
            Reply::json(&json!({"ok": true}))
        } else {
            unauthorized()
        }
    })
    .await;
    assert_eq!(prove(agent.url()).await, Proof::Unprovable);
}

#[tokio::test]
async fn the_token_that_a_wrapper_shows_decides_before_it_lets_anybody_in() {
    for (shown, proof) in [
        ("07".repeat(32), Proof::Accepted),
        ("08".repeat(32), Proof::Refused),
        // What is no token of ours is left aside.
        ("masked".to_owned(), Proof::Unprovable),
    ] {
        let status = json!({"state": "running", "gatewayToken": shown});
        let agent =
            ScriptedServer::by_head(move |head| match head.starts_with("get /api/status ") {
                true => Reply::json(&status),
                false => Reply::json(&json!({"ok": true})),
            })
            .await;
        assert_eq!(prove(agent.url()).await, proof);
    }
}

#[tokio::test]
async fn a_host_that_is_not_on_the_list_is_not_asked() {
    let proof = prove("http://localhost:1").await;
    let Proof::Inconclusive(why) = proof else {
        panic!("{proof:?}")
    };
    assert!(why.contains("localhost"), "{why}");
}
