//! When a connection was opened, so that a kept one can be told from a new one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::http::{Extensions, Uri};
use futures_util::TryFutureExt;
use futures_util::future::MapOk;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Error;
use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::time::Instant;
use tower::Service;

/// Whether a request failed since its connection, which was open before the
/// request was made, turned out to be closed. Servers close idle connections
/// whenever they like, and the request may be on its way then.
pub fn was_closed_while_kept(error: &Error, since: Instant) -> bool {
    let mut extensions = Extensions::new();
    if let Some(connected) = error.connect_info() {
        connected.get_extras(&mut extensions);
    }
    let opened = extensions.get::<Opened>();
    opened.is_some_and(|opened| opened.0 < since) && is_closed(error)
}

fn is_closed(error: &Error) -> bool {
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let hyper = cause.downcast_ref::<hyper::Error>();
        if hyper.is_some_and(|it| it.is_incomplete_message() || it.is_canceled() || it.is_closed())
        {
            return true;
        }
        if let Some(cause) = cause.downcast_ref::<io::Error>() {
            use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
            return matches!(
                cause.kind(),
                BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected
            );
        }
        next = cause.source();
    }
    false
}

#[derive(Clone, Copy, Debug)]
struct Opened(Instant);

/// Opens connections that know when.
#[derive(Clone, Debug)]
pub struct Opening<C>(pub(super) C);

/// A connection, and when it was opened.
#[derive(Debug)]
pub struct Stream<S> {
    inner: S,
    opened: Opened,
}

impl<C: Service<Uri>> Service<Uri> for Opening<C> {
    type Response = Stream<C::Response>;
    type Error = C::Error;
    type Future = MapOk<C::Future, fn(C::Response) -> Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        self.0.call(address).map_ok(|inner| Stream {
            inner,
            opened: Opened(Instant::now()),
        })
    }
}

impl<S: Connection> Connection for Stream<S> {
    fn connected(&self) -> Connected {
        self.inner.connected().extra(self.opened)
    }
}

impl<S: Read + Unpin> Read for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, into)
    }
}

impl<S: Write + Unpin> Write for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, from)
    }
}
