//! Connections byte by byte, for requests that no client library would send.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Long enough for a loaded machine, and short enough for a test that hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to a server, to write and read any bytes.
#[derive(Debug)]
pub struct RawSocket(pub TcpStream);

impl RawSocket {
    /// Connects to a base URL.
    pub async fn connect(base: &str) -> Self {
        let address = base.trim_start_matches("http://");
        let stream = TcpStream::connect(address).await.expect("it listens");
        stream.set_nodelay(true).expect("an open socket");
        Self(stream)
    }

    /// Connects, and asks for a WebSocket with these further lines of headers.
    /// The head of the answer is in lower case.
    pub async fn upgrade(base: &str, target: &str, headers: &str) -> (Self, String) {
        Self::upgrade_at(base, "api.example", target, headers).await
    }

    /// The same, at a host of this name.
    pub async fn upgrade_at(base: &str, host: &str, target: &str, headers: &str) -> (Self, String) {
        let mut socket = Self::connect(base).await;
        let request = format!(
            "GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: keep-alive, Upgrade\r\n\
             upgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        socket.send(request.as_bytes()).await;
        let head = socket.head().await;
        (socket, head)
    }

    /// Writes all of it.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("it reads");
    }

    /// Reads the head of an answer, in lower case.
    pub async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match timeout(PATIENCE, self.0.read_u8())
                .await
                .expect("an answer")
            {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
        String::from_utf8_lossy(&head).to_ascii_lowercase()
    }

    /// Reads so many bytes.
    pub async fn receive(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let read = timeout(PATIENCE, self.0.read_exact(&mut bytes));
        read.await.expect("it answers").expect("it answers whole");
        bytes
    }

    /// Reads until the other side has ended the connection, in either way.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset ends it too.
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut bytes))
            .await
            .expect("an end");
        bytes
    }

    /// Reads one frame without a mask: its first byte and its payload.
    pub async fn frame(&mut self) -> (u8, Vec<u8>) {
        let head = self.receive(2).await;
        let (first, len) = match head.as_slice() {
            [first, len] => (*first, *len),
            _ => panic!("two bytes were read"),
        };
        assert!(len < 128, "a server masks nothing");
        let len = match len {
            126 => {
                let len = self.receive(2).await;
                usize::from(u16::from_be_bytes(len.try_into().expect("two bytes")))
            }
            127 => {
                let len = self.receive(8).await;
                let len = u64::from_be_bytes(len.try_into().expect("eight bytes"));
                usize::try_from(len).expect("a length")
            }
            short => usize::from(short),
        };
        (first, self.receive(len).await)
    }

    /// Reads a close frame: its code.
    pub async fn close_code(&mut self) -> u16 {
        let (first, payload) = self.frame().await;
        assert_eq!(first, 0x88, "a close frame and not {payload:?}");
        match payload.as_slice() {
            [high, low, ..] => u16::from_be_bytes([*high, *low]),
            _ => 1005,
        }
    }
}

/// A masked frame with this first byte.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | u8::try_from(len).expect("short")),
        len @ 126..=65_535 => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(len).expect("not long").to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend(u64::try_from(len).expect("a length").to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    bytes
}
