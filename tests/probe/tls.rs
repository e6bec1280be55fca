//! TLS: as few handshakes as the agent allows, and certificates that count.

use common::probe::Status;
use rcgen::date_time_ymd;

use crate::agent::{Agent, Then, good, ok};
use crate::authority::{Authority, params};
use crate::{failed, prober, running, seen};

#[tokio::test]
async fn a_kept_connection_takes_one_handshake() {
    for protocols in [&["http/1.1"][..], &[]] {
        let authority = Authority::new();
        let agent = Agent::tls(authority.agent(protocols), |_, path| {
            Then::Say(ok(good(path)))
        })
        .await;
        let report = authority.prober().probe(&agent.url.parse().unwrap()).await;
        assert_eq!((seen(report), agent.connections()), (running(), 1));
    }
}

#[tokio::test]
async fn an_agent_that_closes_after_each_answer_gets_three_handshakes() {
    let authority = Authority::new();
    let agent = Agent::tls(authority.agent(&[]), |_, path| Then::End(ok(good(path)))).await;
    let report = authority.prober().probe(&agent.url.parse().unwrap()).await;
    assert_eq!((seen(report), agent.connections()), (running(), 3));
}

#[tokio::test]
async fn a_wrong_certificate_is_named_and_costs_one_handshake() {
    let authority = Authority::new();
    let mut expired = params("127.0.0.1");
    expired.not_after = date_time_ymd(2020, 1, 1);
    let mut early = params("127.0.0.1");
    early.not_before = date_time_ymd(4000, 1, 1);
    for (params, reason) in [
        (expired, "TLS certificate has expired"),
        (early, "TLS certificate is not valid yet"),
        (
            params("other.example"),
            "TLS certificate is for another host",
        ),
    ] {
        let config = authority.certified(params, &[]);
        let agent = Agent::tls(config, |_, path| Then::Say(ok(good(path)))).await;
        let report = authority.prober().probe(&agent.url.parse().unwrap()).await;
        let expected = (Status::Unreachable, [(); 3].map(|()| failed(reason)));
        assert_eq!((seen(report), agent.connections()), (expected, 1));
        assert_eq!(agent.asked(), []);
    }
}

#[tokio::test]
async fn a_stranger_s_certificate_is_not_trusted() {
    let config = Authority::new().agent(&[]);
    let agent = Agent::tls(config, |_, path| Then::Say(ok(good(path)))).await;
    let report = prober().probe(&agent.url.parse().unwrap()).await;
    let unknown = [(); 3].map(|()| failed("TLS certificate has an unknown issuer"));
    assert_eq!(seen(report), (Status::Unreachable, unknown));
    assert_eq!(agent.asked(), []);
}

#[tokio::test]
async fn an_agent_without_tls_behind_an_https_address_is_unreachable() {
    let agent = Agent::plain(|_, path| Then::Say(ok(good(path)))).await;
    let url = agent.url.replace("http:", "https:").parse().unwrap();
    let (status, [healthz, ..]) = seen(prober().probe(&url).await);
    assert_eq!(status, Status::Unreachable);
    // What it waits for is the end of a head that never comes.
    assert_eq!(healthz, failed("timed out after 5 s"));
}
