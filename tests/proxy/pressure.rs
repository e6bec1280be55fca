//! Whoever is slow slows the other side down, and nobody keeps what is between.

use std::time::Duration;

use tests::RawSocket;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use crate::support::Proxied;

/// More than the buffers of four sockets hold, and much less than would come.
const MOST: usize = 64 * 1024 * 1024;

#[tokio::test]
async fn an_agent_whose_answer_nobody_reads_is_slowed_down() {
    let proxied = Proxied::start().await;
    let mut client = RawSocket::connect(&proxied.world.stack.api).await;
    let request = "GET /api/openclaw/proxy/echo/flood HTTP/1.1\r\nhost: a\r\n\r\n";
    client.send(request.as_bytes()).await;
    assert!(client.head().await.starts_with("http/1.1 200 "));
    let (mut before, mut same) = (0, 0);
    while same < 20 {
        sleep(Duration::from_millis(50)).await;
        let flooded = proxied.agent.flooded();
        assert!(flooded < MOST, "{flooded} bytes are kept for nobody");
        same = if flooded == before { same + 1 } else { 0 };
        before = flooded;
    }
    // It goes on as soon as somebody reads.
    let mut part = vec![0; 1024 * 1024];
    while proxied.agent.flooded() < before + MOST {
        client.0.read_exact(&mut part).await.unwrap();
    }
}

#[tokio::test]
async fn a_client_whose_body_no_agent_reads_is_slowed_down() {
    let proxied = Proxied::start().await;
    let mut client = RawSocket::connect(&proxied.world.stack.api).await;
    let head = "POST /api/openclaw/proxy/echo/deaf HTTP/1.1\r\nhost: a\r\ncontent-length: 100000000\r\n\r\n";
    client.send(head.as_bytes()).await;
    let part = vec![0; 1024 * 1024];
    let mut written = 0;
    while timeout(Duration::from_secs(2), client.0.write_all(&part))
        .await
        .is_ok()
    {
        written += part.len();
        assert!(written < MOST, "{written} bytes are kept for nobody");
    }
}
