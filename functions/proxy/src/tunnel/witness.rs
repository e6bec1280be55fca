//! What sees the beginning of a WebSocket, without a say in it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Sees the bytes of a WebSocket as they pass. Each call returns whether it wants to
/// see more.
pub(crate) trait Witness: Send {
    /// These go to the agent.
    fn to_agent(&mut self, bytes: &[u8]) -> bool;
    /// These go to the client.
    fn to_client(&mut self, bytes: &[u8]) -> bool;
}

/// An agent's connection with a witness, or with none any more.
pub(super) struct Witnessed<A> {
    agent: A,
    witness: Option<Box<dyn Witness>>,
}

impl<A> Witnessed<A> {
    pub(super) fn new(agent: A, witness: Option<Box<dyn Witness>>) -> Self {
        Self { agent, witness }
    }

    fn show(&mut self, see: impl FnOnce(&mut dyn Witness) -> bool) {
        if self.witness.as_deref_mut().is_some_and(|it| !see(it)) {
            self.witness = None;
        }
    }
}

impl<A: AsyncRead + Unpin> AsyncRead for Witnessed<A> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.agent).poll_read(context, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        self.show(|witness| witness.to_client(read));
        Poll::Ready(Ok(()))
    }
}

impl<A: AsyncWrite + Unpin> AsyncWrite for Witnessed<A> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let len = ready!(Pin::new(&mut self.agent).poll_write(context, bytes))?;
        let written = bytes.get(..len).unwrap_or_default();
        self.show(|witness| witness.to_agent(written));
        Poll::Ready(Ok(len))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.agent).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.agent).poll_shutdown(context)
    }
}
