//! How agents are asked: all paths at once, within their limits, and only where the
//! list allows it.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tests::{Reply, ScriptedServer, World, skip_limit};
use tokio::time::Instant;

use crate::support::states::checks;

#[tokio::test]
async fn an_agent_learns_nothing_of_the_caller() {
    let world = World::start().await;
    let agent = ScriptedServer::agent([(); 3].map(|()| Reply::json(&json!({})))).await;
    let owner = world
        .deploy("abc123", "owner", agent.url())
        .await
        .with("authorization", "Bearer of-the-caller")
        .with("x-forwarded-for", "192.0.2.1")
        .with("x-request-id", "of-the-caller")
        .with("forwarded", "for=192.0.2.1");
    assert_eq!(owner.get("/api/instance/abc123").await.status, 200);

    let mut requests = agent.requests();
    requests.sort();
    let host = agent.url().trim_start_matches("http://");
    let agent_name = common::client::USER_AGENT;
    let expected = ["/api/status", "/healthz", "/readyz"].map(|path| {
        // Not even a forwarding header: it would change what `/readyz` tells.
        let headers = [
            "accept: application/json",
            &format!("user-agent: {agent_name}"),
        ]
        .join("\r\n");
        (format!("get {path} http/1.1\r\n"), headers, host)
    });
    assert_eq!(requests.len(), 3);
    for (request, (line, headers, host)) in requests.iter().zip(expected) {
        assert!(request.starts_with(&line), "{request}");
        let mut lines: Vec<&str> = request.trim_end().lines().skip(1).collect();
        lines.sort_unstable();
        let host = format!("host: {host}");
        let mut wanted: Vec<&str> = headers.lines().chain([host.as_str()]).collect();
        wanted.sort_unstable();
        assert_eq!(lines, wanted);
    }
}

/// This one sits the limit out.
#[tokio::test]
async fn the_three_paths_are_asked_at_the_same_time() {
    let world = World::start().await;
    let hanging = world.owner_of("demo-hanging");
    let start = Instant::now();
    // All three endpoints that probe, so that the test waits only once.
    join_all(
        [
            "/api/instance/demo-hanging",
            "/api/instance/demo-hanging/stats",
            "/api/openclaw/maintenance",
        ]
        .map(async |path| {
            let answer = hanging.get(path).await;
            assert_eq!(answer.body["status"], "unreachable");
            // One limit of five seconds; the three together are fourteen.
            let took = start.elapsed().as_secs_f64();
            assert!((5.0..8.0).contains(&took), "{path}: {took} s");
        }),
    )
    .await;
}

#[tokio::test]
async fn ten_callers_of_a_hanging_agent_are_served_at_the_same_time() {
    let world = World::start().await;
    let hanging = world.owner_of("demo-hanging");
    let agent = world.stack.simulated("demo-hanging").unwrap();
    let start = Instant::now();
    let served = join_all((0..10).map(async |_| {
        let answer = hanging.get("/api/instance/demo-hanging").await;
        assert_eq!(answer.body["status"], "unreachable");
    }));
    skip_limit(Duration::from_secs(5), || agent.unanswered() >= 30, served).await;
    let took = start.elapsed().as_secs_f64();
    assert!((5.0..10.0).contains(&took), "{took} s");
}

#[tokio::test]
async fn a_hanging_agent_does_not_delay_the_others() {
    let world = World::start().await;
    let hanging = world.owner_of("demo-hanging");
    let waiting = join_all((0..10).map(async |_| {
        hanging.get("/api/instance/demo-hanging").await;
    }));
    let others = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let start = Instant::now();
        let running = world.owner_of("demo-running");
        let answer = running.get("/api/instance/demo-running").await;
        assert_eq!(answer.body["status"], "running");
        start.elapsed()
    };
    // The ten are dropped unanswered once the other one is served.
    let took = tokio::select! {
        took = others => took,
        _ = waiting => panic!("a hanging agent was faster"),
    };
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn one_path_that_hangs_does_not_spoil_the_others() {
    let world = World::start().await;
    let agent = ScriptedServer::agent([
        Reply::json(&json!({"ok": true})),
        Reply::Silence,
        Reply::json(&json!({"state": "running", "running": true})),
    ])
    .await;
    let owner = world.deploy("abc123", "owner", agent.url()).await;
    let look = owner.get("/api/instance/abc123");
    let asked = || agent.requests().len() >= 3;
    let answer = skip_limit(Duration::from_secs(4), asked, look).await;
    assert_eq!(answer.body["status"], "running");
    let well = (Some(200), None);
    let reason = "request failed: timed out after 4 s";
    let expected = checks([well, (None, Some(reason)), well]);
    assert_eq!(answer.body["probeChecks"], expected);
}

#[tokio::test]
async fn a_host_that_left_the_list_is_not_asked_any_more() {
    let world = World::with(common::config::AGENT_HOSTS, "localhost")
        .start()
        .await;
    let agent = ScriptedServer::always(Reply::json(&json!({"ok": true, "running": true}))).await;
    let owner = world.log_in("owner").await;
    let port = agent.url().rsplit_once(':').unwrap().1;
    for (url, status, asked) in [
        (agent.url().to_owned(), "unreachable", 0),
        (format!("http://127.1:{port}"), "unreachable", 0),
        (
            format!("http://[::ffff:127.0.0.1]:{port}"),
            "unreachable",
            0,
        ),
        (format!("http://LOCALHOST:{port}"), "running", 3),
    ] {
        let record = json!({"instanceId": "abc123", "ownerId": "owner", "openclawUrl": url});
        world.records.put_instance(&record).await;
        let answer = owner.get("/api/instance/abc123").await;
        assert_eq!(answer.body["status"], status, "{url}: {}", answer.body);
        assert_eq!(agent.requests().len(), asked, "{url}");
    }
}
