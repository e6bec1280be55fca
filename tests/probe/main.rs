//! The prober against agents that say exactly what a test chooses, connection
//! by connection.

// For clippy, so that helpers may fail a test just as a test may.
#![cfg(test)]

mod agent;
mod authority;
mod http1;
mod http2;
mod streams;
mod tls;

use std::time::Duration;

use common::probe::{ProbeReport, Prober, Status};
use tokio::time::Instant;

/// A prober that may ask this machine.
fn prober() -> Prober {
    Prober::new("127.0.0.1, localhost".parse().unwrap()).unwrap()
}

/// The status, the number of the status and the reason of each path.
type Seen = (Status, [(Option<u16>, Option<String>); 3]);

fn seen(report: ProbeReport) -> Seen {
    let checks = report.checks.map(|check| (check.status, check.reason));
    (report.status, checks)
}

/// What [`agent::good`] is seen as.
fn running() -> Seen {
    (Status::Running, [(); 3].map(|()| (Some(200), None)))
}

fn failed(reason: &str) -> (Option<u16>, Option<String>) {
    (None, Some(format!("request failed: {reason}")))
}

/// The longest limit of a probe.
const LIMIT: Duration = Duration::from_secs(5);

/// That something ended with the one limit of five seconds, and not with several.
fn took_one_limit(start: Instant) {
    let took = start.elapsed();
    let one = Duration::from_millis(4900)..Duration::from_secs(8);
    assert!(one.contains(&took), "{took:?}");
}
