//! Book the outbox batches of a source.
//!
//! Round trips: 5 for any number of batches — lock the dates, enter the inbox, journals, lines, balances — and one more
//! where a batch was refused or delivered before.
//! Locks: the dates' rows, FOR SHARE, so that a date cannot close meanwhile; then the balances it adds to, in key order.
//! Replay: a batch that is in the inbox is answered as already booked and changes nothing; the same number with other
//! events is refused. A refused batch is not recorded: once its reason is gone, delivering it again books it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kernel::{BusinessDate, Clock};
use platform::db::{Error, WriteTx};
use platform::lanes::Book;
use platform::telemetry::SpanLink;

use crate::domain::{
    BalancedJournal, Batch, BatchRefusal, DayStatus, Rejection, Rulebook, Turnovers,
};
use crate::store::write::{self, BatchKey, Booking};

/// One batch of one source, to be booked.
#[derive(Debug, Clone)]
pub struct PostBatch {
    /// Who reports it.
    pub source: Arc<str>,
    /// What it reports.
    pub batch: Batch,
    /// The trace of the transaction that it comes from.
    pub trace: SpanLink,
}

impl PostBatch {
    fn key(&self) -> BatchKey {
        (self.source.to_string(), self.batch.number)
    }
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchOutcome {
    /// It is in the books since now.
    Booked,
    /// It was in the books before; nothing changed.
    AlreadyBooked,
    /// It is not in the books.
    Refused(BatchRefusal),
}

/// A batch that is in the books.
struct InBooks {
    fingerprint: i64,
    /// Since this tx, and nobody has been told yet.
    fresh: bool,
}

/// The journals and the balances.
pub struct PostingBook {
    rulebook: Arc<Rulebook>,
    clock: Arc<dyn Clock>,
}

impl PostingBook {
    /// Books by these rules.
    pub fn new(rulebook: Arc<Rulebook>, clock: Arc<dyn Clock>) -> Self {
        Self { rulebook, clock }
    }

    /// What the batch would book, or why nothing.
    fn decide(
        &self,
        batch: &Batch,
        days: &BTreeMap<BusinessDate, DayStatus>,
    ) -> Result<Vec<BalancedJournal>, BatchRefusal> {
        let date = batch.business_date;
        if days.get(&date).is_some_and(|status| status.takes_postings()) {
            self.rulebook.journals(batch)
        } else {
            let detail = format!("business date {date} takes no postings");
            Err(BatchRefusal::of_batch(Rejection::BusinessDateClosed, detail))
        }
    }

    async fn save(&self, tx: &mut WriteTx, bookings: &[Booking<'_>]) -> Result<(), Error> {
        if bookings.is_empty() {
            return Ok(());
        }
        let mut turnovers = Turnovers::default();
        for journal in bookings.iter().flat_map(|booking| &booking.journals) {
            // The lane then halves the batch, until what cannot be added up stands alone.
            let too_much = || Error::Inconsistent("turnover is more than can be kept".to_owned());
            turnovers.add(journal).ok_or_else(too_much)?;
        }
        write::save_journals(tx.conn(), bookings).await?;
        write::save_lines(tx.conn(), bookings).await?;
        write::add_turnovers(tx.conn(), &turnovers).await
    }
}

impl Book for PostingBook {
    type Command = PostBatch;
    type Outcome = BatchOutcome;
    const NAME: &'static str = "posting";

    fn lane_key(command: &PostBatch) -> u64 {
        command.batch.number.unsigned_abs()
    }

    async fn post(
        &self,
        tx: &mut WriteTx,
        commands: &[PostBatch],
    ) -> Result<Vec<BatchOutcome>, Error> {
        // Each batch that is traced gets a span in its own trace, open until all of them are booked.
        let _spans: Vec<_> = commands.iter().map(span).collect();
        // A batch may be delivered twice in one tx; the first stands for both.
        let mut batches: BTreeMap<BatchKey, &PostBatch> = BTreeMap::new();
        for command in commands {
            batches.entry(command.key()).or_insert(command);
        }

        let dates: BTreeSet<_> = batches.values().map(|c| c.batch.business_date).collect();
        let dates: Vec<BusinessDate> = dates.into_iter().collect();
        let days = write::lock_dates(tx.conn(), &dates).await?;
        let mut bookings = Vec::with_capacity(batches.len());
        let mut refused = BTreeMap::new();
        for (key, command) in &batches {
            let (source, batch) = (&*command.source, &command.batch);
            match self.decide(batch, &days) {
                Ok(journals) => bookings.push(Booking { source, batch, journals }),
                Err(refusal) => drop(refused.insert(key, refusal)),
            }
        }

        let entered = write::receive(tx.conn(), &bookings, self.clock.now()).await?;
        bookings.retain(|b| entered.contains(&(b.source.to_owned(), b.batch.number)));
        self.save(tx, &bookings).await?;

        let others: Vec<(&str, &Batch)> = batches
            .iter()
            .filter(|(key, _)| !entered.contains(*key))
            .map(|(_, command)| (&*command.source, &command.batch))
            .collect();
        let received = write::find_received(tx.conn(), &others).await?;
        let before = received.into_iter().map(|(key, fingerprint)| (key, fingerprint, false));
        let now = bookings
            .iter()
            .map(|b| ((b.source.to_owned(), b.batch.number), b.batch.fingerprint, true));
        let mut in_books: BTreeMap<BatchKey, InBooks> = before
            .chain(now)
            .map(|(key, fingerprint, fresh)| (key, InBooks { fingerprint, fresh }))
            .collect();
        Ok(commands
            .iter()
            .map(|command| {
                let key = command.key();
                outcome(command, in_books.get_mut(&key), refused.get(&key))
            })
            .collect())
    }
}

fn outcome(
    command: &PostBatch,
    in_books: Option<&mut InBooks>,
    refused: Option<&BatchRefusal>,
) -> BatchOutcome {
    let refuse =
        |rejection, detail: &str| BatchOutcome::Refused(BatchRefusal::of_batch(rejection, detail));
    match (in_books, refused) {
        (Some(known), _) if known.fingerprint != command.batch.fingerprint => {
            let detail = "a batch with other events is in the books under its number";
            refuse(Rejection::BatchNumberReused, detail)
        }
        (Some(known), _) => {
            if std::mem::take(&mut known.fresh) {
                BatchOutcome::Booked
            } else {
                BatchOutcome::AlreadyBooked
            }
        }
        (None, Some(refusal)) => BatchOutcome::Refused(refusal.clone()),
        // It was in the inbox a moment ago: the day has been detached meanwhile.
        (None, None) => {
            let detail = "the business date is no longer in the books";
            refuse(Rejection::BusinessDateClosed, detail)
        }
    }
}

fn span(command: &PostBatch) -> tracing::Span {
    command.trace.part(|| {
        tracing::info_span!(
            "accounting.book",
            source = &*command.source,
            batch_number = command.batch.number,
            events = command.batch.events.len(),
        )
    })
}
