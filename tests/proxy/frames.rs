//! What passes through an open WebSocket.

use std::time::Duration;

use tests::{RawSocket, frame};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::support::Proxied;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

#[tokio::test]
async fn messages_of_all_lengths_come_back() {
    let proxied = Proxied::start().await;
    let mut socket = proxied.socket("/x").await;
    for len in [0, 1, 125, 126, 65_535, 65_536, 4 * 1024 * 1024] {
        for (kind, byte) in [(TEXT, b'x'), (BINARY, 0xff)] {
            let message = vec![byte; len];
            let (mut reader, mut writer) = socket.0.into_split();
            let sent = frame(kind, &message);
            let writing = tokio::spawn(async move {
                writer.write_all(&sent).await.unwrap();
                writer
            });
            // Both at once: the echo of a long message begins before its end.
            let mut head = vec![
                0;
                2 + if len > 65_535 {
                    8
                } else if len > 125 {
                    2
                } else {
                    0
                }
            ];
            tokio::io::AsyncReadExt::read_exact(&mut reader, &mut head)
                .await
                .unwrap();
            let mut echo = vec![0; len];
            tokio::io::AsyncReadExt::read_exact(&mut reader, &mut echo)
                .await
                .unwrap();
            assert!(
                head[0] == kind && echo == message,
                "{len} bytes of {kind:x}"
            );
            let writer = writing.await.unwrap();
            socket = RawSocket(reader.reunite(writer).unwrap());
        }
    }
}

#[tokio::test]
async fn fragments_pass_with_a_ping_between_them() {
    let proxied = Proxied::start().await;
    let mut socket = proxied.socket("/x").await;
    let (first, more, last) = (0x01, 0x00, 0x80);
    for part in [
        frame(first, "aä".as_bytes().split_at(2).0),
        frame(PING, b"are you there?"),
        frame(more, b""),
        // The rest of a letter that was cut in two.
        frame(last, &["aä".as_bytes().split_at(2).1, b"z"].concat()),
    ] {
        for byte in part {
            socket.send(&[byte]).await;
        }
    }
    assert_eq!(socket.frame().await, (PONG, b"are you there?".to_vec()));
    assert_eq!(socket.frame().await, (TEXT, "aäz".as_bytes().to_vec()));
    socket.send(&frame(PONG, b"nobody asked")).await;
    socket.send(&frame(TEXT, b"still here")).await;
    assert_eq!(socket.frame().await, (TEXT, b"still here".to_vec()));
}

#[tokio::test]
async fn frames_that_break_the_protocol_end_the_socket_with_its_code() {
    let proxied = Proxied::start().await;
    for (name, bytes, code) in [
        ("unmasked", vec![TEXT, 1, b'a'], 1002),
        ("reserved bit", frame(0xC1, b"a"), 1002),
        ("reserved opcode", frame(0x83, b"a"), 1002),
        ("long ping", frame(PING, &[b'x'; 126]), 1002),
        ("fragmented ping", frame(0x09, b"a"), 1002),
        ("rest of nothing", frame(0x80, b"a"), 1002),
        (
            "new message in a message",
            [frame(0x01, b"a"), frame(TEXT, b"b")].concat(),
            1002,
        ),
        // Judged by the agent, whose answer passes.
        (
            "invalid UTF-8",
            frame(TEXT, &[0xce, 0xba, 0xed, 0xa0, 0x80]),
            1007,
        ),
        ("half a letter", frame(TEXT, &[0xc3]), 1007),
        ("close with one byte", frame(0x88, &[3]), 1002),
    ] {
        let mut socket = proxied.socket("/x").await;
        socket.send(&frame(TEXT, b"good")).await;
        assert_eq!(socket.frame().await, (TEXT, b"good".to_vec()), "{name}");
        socket.send(&bytes).await;
        assert_eq!(socket.close_code().await, code, "{name}");
        // A client that has read it hangs up.
        drop(socket);
    }
    let mut long = vec![BINARY, 0xff];
    long.extend((25 * 1024 * 1024 + 1_u64).to_be_bytes());
    long.extend([0; 4]);
    let mut socket = proxied.socket("/x").await;
    socket.send(&long).await;
    assert_eq!(socket.close_code().await, 1009);
}

#[tokio::test]
async fn an_agent_that_breaks_the_protocol_is_a_bad_gateway() {
    for bad in [
        &b"\x81\x81\x00\x00\x00\x00a"[..],
        b"\xc1\x01a",
        b"\x83\x01a",
        b"\x80\x01a",
    ] {
        let mut answer = b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n\x81\x02ok".to_vec();
        answer.extend_from_slice(bad);
        let agent = tests::ScriptedServer::always(tests::Reply::Bytes(answer)).await;
        let world = tests::World::start().await;
        world.deploy("bad", "owner", agent.url()).await;
        let bearer = format!("authorization: Bearer {}\r\n", world.stack.bearer.reveal());
        let api = &world.stack.api;
        let (mut socket, head) = RawSocket::upgrade(api, "/api/openclaw/proxy/bad/", &bearer).await;
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        assert_eq!(socket.frame().await, (TEXT, b"ok".to_vec()));
        assert_eq!(socket.close_code().await, 1014);
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_slows_the_agent_down() {
    let proxied = Proxied::start().await;
    let socket = proxied.socket("/x").await;
    let (_reader, mut writer) = socket.0.into_split();
    let message = frame(BINARY, &vec![7; 1024 * 1024]);
    let mut passed = 0;
    // What the buffers of six sockets hold passes, and no more.
    while timeout(Duration::from_secs(2), writer.write_all(&message))
        .await
        .is_ok()
    {
        passed += 1;
        assert!(passed < 64, "somebody keeps what nobody reads");
    }
    let back = proxied.world.stack.tunnels.to_clients();
    assert!(
        back < 64 * 1024 * 1024,
        "{back} bytes are on their way back"
    );
}
