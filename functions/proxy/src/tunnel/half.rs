//! One direction of a WebSocket.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::{Frames, Violation};

/// How much is read at once, in bytes. It is on the stack: a direction that has
/// nothing to do holds no buffer.
const ROOM: usize = 16 * 1024;

/// Passes frames from one peer to the other. Nothing is read while something is
/// still to be written, so that a peer who reads slowly slows the other down.
pub(super) struct Half {
    frames: Frames,
    /// What has to be written before more is read.
    pending: Vec<u8>,
    written: usize,
    unflushed: bool,
    /// Frames of this server's own, for the next place between two frames.
    own: Vec<u8>,
    /// The own frames end with a close frame, and nothing may follow it.
    last_words: bool,
    /// What comes is read, so that it does not get in the way of a close frame
    /// to who sent it, and passed on no more.
    deaf: bool,
    /// Its sender has ended the connection.
    eof: bool,
    /// Its receiver gets nothing more.
    shut: bool,
    pub(super) pulse: Pulse,
}

/// Signs of life since the last look.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// Something was read.
    pub(super) heard: bool,
    /// The other peer takes nothing now.
    pub(super) blocked: bool,
    /// The other peer took something.
    pub(super) took: bool,
}

impl Half {
    pub(super) fn new(frames: Frames) -> Self {
        Self {
            frames,
            pending: Vec::new(),
            written: 0,
            unflushed: false,
            own: Vec::new(),
            last_words: false,
            deaf: false,
            eof: false,
            shut: false,
            pulse: Pulse::default(),
        }
    }

    /// Whether nothing more will come.
    pub(super) fn is_over(&self) -> bool {
        self.eof && self.shut
    }

    /// Whether its sender has ended in either way, or its receiver is gone.
    pub(super) fn has_ended(&self) -> bool {
        self.eof || self.shut || self.frames.closed()
    }

    /// Whether its receiver was told of the end with a close frame.
    pub(super) fn has_told(&self) -> bool {
        self.frames.closed() || self.last_words
    }

    /// Sends a frame of this server's own.
    pub(super) fn say(&mut self, frame: &[u8]) {
        if !self.has_told() && self.own.is_empty() {
            self.own.extend_from_slice(frame);
        }
    }

    /// Sends a close frame of this server's own, and passes nothing on after it.
    pub(super) fn end(&mut self, close: &[u8]) {
        if !self.has_told() {
            self.own.extend_from_slice(close);
            self.last_words = true;
        }
    }

    /// Passes nothing on from now on.
    pub(super) fn turn_deaf(&mut self) {
        self.deaf = true;
    }

    /// Passes on what it can. Ready when its sender has ended the connection
    /// and its receiver knows.
    ///
    /// `finish` ends the connection to the receiver as soon as all is written.
    /// A connection that fails is one that has ended: what the peer on it still
    /// said is passed on by the other direction.
    ///
    /// # Errors
    /// When a frame does not pass.
    pub(super) fn poll(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        finish: bool,
        passed: &AtomicU64,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Violation>> {
        loop {
            if ready!(self.poll_write(to, passed, context)).is_err() {
                self.give_up();
            }
            if !self.own.is_empty() && self.frames.between_frames() {
                self.take_own();
                continue;
            }
            if (self.eof || finish) && !self.shut {
                // Who has gone already need not be told.
                let _ = ready!(Pin::new(&mut *to).poll_shutdown(context));
                self.shut = true;
            }
            if self.eof {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_read(from, context))?;
        }
    }

    /// The receiver is gone: what comes for it is read, and forgotten.
    fn give_up(&mut self) {
        self.pending = Vec::new();
        self.written = 0;
        self.own = Vec::new();
        self.unflushed = false;
        self.deaf = true;
        self.shut = true;
    }

    fn take_own(&mut self) {
        self.pending.append(&mut self.own);
        self.own = Vec::new();
        self.deaf |= self.last_words;
    }

    fn poll_write(
        &mut self,
        to: &mut (impl AsyncWrite + Unpin),
        passed: &AtomicU64,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.pending.get(self.written..).filter(|it| !it.is_empty()) {
            match Pin::new(&mut *to).poll_write(context, rest) {
                Poll::Pending => {
                    self.pulse.blocked = true;
                    return Poll::Pending;
                }
                Poll::Ready(Ok(len)) if len > 0 => {
                    self.written += len;
                    self.unflushed = true;
                    self.pulse.took = true;
                    passed.fetch_add(len as u64, Ordering::Relaxed);
                }
                Poll::Ready(Ok(_)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
        self.pulse.blocked = false;
        if self.written > 0 {
            // The memory too: an idle connection holds none.
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
        let mut room = [const { MaybeUninit::uninit() }; ROOM];
        let mut room = ReadBuf::uninit(&mut room);
        let read = ready!(Pin::new(&mut *from).poll_read(context, &mut room));
        if read.is_err() || room.filled().is_empty() {
            self.eof = true;
            return Poll::Ready(Ok(()));
        }
        self.pulse.heard = true;
        let mut discarded = Vec::new();
        let out = if self.deaf {
            &mut discarded
        } else {
            &mut self.pending
        };
        let mut own = if self.deaf {
            Vec::new()
        } else {
            std::mem::take(&mut self.own)
        };
        let had_own = !own.is_empty();
        let followed = self.frames.follow(room.filled(), out, &mut own);
        if had_own && own.is_empty() && self.last_words {
            self.deaf = true;
        }
        if !self.deaf {
            self.own = own;
        }
        match followed {
            Ok(()) => Poll::Ready(Ok(())),
            // Nobody hears it any more.
            Err(_) if self.deaf => Poll::Ready(Ok(())),
            Err(violation) => Poll::Ready(Err(violation)),
        }
    }
}
