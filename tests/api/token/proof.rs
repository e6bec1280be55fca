//! Proving a token to agents, which are other people's code.

use common::model::{AgentUrl, GatewayToken};
use common::net::AllowedHosts;
use common::probe::{Prober, Proof};
use serde_json::json;
use tests::{Reply, ScriptedServer};

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

#[tokio::test]
async fn only_a_result_proves_a_token_and_only_a_refusal_disproves_it() {
    let elsewhere = ScriptedServer::always(Reply::json(&json!({"ok": true}))).await;
    let moved = format!(
        "HTTP/1.1 307 Moved\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
        elsewhere.url()
    );
    let json = "application/json; charset=utf-8";
    let long = format!(r#"{{"ok": true, "x": "{}"}}"#, "x".repeat(64 * 1024));
    for (reply, proof) in [
        (
            Reply::json(&json!({"ok": true, "result": {}})),
            Proof::Accepted,
        ),
        (Reply::http(200, json, r#"{"result": []}"#), Proof::Accepted),
        (Reply::http(401, json, r#"{"error": {}}"#), Proof::Refused),
        (Reply::http(403, "text/plain", ""), Proof::Refused),
        (Reply::http(404, json, "{}"), inconclusive("HTTP 404")),
        (Reply::http(500, json, "{}"), inconclusive("HTTP 500")),
        (Reply::raw(moved), inconclusive("HTTP 307")),
        (
            Reply::http(200, "text/html", "<!doctype html>"),
            inconclusive("HTTP 200 with something that is not JSON"),
        ),
        (
            Reply::json(&json!({"ok": false})),
            inconclusive("HTTP 200 without a result"),
        ),
        (
            Reply::json(&json!([])),
            inconclusive("HTTP 200 without a result"),
        ),
        (
            Reply::http(200, json, long),
            inconclusive("the answer is larger than 64 KiB"),
        ),
        (
            Reply::raw("nonsense\r\n\r\n"),
            inconclusive("connection closed or broken answer"),
        ),
        (Reply::Silence, inconclusive("timed out after 5 s")),
    ] {
        let shown = format!("{reply:?}").chars().take(80).collect::<String>();
        let agent = ScriptedServer::always(reply).await;
        assert_eq!(prove(agent.url()).await, proof, "{shown}");
        let head = agent.requests().remove(0);
        assert!(
            head.starts_with("post /tools/invoke http/1.1\r\n"),
            "{head}"
        );
        let bearer = format!("authorization: bearer {}", "07".repeat(32));
        assert!(head.contains(&bearer), "{head}");
    }
    assert_eq!(elsewhere.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_host_that_is_not_on_the_list_is_not_asked() {
    let proof = prove("http://localhost:1").await;
    let Proof::Inconclusive(why) = proof else {
        panic!("{proof:?}")
    };
    assert!(why.contains("localhost"), "{why}");
}
