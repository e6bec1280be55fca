//! The relay as a process: its threads, and how it ends on SIGTERM.

// For clippy, so that helpers may fail a test just as a test may.
#![cfg(test)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const KEY: &str = "0123456789abcdef";

/// A relay that ends with its test.
struct Running(Child, SocketAddr);

impl Running {
    fn start() -> Self {
        // Free now; the process takes a number and no socket.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = Command::new(env!("CARGO_BIN_EXE_relay"))
            .env_clear()
            .envs([("INTERNAL_API_KEY", KEY), ("PROXY_TARGET", "private")])
            .env("PORT", address.port().to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let running = Self(child, address);
        for _ in 0..500 {
            if TcpStream::connect(address).is_ok() {
                return running;
            }
            pause();
        }
        panic!("it does not start");
    }

    /// Asks over a connection that stays open.
    fn ask(&self, path: &str) -> (TcpStream, String) {
        let mut stream = TcpStream::connect(self.1).unwrap();
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {KEY}\r\n\r\n"
        )
        .unwrap();
        let mut answer = vec![0; 16 * 1024];
        let len = stream.read(&mut answer).unwrap();
        answer.truncate(len);
        (stream, String::from_utf8(answer).unwrap())
    }
}

#[expect(clippy::disallowed_methods, reason = "this test is no server")]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already if the test is a good one.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn all_threads_serve_and_end_on_sigterm_with_every_line_logged() {
    let mut relay = Running::start();
    let idle: Vec<_> = (0..16).map(|_| relay.ask("/healthz")).collect();
    for (_, answer) in &idle {
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.ends_with("\r\n\r\n\"live\""), "{answer}");
    }
    // One limit and one set of figures hold for all of them.
    let mut asked = idle.len();
    loop {
        let (_asking, metrics) = relay.ask("/metrics");
        asked += 1;
        // Those that were closed before may still be on their way.
        if metrics.contains(&format!("relay_connections {}\n", idle.len() + 1)) {
            break;
        }
        assert!(asked < 500, "{metrics}");
        pause();
    }

    let pid = relay.0.id().to_string();
    let told = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(told.unwrap().success());
    assert!(relay.0.wait().unwrap().success());
    let mut log = String::new();
    let mut stdout = relay.0.stdout.take().unwrap();
    stdout.read_to_string(&mut log).unwrap();
    let answered = log.matches("\"message\":\"answered\"").count();
    assert_eq!(answered, asked, "{log}");
    let last = log.lines().last().unwrap();
    assert!(last.contains("the relay has ended"), "{last}");
    for (mut stream, _) in idle {
        let mut rest = Vec::new();
        // A connection with nothing to do is closed and not cut.
        assert_eq!(stream.read_to_end(&mut rest).unwrap(), 0);
    }
}
