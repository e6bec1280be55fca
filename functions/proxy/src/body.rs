//! Bodies that are bounded while they pass.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// A body that may have so many bytes, and so long a pause between two parts.
/// Nothing is read ahead: who reads slowly slows the sender down.
pub(crate) struct Bounded {
    inner: Body,
    left: Option<usize>,
    pause: Duration,
    /// Runs while a part is waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

/// Why a body broke off.
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
    /// A body of at most `most` bytes, if that matters.
    pub(crate) fn wrap(inner: Body, most: Option<usize>, pause: Duration) -> Body {
        if inner.is_end_stream() {
            return Body::empty();
        }
        Body::new(Self {
            inner,
            left: most,
            pause,
            timer: None,
        })
    }

    fn stalled(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let pause = self.pause;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(pause)));
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
        let pause = self.pause;
        if let Some(timer) = &mut self.timer {
            timer.as_mut().reset(Instant::now() + pause);
        }
        let Some(part) = part else {
            return Poll::Ready(None);
        };
        let part = part.map_err(|_| BodyError::BrokeOff)?;
        let len = part.data_ref().map_or(0, Bytes::len);
        if let Some(left) = self.left {
            let left = left.checked_sub(len).ok_or(BodyError::TooLong)?;
            self.left = Some(left);
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

/// The error of a body among the causes of another one.
pub(crate) fn cause(error: &(dyn std::error::Error + 'static)) -> Option<BodyError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<BodyError>() {
            return Some(*found);
        }
        next = error.source();
    }
    None
}
