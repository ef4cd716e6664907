//! The writes that go by themselves, not through the lanes: files, reports, and what a person decides about them. A few a
//! day, some of them large.
//!
//! Round trips: begin, gate, probe, those of the write, outcome, commit; a refusal undoes whatever was done and is written
//! down in a tx of its own. Replay: the first outcome, refusals included. The work runs in a task of its own, so that a
//! caller who goes away cannot stop it half-way.

use std::sync::Arc;

use kernel::{CardId, RequestId};
use platform::audit;
use platform::db::{self, CommitError, ReadToken, WriteTx};
use tracing::Instrument;
use uuid::Uuid;

use super::clearing::{CloseFile, ResolveException, SubmitPart};
use super::settlement::{ResolveBreak, SubmitReport};
use super::{CommandError, Context, Done};
use crate::domain::{Books, Decision, Outcome, OutcomeKind, Rejection};
use crate::events;
use crate::signals::Tally;
use crate::store::{save, write};

/// How often work begins anew because another request was in the way.
const ATTEMPTS_MAX: usize = 5;

/// A request, well-formed and not yet decided.
#[derive(Debug, Clone)]
pub struct AloneRequest {
    /// Chosen by the caller; the same id always gets the same answer.
    pub request_id: RequestId,
    /// Stands for the content: the same id with another fingerprint is refused.
    pub fingerprint: i64,
    /// Who asks, for the audit log.
    pub caller: Arc<str>,
    /// What is asked.
    pub wanted: Wanted,
}

/// What can be asked.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each variant is the type of the same name")]
pub enum Wanted {
    SubmitPart(SubmitPart),
    CloseFile(CloseFile),
    ResolveException(ResolveException),
    SubmitReport(SubmitReport),
    ResolveBreak(ResolveBreak),
}

/// What was done, for the outcome and the audit log.
#[derive(Debug, Default)]
pub(super) struct Acted {
    pub(super) card_id: Option<CardId>,
    pub(super) subject_id: Option<Uuid>,
    /// Subject and details; `None` where nothing is to be remembered.
    pub(super) audited: Option<(String, String)>,
}

/// Decides on a request, unless it was decided before.
///
/// # Errors
/// It has no outcome. A refusal is one.
pub async fn run_alone(ctx: &Context, request: AloneRequest) -> Result<Done, CommandError> {
    let ctx = ctx.clone();
    let work = async move {
        let mut attempt = 1;
        loop {
            let settled = settle(&ctx, &request).await;
            let again =
                matches!(&settled, Err(CommandError::Database(error)) if error.is_retryable());
            if !again || attempt == ATTEMPTS_MAX {
                return settled;
            }
            attempt += 1;
        }
    };
    tokio::spawn(work.in_current_span()).await.unwrap_or(Err(CommandError::Fault))
}

async fn settle(ctx: &Context, by: &AloneRequest) -> Result<Done, CommandError> {
    let mut tx = ctx.writes.begin().await?;
    let decided = by.decide(ctx, &mut tx).await;
    match decided {
        Ok(Ok(outcome)) => {
            let token = commit(tx).await?;
            ctx.woken.notify_one();
            Ok(Done { outcome, token })
        }
        Ok(Err(why)) => {
            // Whatever was done until then is not, and that it was refused is written down.
            tx.rollback().await;
            refuse(ctx, by, why).await
        }
        Err(error) => {
            tx.rollback().await;
            Err(error.into())
        }
    }
}

async fn refuse(ctx: &Context, by: &AloneRequest, why: Rejection) -> Result<Done, CommandError> {
    let mut tx = ctx.writes.begin().await?;
    match by.refuse(ctx, &mut tx, why).await {
        Ok(outcome) => {
            let token = commit(tx).await?;
            Ok(Done { outcome, token })
        }
        Err(error) => {
            tx.rollback().await;
            Err(error.into())
        }
    }
}

async fn commit(tx: WriteTx) -> Result<ReadToken, CommandError> {
    tx.commit().await.map_err(|CommitError::Unknown(error)| CommandError::Unknown(error))
}

impl AloneRequest {
    const fn kind(&self) -> OutcomeKind {
        match self.wanted {
            Wanted::SubmitPart(_) => OutcomeKind::SubmitPart,
            Wanted::CloseFile(_) => OutcomeKind::CloseFile,
            Wanted::ResolveException(_) => OutcomeKind::ResolveException,
            Wanted::SubmitReport(_) => OutcomeKind::SubmitReport,
            Wanted::ResolveBreak(_) => OutcomeKind::ResolveBreak,
        }
    }

    /// The first outcome, or what is done now.
    async fn decide(
        &self,
        ctx: &Context,
        tx: &mut WriteTx,
    ) -> Result<Result<Outcome, Rejection>, db::Error> {
        let mut books = self.load(ctx, tx).await?;
        if let Some(first) = self.replayed(&books) {
            return Ok(Ok(first));
        }
        let acted = match &self.wanted {
            Wanted::SubmitPart(c) => c.act(ctx, tx, &books).await?,
            Wanted::CloseFile(c) => c.act(tx).await?,
            Wanted::ResolveException(c) => c.act(ctx, tx, &mut books).await?,
            Wanted::SubmitReport(c) => c.act(ctx, tx, &mut books).await?,
            Wanted::ResolveBreak(c) => c.act(ctx, tx, &mut books).await?,
        };
        let acted = match acted {
            Ok(acted) => acted,
            Err(why) => return Ok(Err(why)),
        };
        let outcome = self.record(Decision::Done, &acted, &mut books);
        let now = books.now();
        save_books(ctx, tx, books).await?;
        if let Some((subject, details)) = &acted.audited {
            let (actor, action) = (&*self.caller, self.kind().code());
            audit::append(tx, &[audit::Event { actor, action, subject, details }], now).await?;
        }
        Ok(Ok(outcome))
    }

    /// The first outcome, or the refusal, written down.
    async fn refuse(
        &self,
        ctx: &Context,
        tx: &mut WriteTx,
        why: Rejection,
    ) -> Result<Outcome, db::Error> {
        let mut books = self.load(ctx, tx).await?;
        if let Some(first) = self.replayed(&books) {
            return Ok(first);
        }
        if let Wanted::CloseFile(close) = &self.wanted {
            close.refused(tx, why).await?;
        }
        let outcome = self.record(Decision::Refused(why), &Acted::default(), &mut books);
        save_books(ctx, tx, books).await?;
        Ok(outcome)
    }

    async fn load(&self, ctx: &Context, tx: &mut WriteTx) -> Result<Books, db::Error> {
        write::enter_business_day(tx.conn()).await?;
        let requests = vec![self.request_id.as_uuid()];
        let (business_date, decided) = write::find_decided(tx.conn(), requests).await?;
        let mut books = Books::new(business_date, ctx.clock.now());
        for outcome in decided {
            books.load_outcome(outcome);
        }
        Ok(books)
    }

    fn replayed(&self, books: &Books) -> Option<Outcome> {
        let mut outcome = books.decided(self.request_id)?.clone();
        if outcome.fingerprint != self.fingerprint {
            outcome.decision = Decision::Refused(Rejection::RequestIdReused);
        }
        Some(outcome)
    }

    fn record(&self, decision: Decision, acted: &Acted, books: &mut Books) -> Outcome {
        let outcome = Outcome {
            request_id: self.request_id,
            fingerprint: self.fingerprint,
            kind: self.kind(),
            decision,
            card_id: acted.card_id,
            subject_id: acted.subject_id,
            business_date: books.business_date(),
            decided_at: books.now(),
        };
        books.decide(outcome.clone());
        outcome
    }
}

async fn save_books(ctx: &Context, tx: &mut WriteTx, books: Books) -> Result<(), db::Error> {
    let (business_date, now) = (books.business_date(), books.now());
    let changes = books.into_changes();
    let told = events::of(&changes.bookings, ctx.clock.as_ref());
    let payload = events::encode(business_date, now, &told);
    save::save(tx.conn(), &changes).await?;
    save::tell(tx.conn(), &told, (business_date, now), payload).await?;
    let mut tally = Tally::default();
    for outcome in &changes.outcomes {
        match outcome.decision {
            Decision::Done => tally.done(outcome.kind.code()),
            Decision::Refused(why) => tally.refused(outcome.kind.code(), why.code()),
        }
    }
    tx.after_commit(|| tally.count());
    Ok(())
}
