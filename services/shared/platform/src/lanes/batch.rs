//! The commands of one batch and who waits for them.

use tokio::time::Instant;

use super::{Book, Committed, LaneError, Reply, Waiting};
use crate::db::ReadToken;
use crate::telemetry;

/// Commands and, at the same positions, who waits for them.
pub(super) struct Batch<B: Book> {
    commands: Vec<B::Command>,
    callers: Vec<Caller<B::Outcome>>,
    oldest: Option<Instant>,
}

struct Caller<O> {
    deadline: Instant,
    trace: telemetry::SpanLink,
    reply: Reply<O>,
}

impl<B: Book> Batch<B> {
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            commands: Vec::with_capacity(capacity),
            callers: Vec::with_capacity(capacity),
            oldest: None,
        }
    }

    pub fn len(&self) -> usize {
        self.commands.len()
    }

    pub fn commands(&self) -> &[B::Command] {
        &self.commands
    }

    pub fn take(&mut self, one: Waiting<B::Command, B::Outcome>, now: Instant) {
        let caller = Caller { deadline: one.deadline, trace: one.trace, reply: one.reply };
        if caller.deadline <= now {
            expired::<B>(caller, LaneError::DeadlinePassed);
            return;
        }
        let oldest = self.oldest.map_or(one.queued_at, |oldest| oldest.min(one.queued_at));
        self.oldest = Some(oldest);
        self.commands.push(one.command);
        self.callers.push(caller);
    }

    /// Whose trace id log lines of the batch carry. One that fails alone is alone in its batch by then.
    pub fn trace(&self) -> telemetry::SpanLink {
        telemetry::SpanLink::first(self.callers.iter().map(|caller| &caller.trace))
    }

    /// The batch belongs to all its requests: the first sampled one is its parent, the others are linked.
    pub fn measured(&self, now: Instant) -> tracing::Span {
        let size = u32::try_from(self.commands.len()).unwrap_or(u32::MAX);
        metrics::histogram!("lane_batch_size", "lane" => B::NAME).record(f64::from(size));
        metrics::histogram!("lane_queue_seconds", "lane" => B::NAME)
            .record(now.duration_since(self.oldest.unwrap_or(now)));
        let traces = self.callers.iter().map(|caller| &caller.trace);
        telemetry::SpanLink::span(traces, || {
            tracing::info_span!("lane.batch", lane = B::NAME, size)
        })
    }

    pub fn answer(self, outcomes: Vec<B::Outcome>, token: &ReadToken) {
        let now = Instant::now();
        for (caller, outcome) in self.callers.into_iter().zip(outcomes) {
            if let Some(late) = now.checked_duration_since(caller.deadline) {
                metrics::histogram!("lane_late_seconds", "lane" => B::NAME).record(late);
            }
            drop(caller.reply.send(Ok(Committed { outcome, token: token.clone() })));
        }
    }

    pub fn fail(self, error: LaneError) {
        for caller in self.callers {
            drop(caller.reply.send(Err(error)));
        }
    }

    /// Takes out the second half; `None` when there is only one command.
    pub fn split(&mut self) -> Option<Self> {
        if self.commands.len() < 2 {
            return None;
        }
        let half = self.commands.len() / 2;
        Some(Self {
            commands: self.commands.split_off(half),
            callers: self.callers.split_off(half),
            oldest: self.oldest,
        })
    }

    /// Takes out whatever nobody waits for any more, and answers so.
    pub fn give_up_expired(&mut self, why: LaneError) {
        let now = Instant::now();
        if self.callers.iter().all(|caller| caller.deadline > now) {
            return;
        }
        let commands = std::mem::take(&mut self.commands);
        let callers = std::mem::take(&mut self.callers);
        for (command, caller) in commands.into_iter().zip(callers) {
            if caller.deadline <= now {
                expired::<B>(caller, why);
            } else {
                self.commands.push(command);
                self.callers.push(caller);
            }
        }
    }
}

/// Answers that nothing was done in time. The caller may be gone: then nobody needs the answer.
fn expired<B: Book>(caller: Caller<B::Outcome>, why: LaneError) {
    metrics::counter!("lane_expired_total", "lane" => B::NAME).increment(1);
    drop(caller.reply.send(Err(why)));
}
