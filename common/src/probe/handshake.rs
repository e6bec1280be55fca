//! The handshake of a gateway's own WebSocket: its first word, before any
//! authentication, and what it makes of a token.
//!
//! Nothing in between can answer for the gateway here: a wrapper that puts its
//! own token into requests, or keeps the gateway's health behind a login, passes
//! the frames of a WebSocket on as they are.

use std::io::{self, Cursor};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};

use super::connection::{Connector, Target};
use super::failure::Failure;
use crate::model::GatewayToken;
use crate::random;

/// The longest message that is read, in bytes. The one that welcomes lists all
/// that the gateway can do.
const MESSAGE_LIMIT: usize = 1024 * 1024;

/// How many messages may come before the one that is waited for.
const OTHER_MESSAGES: usize = 16;

/// The protocols of OpenClaw 2026.4.11, and of 2026.6 and later.
const PROTOCOLS: (u8, u8) = (3, 4);

/// A WebSocket on which the gateway has spoken first.
pub(super) struct Challenged(Socket);

/// The frames of a WebSocket, as far as a handshake needs them: whole messages of
/// text, and no answer to a ping.
struct Socket {
    stream: TokioIo<Upgraded>,
    /// What was read and is not understood yet.
    buffer: Vec<u8>,
}

/// What became of a WebSocket.
pub(super) enum Opened {
    /// The gateway has spoken.
    Challenged(Box<Challenged>),
    /// There is none: the answer had a status other than 101.
    Refused,
    /// It was opened, and closed before the gateway spoke.
    Closed,
}

/// What a gateway makes of somebody who connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reception {
    /// It lets them in.
    Welcome,
    /// This is not its token.
    WrongToken,
    /// Too many attempts have failed: it does not look at the token.
    LockedOut,
    /// It refuses for another reason, which its code names.
    Refused(String),
    /// It closed without an answer.
    Closed,
}

/// A message of the gateway, as far as anybody here wants to know it.
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "type")]
    kind: String,
    event: Option<String>,
    id: Option<String>,
    ok: Option<bool>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: Option<String>,
    details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    code: Option<String>,
}

impl Connector {
    /// Opens a WebSocket, over a connection of its own, and waits until the
    /// gateway speaks. No time limit holds here.
    pub(super) async fn greet(&self, target: &Target) -> Result<Opened, Failure> {
        let Some(upgraded) = self.upgrade(target).await? else {
            return Ok(Opened::Refused);
        };
        let mut challenged = Challenged(Socket {
            stream: TokioIo::new(upgraded),
            buffer: Vec::new(),
        });
        let is_challenge =
            |message: &Message| message.event.as_deref() == Some("connect.challenge");
        Ok(match challenged.receive(is_challenge).await {
            Some(_) => Opened::Challenged(Box::new(challenged)),
            None => Opened::Closed,
        })
    }
}

impl Challenged {
    /// Presents a token. The client says that it only looks, and asks for no
    /// right, so that it is no device that somebody has to approve.
    pub(super) async fn present(mut self, token: &GatewayToken) -> Reception {
        let (least, most) = PROTOCOLS;
        let request = json!({
            "type": "req",
            "id": "1",
            "method": "connect",
            "params": {
                "minProtocol": least,
                "maxProtocol": most,
                "client": {
                    "id": "openclaw-probe",
                    "version": env!("CARGO_PKG_VERSION"),
                    "platform": "linux",
                    "mode": "probe",
                },
                "role": "operator",
                "scopes": [],
                "auth": {"token": token.reveal()},
            },
        });
        if self.0.send(request.to_string()).await.is_err() {
            return Reception::Closed;
        }
        let is_answer = |it: &Message| it.kind == "res" && it.id.as_deref() == Some("1");
        match self.receive(is_answer).await {
            Some(answer) => answer.into_reception(),
            None => Reception::Closed,
        }
    }

    /// The next message of one kind; `None` if the connection ends before.
    async fn receive(&mut self, wanted: impl Fn(&Message) -> bool) -> Option<Message> {
        for _ in 0..OTHER_MESSAGES {
            match serde_json::from_slice(&self.0.receive().await?) {
                Ok(message) if wanted(&message) => return Some(message),
                _ => {}
            }
        }
        None
    }
}

impl Socket {
    /// Sends a message, masked as a client has to.
    async fn send(&mut self, text: String) -> io::Result<()> {
        let mut frame = Frame::message(text, OpCode::Data(Data::Text), true);
        let [a, b, c, d, ..] = random::unique_id().into_bytes();
        frame.header_mut().mask = Some([a, b, c, d]);
        let mut bytes = Vec::new();
        frame.format(&mut bytes).map_err(io::Error::other)?;
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await
    }

    /// The next message, of text or not; `None` if the connection ends, breaks
    /// the protocol or the limit.
    async fn receive(&mut self) -> Option<Vec<u8>> {
        let mut message = Vec::new();
        loop {
            let (header, payload) = self.frame().await?;
            match header.opcode {
                OpCode::Data(_) if message.len() + payload.len() <= MESSAGE_LIMIT => {
                    message.extend_from_slice(&payload);
                    if header.is_final {
                        return Some(message);
                    }
                }
                OpCode::Control(control) if control != Control::Close => {}
                _ => return None,
            }
        }
    }

    async fn frame(&mut self) -> Option<(FrameHeader, Vec<u8>)> {
        loop {
            let mut head = Cursor::new(&self.buffer);
            if let Some((header, length)) = FrameHeader::parse(&mut head).ok()? {
                let start = usize::try_from(head.position()).ok()?;
                let length = usize::try_from(length).ok()?;
                if length > MESSAGE_LIMIT {
                    return None;
                }
                if let Some(payload) = self.buffer.get(start..start + length) {
                    let payload = payload.to_vec();
                    self.buffer.drain(..start + length);
                    return Some((header, payload));
                }
            }
            if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
        }
    }
}

impl Message {
    fn into_reception(self) -> Reception {
        if self.ok == Some(true) {
            return Reception::Welcome;
        }
        let code = self.error.and_then(|error| {
            let detailed = error.details.and_then(|details| details.code);
            detailed.or(error.code)
        });
        match code.as_deref() {
            Some("AUTH_TOKEN_MISMATCH") => Reception::WrongToken,
            Some("AUTH_RATE_LIMITED") => Reception::LockedOut,
            code => Reception::Refused(code.unwrap_or("without a code").to_owned()),
        }
    }
}
