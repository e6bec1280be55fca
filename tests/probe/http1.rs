//! HTTP/1: one kept connection where the agent plays along, and no path that
//! pays for another.

use common::probe::{Degradation, Process, Status};
use tests::skip_limit;
use tokio::time::Instant;

use crate::agent::{Agent, Then, good, ok};
use crate::{LIMIT, failed, prober, running, seen, took_one_limit};

/// Which connection each path was asked on, in this order.
fn asked<const N: usize>(on: [usize; N]) -> Vec<(usize, String)> {
    let paths = ["/healthz", "/readyz", "/api/status", "/startupz"];
    on.into_iter().zip(paths.map(str::to_owned)).collect()
}

#[tokio::test]
async fn all_paths_share_a_connection_that_the_agent_keeps() {
    let agent = Agent::plain(|_, path| Then::Say(ok(good(path)))).await;
    let report = prober().probe(&agent.url.parse().unwrap()).await;
    assert_eq!(seen(report), running());
    assert_eq!(agent.asked(), asked([1, 1, 1, 1]));
}

const STARTED: &str = r#"{"ok":true,"status":"started","version":"2026.9.6","uptimeMs":61000}"#;

#[tokio::test]
async fn startupz_tells_what_the_three_paths_do_not() {
    let agent = Agent::plain(|_, path| {
        Then::Say(match path {
            "/readyz" => ok(r#"{"ready":false}"#).replace("200 OK", "503 Unready"),
            "/api/status" => ok("").replace("200 OK", "404 Not Found"),
            "/startupz" => ok(STARTED),
            path => ok(good(path)),
        })
    })
    .await;
    let report = prober().probe(&agent.url.parse().unwrap()).await;
    assert_eq!(agent.asked(), asked([1, 1, 1, 1]));
    let uptime = report.uptime.map(|uptime| uptime.to_string());
    assert_eq!(uptime.as_deref(), Some("1m 1s"));
    assert_eq!(report.degraded, [Degradation::Readiness]);
    assert_eq!(
        (report.status, report.process),
        (Status::Starting, Process::Up)
    );
}

#[tokio::test]
async fn startupz_is_asked_of_nobody_who_has_told_all_refuses_all_or_says_nothing() {
    let told = |path: &str| match path {
        "/api/status" => ok(r#"{"state":"running","version":"2026.9.6"}"#),
        path => ok(good(path)),
    };
    let refused = |path: &str| match path {
        "/healthz" => ok(good(path)),
        _ => ok(r#"{"error":{"type":"proxy_attribution_required"}}"#)
            .replace("200 OK", "403 Forbidden"),
    };
    let nothing = |_: &str| ok("").replace("200 OK", "404 Not Found");
    for answer in [told, refused, nothing] {
        let agent = Agent::plain(move |_, path| Then::Say(answer(path))).await;
        prober().probe(&agent.url.parse().unwrap()).await;
        assert_eq!(agent.asked(), asked([1, 1, 1]));
    }
}

#[tokio::test]
async fn a_startupz_that_hangs_costs_one_limit_and_no_path_its_answer() {
    let agent = Agent::plain(|_, path| match path {
        "/startupz" => Then::Hang,
        path => Then::Say(ok(good(path))),
    })
    .await;
    let start = Instant::now();
    let report = prober().probe(&agent.url.parse().unwrap()).await;
    took_one_limit(start);
    assert_eq!(seen(report), running());
    assert_eq!(agent.connections(), 1);
}

#[tokio::test]
async fn a_page_or_a_404_at_startupz_is_a_release_without_it() {
    for answer in [
        ok("<!doctype html>").replace("application/json", "text/html"),
        ok("Not Found").replace("200 OK", "404 Not Found"),
    ] {
        let agent = Agent::plain(move |_, path| match path {
            "/startupz" => Then::Say(answer.clone()),
            path => Then::Say(ok(good(path))),
        })
        .await;
        let report = prober().probe(&agent.url.parse().unwrap()).await;
        assert_eq!(seen(report), running());
    }
}

#[tokio::test]
async fn each_probe_opens_a_connection_of_its_own() {
    let agent = Agent::plain(|_, path| Then::Say(ok(good(path)))).await;
    let prober = prober();
    for probes in 1..=3 {
        prober.probe(&agent.url.parse().unwrap()).await;
        assert_eq!(agent.connections(), probes);
    }
}

#[tokio::test]
async fn an_agent_that_closes_after_each_answer_gets_three_connections() {
    let close =
        |path: &str| ok(good(path)).replace("content-type", "connection: close\r\ncontent-type");
    let old = |path: &str| ok(good(path)).replace("HTTP/1.1", "HTTP/1.0");
    let silently = |path: &str| ok(good(path));
    for answer in [close, old, silently] {
        let agent = Agent::plain(move |_, path| Then::End(answer(path))).await;
        let report = prober().probe(&agent.url.parse().unwrap()).await;
        assert_eq!(seen(report), running());
        assert_eq!(agent.connections(), 3);
        assert_eq!(agent.asked().len(), 3);
    }
}

#[tokio::test]
async fn paths_that_hang_behind_a_prompt_one_cost_one_limit_together() {
    let agent = Agent::plain(|_, path| match path {
        "/healthz" => Then::Say(ok(good(path))),
        _ => Then::Hang,
    })
    .await;
    let start = Instant::now();
    let (prober, url) = (prober(), agent.url.parse().unwrap());
    let report = skip_limit(LIMIT, || agent.asked().len() >= 3, prober.probe(&url)).await;
    took_one_limit(start);
    let well = (Some(200), None);
    let (late, later) = (failed("timed out after 4 s"), failed("timed out after 5 s"));
    assert_eq!(seen(report).1, [well, late, later]);
    assert_eq!(agent.asked(), asked([1, 1, 2]));
}

#[tokio::test]
async fn a_first_path_that_hangs_leaves_the_others_connections_of_their_own() {
    let agent = Agent::plain(|_, path| match path {
        "/healthz" => Then::Hang,
        _ => Then::Say(ok(good(path))),
    })
    .await;
    let start = Instant::now();
    let (prober, url) = (prober(), agent.url.parse().unwrap());
    let report = skip_limit(LIMIT, || agent.asked().len() >= 3, prober.probe(&url)).await;
    took_one_limit(start);
    let well = || (Some(200), None);
    let expected = [failed("timed out after 5 s"), well(), well()];
    assert_eq!(seen(report), (Status::Running, expected));
    assert_eq!(agent.connections(), 3);
}

#[tokio::test]
async fn a_kept_connection_that_is_reset_is_replaced() {
    let agent = Agent::plain(|connection, path| match (connection, path) {
        (1, "/readyz") => Then::Reset,
        _ => Then::Say(ok(good(path))),
    })
    .await;
    let report = prober().probe(&agent.url.parse().unwrap()).await;
    assert_eq!(seen(report), running());
    // The first connection, and one for each path that it let down.
    assert_eq!(agent.connections(), 3);
}

#[tokio::test]
async fn an_agent_that_resets_every_connection_is_asked_once_for_each_path() {
    let agent = Agent::plain(|_, _| Then::Reset).await;
    let report = prober().probe(&agent.url.parse().unwrap()).await;
    let reset = [(); 3].map(|()| failed("connection reset"));
    assert_eq!(seen(report), (Status::Unreachable, reset));
    let mut asked = agent.asked();
    asked.sort_by_key(|(_, path)| path.clone());
    let paths: Vec<&str> = asked.iter().map(|(_, path)| path.as_str()).collect();
    assert_eq!(paths, ["/api/status", "/healthz", "/readyz"]);
}

#[tokio::test]
async fn what_follows_an_answer_is_not_taken_for_the_next_one() {
    let forged = || ok(r#"{"ready":true,"running":true,"state":"running"}"#);
    for leftover in [
        "}".to_owned(),
        "\r\n\r\n".to_owned(),
        forged(),
        forged() + &forged(),
    ] {
        let agent = Agent::plain(move |_, path| match path {
            "/healthz" => Then::Say(ok(good(path)) + &leftover),
            _ => Then::Say(ok(r#"{"ready":false,"running":false,"state":"stopped"}"#)),
        })
        .await;
        let report = prober().probe(&agent.url.parse().unwrap()).await;
        let (status, [_, (_, reason), _]) = seen(report);
        let denied = "HTTP 200, but the answer says ready: false";
        assert_eq!((status, reason.as_deref()), (Status::Stopped, Some(denied)));
    }
}

#[tokio::test]
async fn a_broken_answer_on_a_kept_connection_is_asked_for_again() {
    for broken in [
        "gibberish\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
    ] {
        let agent = Agent::plain(move |connection, path| match (connection, path) {
            (1, "/readyz") => Then::Say(broken.to_owned()),
            _ => Then::Say(ok(good(path))),
        })
        .await;
        let report = prober().probe(&agent.url.parse().unwrap()).await;
        assert_eq!(seen(report), running());
        assert_eq!(agent.connections(), 3);
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_ends_the_connection_for_the_others_only() {
    let long = " ".repeat(200_000);
    let agent = Agent::plain(move |_, path| match path {
        "/healthz" => Then::Say(ok(&long)),
        _ => Then::Say(ok(good(path))),
    })
    .await;
    let report = prober().probe(&agent.url.parse().unwrap()).await;
    let (status, [healthz, readyz, api_status]) = seen(report);
    let too_long = "HTTP 200, but the answer is larger than 64 KiB";
    assert_eq!(healthz, (Some(200), Some(too_long.to_owned())));
    let well = (Some(200), None);
    assert_eq!(
        (status, readyz, api_status),
        (Status::Running, well.clone(), well)
    );
}

#[tokio::test]
async fn interim_answers_are_passed_over() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
    let agent = Agent::plain(move |_, path| Then::Say(interim.to_owned() + &ok(good(path)))).await;
    let report = prober().probe(&agent.url.parse().unwrap()).await;
    assert_eq!(seen(report), running());
    assert_eq!(agent.connections(), 1);
}

#[tokio::test]
async fn a_switch_of_protocols_is_no_answer_that_lets_others_through() {
    let agent = Agent::plain(|_, path| match path {
        "/healthz" => Then::Say(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"
                .to_owned(),
        ),
        _ => Then::Say(ok(good(path))),
    })
    .await;
    let report = prober().probe(&agent.url.parse().unwrap()).await;
    let (status, [healthz, ..]) = seen(report);
    assert_eq!(status, Status::Running);
    assert!(healthz.1.is_some(), "{healthz:?}");
}
