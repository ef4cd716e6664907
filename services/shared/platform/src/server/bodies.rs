//! How many bytes of messages that are still coming in a server holds.
//!
//! A message may have four mebibytes, and a caller may send most of one and then wait, on thousands of calls at once.
//! The first bytes of each call are free, which is all that most calls have; what is beyond them is taken from one
//! budget, and a call that finds it empty is refused. So whoever hoards keeps out others who send much, and nobody else.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::body::Body;

use crate::status;

/// What a call may send without asking, bytes.
const FREE: usize = 64 << 10;
/// What all calls of a server together may send beyond that, KiB.
const BUDGET_KIB: usize = 64 << 10;

/// The budget of one server.
pub(super) fn budget() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(BUDGET_KIB))
}

/// A body that takes from the budget what it has beyond the first bytes, and gives it back when it has been read.
pub(super) fn bounded(body: Body, budget: &Arc<Semaphore>, domain: &Arc<str>) -> Body {
    let (budget, domain) = (Arc::clone(budget), Arc::clone(domain));
    Body::new(Bounded { body, free: FREE, taken: None, budget, domain })
}

struct Bounded {
    body: Body,
    free: usize,
    taken: Option<OwnedSemaphorePermit>,
    budget: Arc<Semaphore>,
    domain: Arc<str>,
}

impl Bounded {
    fn take(&mut self, length: usize) -> Result<(), Status> {
        let beyond = length.saturating_sub(self.free);
        self.free = self.free.saturating_sub(length);
        if beyond == 0 {
            return Ok(());
        }
        let kib = u32::try_from(beyond.div_ceil(1024)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.budget).try_acquire_many_owned(kib).map_err(|_| {
            let message = "too much is being sent to this server at once";
            status::overloaded(&self.domain, "OVERLOADED", message)
        })?;
        match &mut self.taken {
            Some(taken) => taken.merge(permit),
            None => self.taken = Some(permit),
        }
        Ok(())
    }
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && let Err(refused) = self.take(data.len())
        {
            return Poll::Ready(Some(Err(refused)));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
