//! Find cards by their numbers, for many requests at once.
//!
//! One task takes every request that is waiting and asks the books once for all of them; meanwhile the next ones gather. It is
//! no lane, as nothing is written: what is found is checked again under the card's lock when the request is decided.
//!
//! Round trips, whatever the number of requests: business date and cards; their use. Locks: none.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use kernel::BusinessDate;
use platform::config::LaneConfig;
use platform::db::{self, Freshness, ReadPool};
use platform::lanes::LaneError;
use platform::{Sources, deadline};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::Context;
use crate::domain::{HeldCard, Products};
use crate::store::lookup;

/// How long a request without a deadline waits for the books.
const PATIENCE: Duration = Duration::from_secs(10);
/// Requests that are answered in one go.
const AT_ONCE: usize = 1_000;

/// A digest of a number.
pub type Digest = Vec<u8>;
type Found = (NaiveDate, Option<HeldCard>);

/// Where cards are looked up. Clones share it; what answers them ends with the last.
#[derive(Clone)]
pub struct Lookups {
    queue: mpsc::Sender<Asked>,
}

struct Asked {
    digest: Digest,
    until: Instant,
    reply: oneshot::Sender<Result<Found, LaneError>>,
}

struct Answering {
    waiting: mpsc::Receiver<Asked>,
    reads: ReadPool,
    products: Arc<Products>,
}

impl Lookups {
    /// Begins to look up cards that are made from these products. At most so many requests wait as in a lane.
    pub fn start(reads: ReadPool, products: &Arc<Products>, config: &LaneConfig) -> Self {
        let (queue, waiting) = mpsc::channel(config.queue_max.max(1));
        let products = Arc::clone(products);
        tokio::spawn(Answering { waiting, reads, products }.run());
        Self { queue }
    }

    async fn ask(&self, digest: Digest) -> Result<Found, LaneError> {
        let until = deadline::current().map_or(Instant::now() + PATIENCE, Instant::from_std);
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(Asked { digest, until, reply }).map_err(|full| match full {
            mpsc::error::TrySendError::Full(_) => LaneError::QueueFull,
            mpsc::error::TrySendError::Closed(_) => LaneError::Unavailable,
        })?;
        answer.await.unwrap_or(Err(LaneError::Unavailable))
    }
}

impl Answering {
    /// Answers until nobody can ask any more.
    async fn run(mut self) {
        let mut gathered = Vec::new();
        while self.waiting.recv_many(&mut gathered, AT_ONCE).await > 0 {
            self.answer(std::mem::take(&mut gathered)).await;
        }
    }

    /// Asks until the books answer or nobody waits any more.
    async fn answer(&self, mut asked: Vec<Asked>) {
        let mut pause = Duration::from_millis(2);
        loop {
            let now = Instant::now();
            for late in asked.extract_if(.., |one| one.until <= now) {
                late.reply.send(Err(LaneError::DeadlinePassed)).ok();
            }
            if asked.is_empty() {
                return;
            }
            match self.find(&asked).await {
                Ok((today, found)) => {
                    for one in asked {
                        let card = found.get(&one.digest).cloned();
                        one.reply.send(Ok((today.as_date(), card))).ok();
                    }
                    return;
                }
                Err(error) if error.is_retryable() => {
                    tracing::debug!(error = %Sources(&error), "cards will be looked up again");
                }
                Err(error) => {
                    tracing::error!(error = %Sources(&error), "cards could not be looked up");
                    for one in asked {
                        one.reply.send(Err(LaneError::Fault)).ok();
                    }
                    return;
                }
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(Duration::from_millis(200));
        }
    }

    async fn find(
        &self,
        asked: &[Asked],
    ) -> Result<(BusinessDate, HashMap<Digest, HeldCard>), db::Error> {
        let mut reader = self.reads.reader(Freshness::Primary).await?;
        let digests = asked.iter().map(|one| one.digest.clone()).collect();
        lookup::by_digest(reader.conn(), digests, &self.products).await
    }
}

/// The business date, and the card with this digest.
///
/// # Errors
/// The books do not answer in time.
pub async fn look_up(ctx: &Context, digest: Digest) -> Result<Found, LaneError> {
    ctx.lookups.ask(digest).await
}
