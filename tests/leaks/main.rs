//! Nothing is left of connections that have ended. This is a process of its own:
//! other tests' tasks and descriptors would be counted too.

// For clippy, so that helpers may fail a test just as a test may.
#![cfg(test)]

use std::time::Duration;
use std::{fs, io};

use axum::body::Bytes;
use futures_util::stream;
use reqwest::Body;
use serde_json::{Value, json};
use tests::{EchoAgent, RawSocket, RunningRelay, World, frame};
use tokio::runtime::Handle;
use tokio::time::sleep;

const PATH: &str = "/api/openclaw/proxy/echo";

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// The most memory that this process has had so far, in KiB.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse().unwrap()
}

/// One test, so that nothing else runs meanwhile.
#[tokio::test]
async fn a_thousand_websockets_and_a_gigabyte_leave_nothing_behind() {
    let world = World::start().await;
    let agent = EchoAgent::start().await;
    world.deploy("echo", "owner-of-echo", agent.url()).await;
    let relay = RunningRelay::start(&world, |settings| {
        settings.limits.max_body = 2 * 1024 * 1024 * 1024;
        settings.limits.sockets.linger = Duration::from_millis(200);
    })
    .await;
    let bearer = format!("authorization: Bearer {}\r\n", world.stack.bearer.reveal());
    // What is made once and stays: connections to DynamoDB, as many as are
    // needed at once.
    futures_util::future::join_all((0..50).map(|number| connect(&relay.url, &bearer, number)))
        .await;
    let settled = settle(0, 0).await;

    for round in 0..20 {
        let ends = (0..50).map(|number| connect(&relay.url, &bearer, round * 50 + number));
        futures_util::future::join_all(ends).await;
    }
    let after = settle(settled.0, settled.1).await;
    assert_eq!(agent.open_sockets(), 0);
    assert!(
        after.0 <= settled.0,
        "{} tasks before and {} after",
        settled.0,
        after.0
    );
    assert!(
        after.1 <= settled.1,
        "{} descriptors before and {} after",
        settled.1,
        after.1
    );

    const PART: usize = 1024 * 1024;
    let part = Bytes::from(vec![b'x'; PART]);
    let before = peak();
    let parts = stream::iter((0..1024).map(move |_| Ok::<_, io::Error>(part.clone())));
    let url = format!("{}{PATH}/upload", relay.url);
    let http = common::client::builder().build().unwrap();
    let answer = http
        .post(url)
        .body(Body::wrap_stream(parts))
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.json::<Value>().await.unwrap(),
        json!({"got": 1024 * PART})
    );
    // Linux counts pages for each processor, and adds them up only roughly.
    let grown = peak().saturating_sub(before);
    assert!(grown < 64 * 1024, "a gigabyte took {grown} KiB of memory");
}

/// Opens a WebSocket, uses it, and ends it in one of many ways.
async fn connect(base: &str, bearer: &str, number: usize) {
    let path = if number % 7 == 6 { "/close/1000" } else { "/x" };
    let target = format!("{PATH}{path}");
    let (mut socket, head) = RawSocket::upgrade(base, &target, bearer).await;
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    match number % 7 {
        0 => {
            socket.send(&frame(0x81, b"hello")).await;
            assert_eq!(socket.frame().await, (0x81, b"hello".to_vec()));
            socket.send(&frame(0x88, &1000_u16.to_be_bytes())).await;
            assert_eq!(socket.close_code().await, 1000);
            socket.rest().await;
        }
        1 => socket.send(&frame(0x81, &[b'x'; 100_000])).await,
        // Broken frames, whose close frame is read or not.
        2 => socket.send(&[0x81, 1, b'a']).await,
        3 => {
            socket.send(&frame(0xC1, b"a")).await;
            assert_eq!(socket.close_code().await, 1002);
        }
        // Half a frame, and then nothing more.
        4 => {
            socket
                .send(frame(0x81, &[b'x'; 1000]).split_at(500).0)
                .await
        }
        5 => {
            tokio::io::AsyncWriteExt::shutdown(&mut socket.0)
                .await
                .unwrap();
            socket.rest().await;
        }
        _ => assert_eq!(socket.close_code().await, 1000),
    }
}

/// The tasks and descriptors once they are no more than these, or stay as they
/// are for a while.
async fn settle(tasks_before: usize, descriptors_before: usize) -> (usize, usize) {
    let mut found = (tasks(), descriptors());
    let mut same = 0;
    while same < 20 {
        if found.0 <= tasks_before && found.1 <= descriptors_before {
            return found;
        }
        sleep(Duration::from_millis(100)).await;
        let now = (tasks(), descriptors());
        same = if now == found { same + 1 } else { 0 };
        found = now;
    }
    found
}
