//! Where frames begin and end in the bytes of one peer. Pure.
//!
//! The bytes pass unchanged: frames are not collected, messages not assembled,
//! masks not removed. But a frame that violates RFC 6455 does not pass, and a
//! frame of this server's own can be inserted between two others. Whether a text
//! is UTF-8 is left to its receiver to check.

use std::io::Cursor;

use tungstenite::Bytes;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};

/// Who sends the frames: a client's are masked, an agent's are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    Client,
    Agent,
}

/// Why a frame does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    Protocol,
    /// The message is longer than allowed.
    TooLong,
}

/// The payload of this server's own pings, by which their pongs are recognised.
const PING_PAYLOAD: &[u8] = b"maintenance-plane";

/// The longest header of a frame, in bytes.
const MAX_HEADER: usize = 14;

/// Follows the frames of one peer.
pub(super) struct Frames {
    peer: Peer,
    /// An extension was agreed on, and gives the reserved bits a meaning.
    extended: bool,
    longest: u64,
    position: Position,
    /// An incomplete header, or a control frame: neither has passed yet.
    buffered: Vec<u8>,
    /// The length so far of a message whose last frame is still to come.
    message: Option<u64>,
    closed: bool,
}

#[derive(Clone, Copy, Debug)]
enum Position {
    /// Before or in the head of a frame.
    Head,
    /// In the payload of a data frame, of which so much is missing.
    Payload(u64),
    /// In a control frame: its kind, and the bytes of its header and in total.
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
            position: Position::Head,
            buffered: Vec::new(),
            message: None,
            closed: false,
        }
    }

    /// Whether the peer has sent a close frame.
    pub(super) fn closed(&self) -> bool {
        self.closed
    }

    /// Whether what has passed so far ends with a frame.
    pub(super) fn between_frames(&self) -> bool {
        !matches!(self.position, Position::Payload(_))
    }

    /// Follows the next bytes, and appends to `out` what passes, with the frames in
    /// `own` inserted at the first frame boundary.
    ///
    /// # Errors
    /// When a frame does not pass. What passed before ends with a complete frame.
    pub(super) fn follow(
        &mut self,
        mut bytes: &[u8],
        out: &mut Vec<u8>,
        own: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        // Nothing after a close frame has a meaning (RFC 6455, 5.5.1).
        while !bytes.is_empty() && !self.closed {
            bytes = match self.position {
                Position::Head => {
                    out.append(own);
                    self.head(bytes, out)?
                }
                Position::Payload(missing) => {
                    let len =
                        usize::try_from(missing).map_or(bytes.len(), |it| it.min(bytes.len()));
                    let (payload, rest) = bytes.split_at(len);
                    out.extend_from_slice(payload);
                    let missing = missing - len as u64;
                    self.position = if missing == 0 {
                        Position::Head
                    } else {
                        Position::Payload(missing)
                    };
                    rest
                }
                Position::Control(kind, head, total) => {
                    let len = (total - self.buffered.len()).min(bytes.len());
                    let (payload, rest) = bytes.split_at(len);
                    self.buffered.extend_from_slice(payload);
                    self.control(kind, head, total, out);
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
        let before = self.buffered.len();
        let len = (MAX_HEADER - before).min(bytes.len());
        self.buffered.extend_from_slice(bytes.split_at(len).0);
        let mut cursor = Cursor::new(self.buffered.as_slice());
        let head = FrameHeader::parse(&mut cursor).map_err(|_| Violation::Protocol)?;
        let head_len = usize::try_from(cursor.position()).unwrap_or(MAX_HEADER);
        let Some((head, payload)) = head else {
            return Ok(&[]);
        };
        self.buffered.truncate(head_len);
        self.validate(&head, payload)?;
        match head.opcode {
            OpCode::Control(control) => {
                let kind = match (control, head.mask) {
                    (Control::Pong, mask) => FrameKind::Pong(mask.unwrap_or_default()),
                    (Control::Close, _) => FrameKind::Close,
                    _ => FrameKind::Other,
                };
                // `validate` has seen that it is short.
                let total = head_len + usize::try_from(payload).unwrap_or_default();
                self.control(kind, head_len, total, out);
            }
            OpCode::Data(_) => {
                out.append(&mut self.buffered);
                self.buffered = Vec::new();
                self.position = if payload == 0 {
                    Position::Head
                } else {
                    Position::Payload(payload)
                };
            }
        }
        // What follows the header was not buffered before.
        Ok(bytes.split_at(head_len - before).1)
    }

    /// Passes a control frame on once it is complete.
    fn control(&mut self, kind: FrameKind, head: usize, total: usize, out: &mut Vec<u8>) {
        if self.buffered.len() < total {
            self.position = Position::Control(kind, head, total);
            return;
        }
        let frame = std::mem::take(&mut self.buffered);
        self.position = Position::Head;
        match kind {
            FrameKind::Pong(mask) if is_own_pong(frame.split_at(head).1, mask) => {}
            FrameKind::Pong(_) | FrameKind::Other => out.extend_from_slice(&frame),
            FrameKind::Close => {
                self.closed = true;
                out.extend_from_slice(&frame);
            }
        }
    }

    fn validate(&mut self, head: &FrameHeader, payload: u64) -> Result<(), Violation> {
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
    unmasked.eq(PING_PAYLOAD.iter().copied())
}

/// A ping of this server's own to a peer.
pub(super) fn ping(to: Peer) -> Vec<u8> {
    encode(Frame::ping(Bytes::from_static(PING_PAYLOAD)), to)
}

/// A close frame of this server's own to a peer.
pub(super) fn close(to: Peer, code: CloseCode, reason: &'static str) -> Vec<u8> {
    let reason = reason.into();
    encode(Frame::close(Some(CloseFrame { code, reason })), to)
}

fn encode(mut frame: Frame, to: Peer) -> Vec<u8> {
    if to == Peer::Agent {
        // Masking protects intermediaries from bytes that a page chose. No page
        // chose these, so a mask of zeros will do.
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
