//! HTTP/2: three requests at once over one handshake, and no path that pays for
//! another.

use std::sync::Mutex;

use common::probe::Status;
use h2::Reason;
use h2::server::Builder;
use tests::skip_limit;
use tokio::time::Instant;

use crate::agent::good;
use crate::authority::Authority;
use crate::streams::{Agent, Then};
use crate::{LIMIT, Seen, failed, running, seen, took_one_limit};

const BROKEN: &str = "connection closed or broken answer";

/// What a prober sees of an agent, and how many handshakes that took.
async fn probe(
    builder: Builder,
    script: impl Fn(usize, &str) -> Then + Send + Sync + 'static,
) -> (Seen, usize) {
    let authority = Authority::new();
    let config = authority.agent(&["h2", "http/1.1"]);
    let agent = Agent::start(config, builder, script).await;
    let report = authority.prober().probe(&agent.url.parse().unwrap()).await;
    (seen(report), agent.handshakes())
}

#[tokio::test]
async fn all_paths_share_a_handshake() {
    let authority = Authority::new();
    let config = authority.agent(&["h2", "http/1.1"]);
    let agent = Agent::start(config, Builder::new(), |_, path| Then::Say(good(path))).await;
    let report = authority.prober().probe(&agent.url.parse().unwrap()).await;
    assert_eq!((seen(report), agent.handshakes()), (running(), 1));

    // And the agent learns no more than over HTTP/1.
    for request in agent.requests() {
        assert_eq!(
            request.uri().authority().unwrap().as_str(),
            &agent.url["https://".len()..]
        );
        let mut headers: Vec<&str> = request.headers().keys().map(|it| it.as_str()).collect();
        headers.sort_unstable();
        assert_eq!(headers, ["accept", "user-agent"]);
        assert_eq!(request.headers()["user-agent"], common::client::USER_AGENT);
        assert_eq!(request.headers()["accept"], "application/json");
    }
    // Those of the contract, and `/startupz`.
    assert_eq!(agent.requests().len(), 4);
}

#[tokio::test]
async fn a_path_that_hangs_costs_its_limit_and_the_others_nothing() {
    let (authority, start) = (Authority::new(), Instant::now());
    let config = authority.agent(&["h2", "http/1.1"]);
    let agent = Agent::start(config, Builder::new(), |_, path| match path {
        "/healthz" => Then::Hang,
        _ => Then::Say(good(path)),
    })
    .await;
    let (prober, url) = (authority.prober(), agent.url.parse().unwrap());
    let report = skip_limit(LIMIT, || agent.requests().len() >= 3, prober.probe(&url)).await;
    took_one_limit(start);
    let well = || (Some(200), None);
    let expected = [failed("timed out after 5 s"), well(), well()];
    assert_eq!(seen(report), (Status::Running, expected));
    assert_eq!(agent.handshakes(), 1);
}

/// This one sits the limit out.
#[tokio::test]
async fn three_paths_that_hang_cost_one_limit() {
    let start = Instant::now();
    let (found, handshakes) = probe(Builder::new(), |_, _| Then::Hang).await;
    took_one_limit(start);
    let late = [5, 4, 5].map(|limit| failed(&format!("timed out after {limit} s")));
    assert_eq!((found, handshakes), ((Status::Unreachable, late), 1));
}

#[tokio::test]
async fn a_path_that_gets_no_stream_is_asked_over_a_connection_of_its_own() {
    let mut one = Builder::new();
    one.max_concurrent_streams(1);
    let found = probe(one, |_, path| match path {
        "/healthz" => Then::Hang,
        _ => Then::Say(good(path)),
    })
    .await;
    let well = || (Some(200), None);
    let expected = [failed("timed out after 5 s"), well(), well()];
    assert_eq!(found, ((Status::Running, expected), 3));
}

#[tokio::test]
async fn a_goaway_in_between_is_made_up_for() {
    let found = probe(Builder::new(), |connection, path| {
        match (connection, path) {
            (1, "/readyz") => Then::GoAway,
            _ => Then::Say(good(path)),
        }
    })
    .await;
    let (found, handshakes) = found;
    let (status, [_, readyz, api_status]) = found;
    let well = (Some(200), None);
    assert_eq!(
        (status, readyz, api_status),
        (Status::Running, well.clone(), well)
    );
    assert!((2..=3).contains(&handshakes), "{handshakes}");
}

#[tokio::test]
async fn an_agent_that_goes_away_at_once_is_unreachable() {
    let (found, handshakes) = probe(Builder::new(), |_, _| Then::GoAway).await;
    assert_eq!(
        found,
        (Status::Unreachable, [(); 3].map(|()| failed(BROKEN)))
    );
    assert!(handshakes <= 3, "{handshakes}");
}

#[tokio::test]
async fn an_agent_that_resets_all_streams_is_unreachable() {
    for reason in [
        Reason::REFUSED_STREAM,
        Reason::CANCEL,
        Reason::INTERNAL_ERROR,
    ] {
        let (found, handshakes) = probe(Builder::new(), move |_, _| Then::Reset(reason)).await;
        assert_eq!(
            found,
            (Status::Unreachable, [(); 3].map(|()| failed(BROKEN)))
        );
        assert_eq!(handshakes, 3);
    }
}

#[tokio::test]
async fn a_body_without_an_end_is_cut_off() {
    let start = Instant::now();
    let (found, _) = probe(Builder::new(), |_, path| match path {
        "/healthz" => Then::Pour(&[b' '; 8192]),
        _ => Then::Say(good(path)),
    })
    .await;
    let too_long = "HTTP 200, but the answer is larger than 64 KiB".to_owned();
    let well = || (Some(200), None);
    let expected = [(Some(200), Some(too_long)), well(), well()];
    assert_eq!(found, (Status::Running, expected));
    assert!(start.elapsed().as_secs() < 4);
}

#[tokio::test]
async fn interim_answers_are_passed_over() {
    let found = probe(Builder::new(), |_, path| Then::Hint(good(path))).await;
    assert_eq!(found, (running(), 1));
}

#[tokio::test]
async fn all_three_are_asked_before_the_first_is_answered() {
    // It answers nothing before it has seen all of them.
    let seen = Mutex::new(0);
    let (found, handshakes) = probe(Builder::new(), move |_, path| {
        let mut seen = seen.lock().unwrap();
        *seen += 1;
        if *seen == 3 {
            Then::Say(good(path))
        } else {
            Then::Hang
        }
    })
    .await;
    assert_eq!(handshakes, 1);
    assert_eq!(found.0, Status::Running);
}
