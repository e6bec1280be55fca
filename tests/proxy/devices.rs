//! The approval of an owner's browser as a device of the agent.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{RawSocket, frame};
use tokio::time::sleep;

use crate::pages::Opened;

/// What a control page says first.
fn connect(device: &str, role: &str) -> Value {
    json!({
        "type": "req", "id": "1", "method": "connect",
        "params": {"role": role, "auth": {"token": "of-the-agent"}, "device": {"id": device}},
    })
}

/// Connects, and waits for what the agent says to it.
async fn answered(socket: &mut RawSocket, message: &Value) {
    socket
        .send(&frame(0x81, message.to_string().as_bytes()))
        .await;
    let (kind, answer) = socket.frame().await;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((kind, &answer["type"]), (0x81, &json!("res")));
}

/// The calls of the agent's RPC, once there are so many.
async fn calls(opened: &Opened, count: usize) -> Vec<(String, Value)> {
    for _ in 0..500 {
        let calls = opened.agent.rpc_calls();
        if calls.len() >= count {
            return calls;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{:?}", opened.agent.rpc_calls());
}

async fn visit(opened: &Opened) -> RawSocket {
    let cookie = opened.opened().await;
    let headers = format!("cookie: {cookie}\r\norigin: {}\r\n", opened.origin("echo"));
    let (socket, head) = opened.socket("/pairing", &headers).await;
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    socket
}

#[tokio::test]
async fn an_owners_browser_is_approved_with_the_token_that_its_page_presented() {
    let opened = Opened::start().await;
    let mut socket = visit(&opened).await;
    // What comes before it is none of its business.
    socket.send(&frame(0x89, b"ping")).await;
    let (kind, _) = socket.frame().await;
    assert_eq!(kind, 0x8a);
    answered(&mut socket, &connect("device-1", "operator")).await;
    let bearer = "Bearer of-the-agent".to_owned();
    let approve = json!({
        "method": "device.pair.approve", "params": {"requestId": "request-of-device-1"},
    });
    let expected = [
        (
            bearer.clone(),
            json!({"method": "device.pair.list", "params": {}}),
        ),
        (bearer, approve),
    ];
    assert_eq!(calls(&opened, 2).await, expected);
    // Once for a connection, whatever follows.
    answered(&mut socket, &connect("device-2", "operator")).await;
    assert_eq!(opened.agent.rpc_calls().len(), 2);
}

#[tokio::test]
async fn a_device_that_did_not_ask_in_this_way_is_not_approved() {
    let opened = Opened::start().await;
    // Unknown to the gateway.
    let mut unknown = visit(&opened).await;
    answered(&mut unknown, &connect("device-9", "operator")).await;
    assert_eq!(calls(&opened, 1).await[0].1["method"], "device.pair.list");
    // Of another role, and no connection at all.
    let params = connect("device-2", "operator")["params"].clone();
    for message in [
        connect("device-2", "node"),
        json!({"type": "req", "id": "1", "method": "other", "params": params}),
        json!({"type": "req", "id": "1", "method": "connect", "params": {"role": "operator"}}),
        json!("device-2"),
    ] {
        let mut socket = visit(&opened).await;
        answered(&mut socket, &message).await;
    }
    // A ticket and the platform's key open a socket, and approve nothing.
    let world = &opened.world;
    let owner = world.log_in("owner-of-echo").await;
    let mut ticket = owner.post("/api/openclaw/proxy/echo/ticket").await;
    let ticket = ticket.take("ticket").as_str().unwrap().to_owned();
    let key = format!("authorization: Bearer {}\r\n", world.stack.bearer.reveal());
    for (query, headers) in [(format!("?ticket={ticket}"), ""), (String::new(), &*key)] {
        let path = format!("/api/openclaw/proxy/echo/pairing{query}");
        let (mut socket, head) = RawSocket::upgrade(&world.stack.api, &path, headers).await;
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        answered(&mut socket, &connect("device-2", "operator")).await;
    }
    // Theirs would have been asked for before this one's.
    let mut last = visit(&opened).await;
    answered(&mut last, &connect("device-1", "operator")).await;
    let own = json!({"requestId": "request-of-device-1"});
    for count in 3.. {
        let calls = calls(&opened, count).await;
        let approvals = calls.into_iter().map(|(_, call)| call);
        let approvals = approvals.filter(|call| call["method"] == "device.pair.approve");
        let approved: Vec<Value> = approvals.map(|call| call["params"].clone()).collect();
        if approved.contains(&own) {
            return assert_eq!(approved, [own]);
        }
    }
}
