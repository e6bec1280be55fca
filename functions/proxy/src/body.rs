//! Bodies that are limited in size and pace while they stream through.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// A body with a limit on its size, and on the pause between two of its parts.
/// Nothing is read ahead, so a slow reader slows the sender down.
pub(crate) struct Bounded {
    inner: Body,
    remaining: Option<usize>,
    idle_timeout: Duration,
    /// Runs while the next part is awaited.
    timer: Option<Pin<Box<Sleep>>>,
}

/// Why a body ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is too long")]
    TooLong,
    #[error("nothing came for too long")]
    Stalled,
    #[error("the sender broke off")]
    BrokeOff,
}

impl Bounded {
    /// Without `max` the size is not limited.
    pub(crate) fn wrap(inner: Body, max: Option<usize>, idle_timeout: Duration) -> Body {
        if inner.is_end_stream() {
            return Body::empty();
        }
        Body::new(Self {
            inner,
            remaining: max,
            idle_timeout,
            timer: None,
        })
    }

    fn stalled(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let idle_timeout = self.idle_timeout;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep(idle_timeout)));
        timer.as_mut().poll(context)
    }
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let part = match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Pending => {
                return self
                    .stalled(context)
                    .map(|()| Some(Err(BodyError::Stalled)));
            }
            Poll::Ready(part) => part,
        };
        let idle_timeout = self.idle_timeout;
        if let Some(timer) = &mut self.timer {
            timer.as_mut().reset(Instant::now() + idle_timeout);
        }
        let Some(part) = part else {
            return Poll::Ready(None);
        };
        let part = part.map_err(|_| BodyError::BrokeOff)?;
        let len = part.data_ref().map_or(0, Bytes::len);
        if let Some(remaining) = self.remaining {
            let remaining = remaining.checked_sub(len).ok_or(BodyError::TooLong)?;
            self.remaining = Some(remaining);
        }
        Poll::Ready(Some(Ok(part)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The [`BodyError`] among the causes of another error.
pub(crate) fn body_error(error: &(dyn std::error::Error + 'static)) -> Option<BodyError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<BodyError>() {
            return Some(*found);
        }
        next = error.source();
    }
    None
}
