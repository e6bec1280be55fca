//! Where frames begin and end in the bytes of one peer. Pure.
//!
//! The bytes pass as they are: a frame is not collected, a message not put
//! together, and a mask not taken off. But a frame that breaks a rule of RFC
//! 6455 does not pass, and a frame of this server's own can be put between two
//! others. Whether a text is UTF-8 is judged by who gets it.

use std::io::Cursor;

use tungstenite::Bytes;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};

/// Who sends the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// Its frames are masked.
    Client,
    /// Its frames are not.
    Agent,
}

/// Why a frame does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// It breaks a rule of the protocol.
    Protocol,
    /// It makes a message longer than allowed.
    TooLong,
}

/// What this server's own pings say, so that their pongs are known again.
const PING: &[u8] = b"maintenance-plane";

/// The longest head of a frame, in bytes.
const HEAD: usize = 14;

/// Follows the frames of one peer.
pub(super) struct Frames {
    peer: Peer,
    /// An extension was agreed on, and gives the reserved bits a meaning.
    extended: bool,
    longest: u64,
    at: At,
    /// A head that is not complete, or a control frame: neither has passed yet.
    held: Vec<u8>,
    /// How long the message is so far whose last frame is still to come.
    message: Option<u64>,
    closed: bool,
}

#[derive(Clone, Copy, Debug)]
enum At {
    /// Before or in the head of a frame.
    Head,
    /// In the payload of a data frame, of which so much is missing.
    Payload(u64),
    /// In a control frame with a head and a whole of so many bytes.
    Control(FrameKind, usize, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FrameKind {
    Pong([u8; 4]),
    Close,
    Other,
}

impl Frames {
    pub(super) fn new(peer: Peer, extended: bool, longest: u64) -> Self {
        Self {
            peer,
            extended,
            longest,
            at: At::Head,
            held: Vec::new(),
            message: None,
            closed: false,
        }
    }

    /// Whether the peer has said that it sends no more.
    pub(super) fn closed(&self) -> bool {
        self.closed
    }

    /// Whether what has passed so far ends with a frame.
    pub(super) fn between_frames(&self) -> bool {
        !matches!(self.at, At::Payload(_))
    }

    /// Follows the next bytes, and adds to `out` what passes, with the frames
    /// `own` as soon as there is a place between two frames.
    ///
    /// # Errors
    /// When a frame does not pass. What passed before ends with a whole frame.
    pub(super) fn follow(
        &mut self,
        mut bytes: &[u8],
        out: &mut Vec<u8>,
        own: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        // Behind a close frame nothing means anything.
        while !bytes.is_empty() && !self.closed {
            bytes = match self.at {
                At::Head => {
                    out.append(own);
                    self.head(bytes, out)?
                }
                At::Payload(missing) => {
                    let len =
                        usize::try_from(missing).map_or(bytes.len(), |it| it.min(bytes.len()));
                    let (payload, rest) = bytes.split_at(len);
                    out.extend_from_slice(payload);
                    let missing = missing - len as u64;
                    self.at = if missing == 0 {
                        At::Head
                    } else {
                        At::Payload(missing)
                    };
                    rest
                }
                At::Control(kind, head, whole) => {
                    let len = (whole - self.held.len()).min(bytes.len());
                    let (payload, rest) = bytes.split_at(len);
                    self.held.extend_from_slice(payload);
                    self.control(kind, head, whole, out);
                    rest
                }
            };
        }
        if self.between_frames() {
            out.append(own);
        }
        Ok(())
    }

    fn head<'b>(&mut self, bytes: &'b [u8], out: &mut Vec<u8>) -> Result<&'b [u8], Violation> {
        let before = self.held.len();
        let len = (HEAD - before).min(bytes.len());
        self.held.extend_from_slice(bytes.split_at(len).0);
        let mut cursor = Cursor::new(self.held.as_slice());
        let head = FrameHeader::parse(&mut cursor).map_err(|_| Violation::Protocol)?;
        let head_len = usize::try_from(cursor.position()).unwrap_or(HEAD);
        let Some((head, payload)) = head else {
            return Ok(&[]);
        };
        self.held.truncate(head_len);
        self.judge(&head, payload)?;
        match head.opcode {
            OpCode::Control(control) => {
                let kind = match (control, head.mask) {
                    (Control::Pong, mask) => FrameKind::Pong(mask.unwrap_or_default()),
                    (Control::Close, _) => FrameKind::Close,
                    _ => FrameKind::Other,
                };
                // `judge` has seen that it is short.
                let whole = head_len + usize::try_from(payload).unwrap_or_default();
                self.control(kind, head_len, whole, out);
            }
            OpCode::Data(_) => {
                out.append(&mut self.held);
                self.held = Vec::new();
                self.at = if payload == 0 {
                    At::Head
                } else {
                    At::Payload(payload)
                };
            }
        }
        // What stands behind the head was not held before.
        Ok(bytes.split_at(head_len - before).1)
    }

    /// Lets a control frame pass once it is whole.
    fn control(&mut self, kind: FrameKind, head: usize, whole: usize, out: &mut Vec<u8>) {
        if self.held.len() < whole {
            self.at = At::Control(kind, head, whole);
            return;
        }
        let frame = std::mem::take(&mut self.held);
        self.at = At::Head;
        match kind {
            FrameKind::Pong(mask) if is_own_pong(frame.split_at(head).1, mask) => {}
            FrameKind::Pong(_) | FrameKind::Other => out.extend_from_slice(&frame),
            FrameKind::Close => {
                self.closed = true;
                out.extend_from_slice(&frame);
            }
        }
    }

    fn judge(&mut self, head: &FrameHeader, payload: u64) -> Result<(), Violation> {
        let masked = head.mask.is_some();
        let reserved = head.rsv1 || head.rsv2 || head.rsv3;
        if masked != (self.peer == Peer::Client) || (reserved && !self.extended) {
            return Err(Violation::Protocol);
        }
        match (head.opcode, self.message) {
            (OpCode::Control(_), _) if !head.is_final || payload > 125 => {
                return Err(Violation::Protocol);
            }
            (OpCode::Control(_), _) => return Ok(()),
            (OpCode::Data(Data::Continue), None) => return Err(Violation::Protocol),
            (OpCode::Data(Data::Continue), Some(_)) | (OpCode::Data(_), None) => {}
            (OpCode::Data(_), Some(_)) => return Err(Violation::Protocol),
        }
        let message = self.message.unwrap_or_default().saturating_add(payload);
        if message > self.longest {
            return Err(Violation::TooLong);
        }
        self.message = (!head.is_final).then_some(message);
        Ok(())
    }
}

fn is_own_pong(payload: &[u8], mask: [u8; 4]) -> bool {
    let unmasked = payload
        .iter()
        .zip(mask.iter().cycle())
        .map(|(byte, mask)| byte ^ mask);
    unmasked.eq(PING.iter().copied())
}

/// A ping of this server's own to a peer.
pub(super) fn ping(to: Peer) -> Vec<u8> {
    bytes_of(Frame::ping(Bytes::from_static(PING)), to)
}

/// A close frame of this server's own to a peer.
pub(super) fn close(to: Peer, code: CloseCode, reason: &'static str) -> Vec<u8> {
    let reason = reason.into();
    bytes_of(Frame::close(Some(CloseFrame { code, reason })), to)
}

fn bytes_of(mut frame: Frame, to: Peer) -> Vec<u8> {
    if to == Peer::Agent {
        // Masks keep what a page writes from looking like something else to
        // whatever stands in between. No page has written these.
        frame.header_mut().mask = Some([0; 4]);
    }
    let mut bytes = Vec::with_capacity(frame.len());
    match frame.format(&mut bytes) {
        Ok(()) => bytes,
        // Writing to memory does not fail.
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
