//! Lanes: writes are decided in batches and committed once.
//!
//! A lane is one task that takes every command that is waiting, up to a maximum, and handles them as one database
//! transaction. While it commits, the next batch gathers: there is no timer and no added wait. An idle bank commits
//! a batch of one, a loaded bank a batch of hundreds.
//!
//! Invariants:
//! - work on a command never starts after its deadline: it is looked at when the batch is taken, and again when each
//!   attempt has its transaction;
//! - an answer is given only when the outcome is certain: after a lost commit the same commands run again, and the
//!   book finds the first outcome under their request ids;
//! - a command that the database cannot digest fails alone: the batch is halved until it is found;
//! - the work runs in a task of its own, so that a caller who goes away cannot stop it half-way.
//!
//! Absent on purpose: knowledge of what a command is. A [`Book`] knows. An order of importance: the queue is first come,
//! first served, because traffic control keeps it short, and refuses by importance before anything gets here.

mod batch;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::config::LaneConfig;
use crate::db::{self, CommitError, ReadToken, WritePool, WriteTx};
use crate::traffic::LaneQueue;
use crate::{Sources, deadline, telemetry};
use batch::Batch;

/// What a lane works on: the books of one service.
pub trait Book: Send + Sync + 'static {
    /// What a caller wants. Carries a request id.
    type Command: Send + Sync + 'static;
    /// What was decided: done, or refused with a reason. A refusal is an outcome, not an error.
    type Outcome: Send + 'static;
    /// Names the lane in metrics and spans.
    const NAME: &'static str;

    /// Equal keys never run in two batches of this process at once. A hash of the request id.
    fn lane_key(command: &Self::Command) -> u64;

    /// Loads, decides and saves the commands, each as if it were alone, and answers one outcome per command, in
    /// order. A request id that is already decided gets its first outcome. Takes its locks before it looks for
    /// decided ids, so that running again after a lost commit waits for that commit and then finds it.
    fn post(
        &self,
        tx: &mut WriteTx,
        commands: &[Self::Command],
    ) -> impl Future<Output = Result<Vec<Self::Outcome>, db::Error>> + Send;

    /// Called after each commit: wake who waits for effects.
    fn committed(&self) {}
}

/// An outcome that is in the books.
#[derive(Debug, Clone)]
pub struct Committed<T> {
    /// What was decided.
    pub outcome: T,
    /// A read with this token sees it.
    pub token: ReadToken,
}

/// Why there is no outcome. In every case but [`LaneError::Fault`] nothing was executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LaneError {
    /// Too many commands are waiting.
    #[error("too many commands are waiting")]
    QueueFull,
    /// The deadline passed before the command's batch started.
    #[error("the deadline passed before the command was executed")]
    DeadlinePassed,
    /// The primary could not be reached before the deadline.
    #[error("the books cannot be reached")]
    Unavailable,
    /// Ours; logged where it happened.
    #[error("the command could not be handled")]
    Fault,
}

type Reply<T> = oneshot::Sender<Result<Committed<T>, LaneError>>;
type Answer<T> = oneshot::Receiver<Result<Committed<T>, LaneError>>;
type Queue<B> = mpsc::Sender<Waiting<<B as Book>::Command, <B as Book>::Outcome>>;

struct Waiting<C, O> {
    command: C,
    deadline: Instant,
    queued_at: Instant,
    trace: telemetry::SpanLink,
    reply: Reply<O>,
}

/// The lanes of one book.
pub struct Lanes<B: Book> {
    queues: Arc<[Queue<B>]>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl<B: Book> Clone for Lanes<B> {
    fn clone(&self) -> Self {
        Self {
            queues: Arc::clone(&self.queues),
            tasks: self.tasks.clone(),
            stop: self.stop.clone(),
        }
    }
}

/// How long a command without a deadline waits for the books.
const DEFAULT_PATIENCE: Duration = Duration::from_secs(10);

impl<B: Book> Lanes<B> {
    /// Starts `config.lanes` tasks.
    pub fn start(book: Arc<B>, pool: WritePool, config: &LaneConfig) -> Self {
        let tasks = TaskTracker::new();
        let stop = CancellationToken::new();
        let mut queues = Vec::new();
        // Shown from the first look on, so that the first of them is seen as an increase.
        for rare in ["lane_expired_total", "lane_retries_total", "lane_unknown_commits_total"] {
            metrics::counter!(rare, "lane" => B::NAME).increment(0);
        }
        for _ in 0..config.lanes.max(1) {
            let (queue, waiting) = mpsc::channel(config.queue_max.max(1));
            let lane =
                Lane { book: Arc::clone(&book), pool: pool.clone(), batch_max: config.batch_max };
            let queueing = pool.queues().lane(config.batch_max);
            tasks.spawn(lane.run(waiting, queueing, stop.clone()));
            queues.push(queue);
        }
        Self { queues: queues.into(), tasks, stop }
    }

    /// Hands in a command and waits for its outcome. The deadline is that of the current call.
    ///
    /// # Errors
    /// See [`LaneError`].
    pub async fn submit(&self, command: B::Command) -> Result<Committed<B::Outcome>, LaneError> {
        let answer = self.enqueue(command)?;
        answer.await.unwrap_or(Err(LaneError::Fault))
    }

    /// Hands in many commands, which may share batches, and waits for all outcomes, in order.
    pub async fn submit_all(
        &self,
        commands: Vec<B::Command>,
    ) -> Vec<Result<Committed<B::Outcome>, LaneError>> {
        let answers: Vec<_> = commands.into_iter().map(|command| self.enqueue(command)).collect();
        let mut outcomes = Vec::with_capacity(answers.len());
        for answer in answers {
            outcomes.push(match answer {
                Ok(answer) => answer.await.unwrap_or(Err(LaneError::Fault)),
                Err(refused) => Err(refused),
            });
        }
        outcomes
    }

    /// Takes no more commands, and waits until every one that was handed in is answered.
    pub async fn drain(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn enqueue(&self, command: B::Command) -> Result<Answer<B::Outcome>, LaneError> {
        let lanes = u64::try_from(self.queues.len()).unwrap_or(1);
        let index = usize::try_from(B::lane_key(&command) % lanes).unwrap_or(0);
        let queue = self.queues.get(index).ok_or(LaneError::Fault)?;
        let now = Instant::now();
        let deadline = deadline::current().map_or(now + DEFAULT_PATIENCE, Instant::from_std);
        let (reply, answer) = oneshot::channel();
        let trace = telemetry::SpanLink::current();
        let waiting = Waiting { command, deadline, queued_at: now, trace, reply };
        queue.try_send(waiting).map_err(|full| match full {
            mpsc::error::TrySendError::Full(_) => LaneError::QueueFull,
            mpsc::error::TrySendError::Closed(_) => LaneError::Unavailable,
        })?;
        Ok(answer)
    }
}

struct Lane<B> {
    book: Arc<B>,
    pool: WritePool,
    batch_max: usize,
}

/// One attempt at a batch that did not end in outcomes.
enum Failed {
    Before(db::Error),
    Unknown(db::Error),
}

impl<B: Book> Lane<B> {
    async fn run(
        self,
        mut waiting: mpsc::Receiver<Waiting<B::Command, B::Outcome>>,
        mut queueing: LaneQueue,
        stop: CancellationToken,
    ) {
        let mut gathered = Vec::with_capacity(self.batch_max);
        let took = metrics::histogram!("lane_batch_seconds", "lane" => B::NAME);
        loop {
            let received = tokio::select! {
                received = waiting.recv_many(&mut gathered, self.batch_max) => received,
                () = stop.cancelled(), if !waiting.is_closed() => {
                    // What is in the queue is still handled; nothing more gets in.
                    waiting.close();
                    continue;
                }
            };
            if received == 0 {
                return;
            }
            let began = Instant::now();
            // Whoever waited in vain has waited, too.
            if let Some(oldest) = gathered.iter().map(|one| one.queued_at).min() {
                queueing.batch_waited(began.duration_since(oldest));
            }
            let mut batch = Batch::with_capacity(gathered.len());
            for one in gathered.drain(..) {
                batch.take(one, began);
            }
            let size = batch.len();
            if size > 0 {
                let span = batch.measured(began);
                self.settle(batch, false).instrument(span).await;
                took.record(began.elapsed());
            }
            queueing.batch_took(size, began.elapsed());
        }
    }

    /// Runs the batch until each command has its outcome, or certainly has none. It is uncertain once the answer to a
    /// commit was lost: then everything in it may be in the books.
    async fn settle(&self, batch: Batch<B>, uncertain: bool) {
        let trace = batch.trace();
        trace.scope(self.settle_traced(batch, uncertain)).await;
    }

    async fn settle_traced(&self, mut batch: Batch<B>, mut uncertain: bool) {
        let mut pause = Duration::from_millis(2);
        loop {
            let error = match self.attempt(&mut batch, uncertain).await {
                Ok(None) => return,
                Ok(Some((outcomes, token))) => {
                    self.book.committed();
                    batch.answer(outcomes, &token);
                    return;
                }
                Err(Failed::Unknown(error)) => {
                    uncertain = true;
                    metrics::counter!("lane_unknown_commits_total", "lane" => B::NAME).increment(1);
                    tracing::warn!(%error, "the answer to a commit was lost; finding out");
                    error
                }
                Err(Failed::Before(error)) if error.is_retryable() => error,
                Err(Failed::Before(error)) => {
                    let Some(rest) = batch.split() else {
                        tracing::error!(error = %Sources(&error), "a command could not be handled");
                        batch.fail(LaneError::Fault);
                        return;
                    };
                    Box::pin(self.settle(batch, uncertain)).await;
                    Box::pin(self.settle(rest, uncertain)).await;
                    return;
                }
            };
            metrics::counter!("lane_retries_total", "lane" => B::NAME).increment(1);
            tracing::debug!(error = %Sources(&error), "the batch will run again");
            if !uncertain {
                batch.give_up_expired(LaneError::Unavailable);
                if batch.len() == 0 {
                    return;
                }
            }
            let jitter = rand::rng().random_range(0..=2);
            tokio::time::sleep(pause + Duration::from_millis(jitter)).await;
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }

    /// One attempt. `None` when everybody's deadline passed before it had a transaction: nothing was done then, and
    /// everybody knows.
    async fn attempt(
        &self,
        batch: &mut Batch<B>,
        uncertain: bool,
    ) -> Result<Option<(Vec<B::Outcome>, ReadToken)>, Failed> {
        let mut tx = self.pool.begin().await.map_err(Failed::Before)?;
        if !uncertain {
            batch.give_up_expired(LaneError::DeadlinePassed);
        }
        let commands = batch.commands();
        if commands.is_empty() {
            tx.rollback().await;
            return Ok(None);
        }
        match self.book.post(&mut tx, commands).await {
            Ok(outcomes) if outcomes.len() == commands.len() => {
                let token = tx.commit().await.map_err(|CommitError::Unknown(e)| Failed::Unknown(e));
                token.map(|token| Some((outcomes, token)))
            }
            Ok(_) => {
                tx.rollback().await;
                Err(Failed::Before(db::Error::Inconsistent("outcomes do not match".into())))
            }
            Err(error) => {
                tx.rollback().await;
                Err(Failed::Before(error))
            }
        }
    }
}
