//! One direction of a WebSocket: from one peer to the other.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::{Frames, Violation};

/// How many bytes are read at once. The buffer is on the stack: an idle direction
/// holds none.
const READ_SIZE: usize = 16 * 1024;

/// Passes frames from one peer to the other. Nothing is read before everything
/// pending is written, so a slow reader slows the sender down.
pub(super) struct Direction {
    frames: Frames,
    /// Bytes to write before more is read.
    pending: Vec<u8>,
    written: usize,
    unflushed: bool,
    /// Frames of this server's own, to be sent at the next frame boundary.
    own: Vec<u8>,
    /// `own` ends or has ended with a close frame, and nothing may follow it.
    closing: bool,
    /// Input is still read, so that it does not block a close frame to its
    /// sender, but no longer passed on.
    discarding: bool,
    sender_closed: bool,
    receiver_closed: bool,
    pub(super) activity: Activity,
}

/// What happened since the last liveness check.
#[derive(Debug, Default)]
pub(super) struct Activity {
    pub(super) received: bool,
    /// The receiver accepts no bytes at the moment.
    pub(super) blocked: bool,
    /// The other peer delivered something.
    pub(super) delivered: bool,
}

impl Direction {
    pub(super) fn new(frames: Frames) -> Self {
        Self {
            frames,
            pending: Vec::new(),
            written: 0,
            unflushed: false,
            own: Vec::new(),
            closing: false,
            discarding: false,
            sender_closed: false,
            receiver_closed: false,
            activity: Activity::default(),
        }
    }

    /// Whether both ends are closed.
    pub(super) fn is_finished(&self) -> bool {
        self.sender_closed && self.receiver_closed
    }

    /// Whether the sender has closed (by a close frame or the connection's end) or
    /// the receiver is gone.
    pub(super) fn has_ended(&self) -> bool {
        self.sender_closed || self.receiver_closed || self.frames.closed()
    }

    /// Whether the receiver was sent a close frame, by its peer or by this server.
    pub(super) fn has_sent_close(&self) -> bool {
        self.frames.closed() || self.closing
    }

    /// Queues a frame of this server's own, unless one is waiting already.
    pub(super) fn send(&mut self, frame: &[u8]) {
        if !self.has_sent_close() && self.own.is_empty() {
            self.own.extend_from_slice(frame);
        }
    }

    /// Queues a close frame of this server's own; nothing is passed on after it.
    pub(super) fn close(&mut self, close: &[u8]) {
        if !self.has_sent_close() {
            self.own.extend_from_slice(close);
            self.closing = true;
        }
    }

    /// Reads on, but passes nothing on from now on.
    pub(super) fn discard_input(&mut self) {
        self.discarding = true;
    }

    /// Passes on what it can. Ready when the sender has ended its connection and
    /// the receiver's has been shut down.
    ///
    /// `finish` shuts down the receiver's connection as soon as everything is
    /// written. A failed connection counts as an ended one: what its peer sent
    /// before is still passed on by the other direction.
    ///
    /// # Errors
    /// When a frame violates the protocol or the limit.
    pub(super) fn poll(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        finish: bool,
        byte_count: &AtomicU64,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Violation>> {
        loop {
            if ready!(self.poll_write(to, byte_count, context)).is_err() {
                self.drop_receiver();
            }
            if !self.own.is_empty() && self.frames.between_frames() {
                self.queue_own();
                continue;
            }
            if (self.sender_closed || finish) && !self.receiver_closed {
                // A receiver that is gone cannot be shut down, and need not be.
                let _ = ready!(Pin::new(&mut *to).poll_shutdown(context));
                self.receiver_closed = true;
            }
            if self.sender_closed {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_read(from, context))?;
        }
    }

    /// The receiver is gone: further input for it is read and discarded.
    fn drop_receiver(&mut self) {
        self.pending = Vec::new();
        self.written = 0;
        self.own = Vec::new();
        self.unflushed = false;
        self.discarding = true;
        self.receiver_closed = true;
    }

    fn queue_own(&mut self) {
        self.pending.append(&mut self.own);
        self.own = Vec::new();
        self.discarding |= self.closing;
    }

    fn poll_write(
        &mut self,
        to: &mut (impl AsyncWrite + Unpin),
        byte_count: &AtomicU64,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.pending.get(self.written..).filter(|it| !it.is_empty()) {
            match Pin::new(&mut *to).poll_write(context, rest) {
                Poll::Pending => {
                    self.activity.blocked = true;
                    return Poll::Pending;
                }
                Poll::Ready(Ok(len)) if len > 0 => {
                    self.written += len;
                    self.unflushed = true;
                    self.activity.delivered = true;
                    byte_count.fetch_add(len as u64, Ordering::Relaxed);
                }
                Poll::Ready(Ok(_)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
        self.activity.blocked = false;
        if self.written > 0 {
            // Frees the memory as well: an idle connection holds none.
            self.pending = Vec::new();
            self.written = 0;
        }
        if self.unflushed {
            ready!(Pin::new(&mut *to).poll_flush(context))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Violation>> {
        let mut buffer = [const { MaybeUninit::uninit() }; READ_SIZE];
        let mut buffer = ReadBuf::uninit(&mut buffer);
        let read = ready!(Pin::new(&mut *from).poll_read(context, &mut buffer));
        if read.is_err() || buffer.filled().is_empty() {
            self.sender_closed = true;
            return Poll::Ready(Ok(()));
        }
        self.activity.received = true;
        let mut discarded = Vec::new();
        let out = if self.discarding {
            &mut discarded
        } else {
            &mut self.pending
        };
        let mut own = if self.discarding {
            Vec::new()
        } else {
            std::mem::take(&mut self.own)
        };
        let had_own = !own.is_empty();
        let followed = self.frames.follow(buffer.filled(), out, &mut own);
        if had_own && own.is_empty() && self.closing {
            self.discarding = true;
        }
        if !self.discarding {
            self.own = own;
        }
        match followed {
            Ok(()) => Poll::Ready(Ok(())),
            // Nothing of it is passed on any more.
            Err(_) if self.discarding => Poll::Ready(Ok(())),
            Err(violation) => Poll::Ready(Err(violation)),
        }
    }
}
