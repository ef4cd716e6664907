//! Propose and decide a change of what identifies a customer.
//!
//! Round trips: begin, probe, lock, proposal or decision, change, request, audit log, commit; a refusal is written down in
//! a transaction of its own. Locks: the proposal, then the customer, last the head of the audit log. Replay: the first
//! outcome, refusals included; `requests.request_id` is unique. A proposal's id is that of its request. Not through the
//! lanes: a few a day, and each decides alone. The work runs in a task of its own, so that a caller who goes away cannot
//! stop it half-way.

use chrono::TimeDelta;
use kernel::{CustomerId, RequestId};
use platform::approvals::{self, Decision, Proposal, Verdict};
use platform::audit;
use platform::db::{self, CommitError, WritePool, WriteTx};
use platform::protection::{self, data_keys};
use tracing::Instrument;
use uuid::Uuid;

use super::Context;
use crate::domain::{Fingerprint, NewDetails, Reason, Rejection, Request, may_change};
use crate::store::change_requests::{self, ChangeRefusal, Decided};
use crate::store::changes::{self, PENDING, StoredChange};
use crate::store::{self, Keys};

/// How long a change can be approved.
const LIFE: TimeDelta = TimeDelta::days(7);
/// How often work begins anew because another request was in the way: the same one, or one for the same document.
const ATTEMPTS_MAX: usize = 5;

/// A change to propose, well-formed.
#[derive(Debug, Clone)]
pub struct WantedChange {
    /// Chosen by the caller; becomes the change's id.
    pub request_id: RequestId,
    /// Whom to change.
    pub customer_id: CustomerId,
    /// What is to be different.
    pub new: NewDetails,
    /// Why.
    pub reason: Reason,
}

/// A decision, well-formed.
#[derive(Debug, Clone)]
pub struct WantedDecision {
    /// Chosen by the caller.
    pub request_id: RequestId,
    /// Which change.
    pub change_id: Uuid,
    /// The hash of what the checker was shown.
    pub payload_hash: Vec<u8>,
    /// How.
    pub verdict: Verdict,
}

/// A change with its details, for an answer.
#[derive(Debug)]
pub struct Change {
    /// As it is stored.
    pub stored: StoredChange,
    /// What is to be different. Nothing, where the key that sealed it has been destroyed since.
    pub new: NewDetails,
}

/// Why nothing was proposed or decided.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The bank says no.
    #[error("refused")]
    Refused(ChangeRefusal),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The answer to the commit was lost: asked again, it is found out.
    #[error("the outcome is not known")]
    Unknown(#[source] db::Error),
    /// Ours.
    #[error("the work was not finished")]
    Fault,
}

impl From<db::Error> for ChangeError {
    fn from(error: db::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<Rejection> for ChangeError {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection.into())
    }
}

impl ChangeError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(store::Error::Database(db::Error::Conflict(_))))
    }
}

/// Proposes a change.
pub async fn propose(
    ctx: &Context,
    maker: &str,
    wanted: WantedChange,
) -> Result<Change, ChangeError> {
    let fingerprint = fingerprint_of_change(&ctx.keys, maker, &wanted);
    let request = request(ctx, maker, wanted.request_id, fingerprint);
    settle(ctx, Asked { request, wanted: Wanted::Change(wanted) }).await
}

/// Decides a change, and does it if it is approved.
pub async fn decide(
    ctx: &Context,
    checker: &str,
    wanted: WantedDecision,
) -> Result<Change, ChangeError> {
    let fingerprint = fingerprint_of_decision(&ctx.keys, checker, &wanted);
    let request = request(ctx, checker, wanted.request_id, fingerprint);
    settle(ctx, Asked { request, wanted: Wanted::Decision(wanted) }).await
}

fn request(ctx: &Context, caller: &str, id: RequestId, fingerprint: Fingerprint) -> Request {
    Request { id, fingerprint, caller: caller.to_owned(), asked_at: ctx.clock.now() }
}

async fn settle(ctx: &Context, asked: Asked) -> Result<Change, ChangeError> {
    let (pool, keys) = (ctx.writes.clone(), ctx.keys.clone());
    let work = async move {
        let mut attempt = 1;
        loop {
            let settled = asked.settle(&pool, &keys).await;
            let again = settled.as_ref().is_err_and(ChangeError::is_conflict);
            if !again || attempt == ATTEMPTS_MAX {
                return settled;
            }
            attempt += 1;
        }
    };
    tokio::spawn(work.in_current_span()).await.unwrap_or(Err(ChangeError::Fault))
}

/// A request about a change.
struct Asked {
    request: Request,
    wanted: Wanted,
}

enum Wanted {
    Change(WantedChange),
    Decision(WantedDecision),
}

/// What was done, and how the audit log calls it.
struct Done {
    customer: CustomerId,
    action: &'static str,
    new: NewDetails,
}

impl Asked {
    const fn kind(&self) -> &'static str {
        match self.wanted {
            Wanted::Change(_) => change_requests::PROPOSE,
            Wanted::Decision(_) => change_requests::DECIDE,
        }
    }

    const fn change_id(&self) -> Uuid {
        match &self.wanted {
            Wanted::Change(wanted) => wanted.request_id.as_uuid(),
            Wanted::Decision(wanted) => wanted.change_id,
        }
    }

    const fn named_customer(&self) -> Option<CustomerId> {
        match &self.wanted {
            Wanted::Change(wanted) => Some(wanted.customer_id),
            Wanted::Decision(_) => None,
        }
    }

    /// Once: the first outcome, or one that is in the books now.
    async fn settle(&self, pool: &WritePool, keys: &Keys) -> Result<Change, ChangeError> {
        let mut tx = pool.begin().await?;
        if let Some(first) = change_requests::find(&mut tx, self.request.id).await? {
            let answer = self.again(&mut tx, keys, first).await;
            tx.rollback().await;
            return answer;
        }
        match self.run(&mut tx, keys).await {
            Ok(change) => {
                commit(tx).await?;
                Ok(change)
            }
            Err(ChangeError::Refused(why)) => {
                // Whatever was done until then is not, and that it was refused is written down.
                tx.rollback().await;
                let mut tx = pool.begin().await?;
                let customer = self.named_customer();
                let (kind, request) = (self.kind(), &self.request);
                change_requests::record(&mut tx, kind, request, customer, Err(why)).await?;
                commit(tx).await?;
                Err(ChangeError::Refused(why))
            }
            Err(error) => {
                tx.rollback().await;
                Err(error)
            }
        }
    }

    async fn run(&self, tx: &mut WriteTx, keys: &Keys) -> Result<Change, ChangeError> {
        let done = match &self.wanted {
            Wanted::Change(wanted) => self.propose(tx, keys, wanted).await?,
            Wanted::Decision(wanted) => self.decide(tx, keys, wanted).await?,
        };
        let (id, customer) = (self.change_id(), done.customer);
        let stored = changes::find(tx.conn(), id).await?.ok_or(ChangeError::Fault)?;
        let (kind, request) = (self.kind(), &self.request);
        change_requests::record(tx, kind, request, Some(customer), Ok(())).await?;
        let event = audit::Event {
            actor: &request.caller,
            action: done.action,
            subject: &customer.to_string(),
            details: &format!("change {id}"),
        };
        audit::append(tx, &[event], request.asked_at).await?;
        Ok(Change { stored, new: done.new })
    }

    async fn again(
        &self,
        tx: &mut WriteTx,
        keys: &Keys,
        first: Decided,
    ) -> Result<Change, ChangeError> {
        if first.fingerprint != self.request.fingerprint {
            return Err(Rejection::RequestIdReused.into());
        }
        first.result.map_err(ChangeError::Refused)?;
        self.done_before(tx, keys).await
    }

    /// What this request did when it was sent before, as it was answered then.
    async fn done_before(&self, tx: &mut WriteTx, keys: &Keys) -> Result<Change, ChangeError> {
        let id = self.change_id();
        let stored = changes::find(tx.conn(), id).await?.ok_or(ChangeError::Fault)?;
        Ok(match &self.wanted {
            Wanted::Change(wanted) => {
                let stored = StoredChange { state: PENDING.to_owned(), checker: None, ..stored };
                Change { stored, new: wanted.new.clone() }
            }
            Wanted::Decision(_) => {
                let new = match keys.open_change(id, &stored.payload) {
                    // Sealed with a key that has been destroyed since.
                    Err(store::Error::Protection(protection::Error::UnknownKey)) => {
                        NewDetails { name: None, document: None, phone: None }
                    }
                    opened => opened?,
                };
                Change { stored, new }
            }
        })
    }

    async fn propose(
        &self,
        tx: &mut WriteTx,
        keys: &Keys,
        wanted: &WantedChange,
    ) -> Result<Done, ChangeError> {
        open_customer(tx, wanted.customer_id).await?;
        let id = self.change_id();
        let payload = keys.seal_change(id, &wanted.new)?;
        data_keys::hold(tx, std::iter::once(payload.as_slice())).await?;
        let proposal = Proposal {
            approval_id: id,
            kind: changes::KIND,
            subject: &wanted.customer_id.to_string(),
            payload: &payload,
            maker: &self.request.caller,
            reason: wanted.reason.as_str(),
            at: self.request.asked_at,
            expires_at: self.request.asked_at + LIFE,
        };
        approvals::propose(tx, &proposal).await?;
        let (customer, new) = (wanted.customer_id, wanted.new.clone());
        Ok(Done { customer, action: "PROPOSE_CUSTOMER_CHANGE", new })
    }

    async fn decide(
        &self,
        tx: &mut WriteTx,
        keys: &Keys,
        wanted: &WantedDecision,
    ) -> Result<Done, ChangeError> {
        let id = wanted.change_id;
        let decision = Decision {
            approval_id: id,
            kind: changes::KIND,
            checker: &self.request.caller,
            payload_hash: &wanted.payload_hash,
            verdict: wanted.verdict,
            at: self.request.asked_at,
        };
        let decided = approvals::decide(tx, &decision).await?;
        let decided = decided.map_err(|why| ChangeError::Refused(ChangeRefusal::Proposal(why)))?;
        let new = keys.open_change(id, &decided.payload)?;
        let customer = CustomerId::parse(&decided.subject).map_err(|_| ChangeError::Fault)?;
        if wanted.verdict == Verdict::Reject {
            return Ok(Done { customer, action: "REJECT_CUSTOMER_CHANGE", new });
        }
        open_customer(tx, customer).await?;
        if let Some((kind, number)) = &new.document {
            let hash = keys.document_hash(*kind, number);
            if changes::is_taken(tx, hash, customer).await? {
                return Err(Rejection::DocumentAlreadyRegistered.into());
            }
        }
        changes::change(tx, keys, customer, &new).await?;
        Ok(Done { customer, action: "APPROVE_CUSTOMER_CHANGE", new })
    }
}

async fn open_customer(tx: &mut WriteTx, id: CustomerId) -> Result<(), ChangeError> {
    let status = changes::lock_customer(tx, id).await?.ok_or(Rejection::CustomerUnknown)?;
    Ok(may_change(status)?)
}

async fn commit(tx: WriteTx) -> Result<(), ChangeError> {
    let committed = tx.commit().await;
    committed.map(drop).map_err(|CommitError::Unknown(error)| ChangeError::Unknown(error))
}

/// Keyed, since it is stored and the details could be guessed. The maker is part of it: two people who propose the same
/// under one id propose two things.
fn fingerprint_of_change(keys: &Keys, maker: &str, wanted: &WantedChange) -> Fingerprint {
    let NewDetails { name, document, phone } = &wanted.new;
    let (kind, number) =
        document.as_ref().map_or(("", ""), |(kind, number)| (kind.as_str(), number.clear()));
    keys.fingerprint(&[
        b"PROPOSE_CHANGE",
        maker.as_bytes(),
        wanted.customer_id.as_uuid().as_bytes(),
        name.as_ref().map_or("", |name| name.clear()).as_bytes(),
        kind.as_bytes(),
        number.as_bytes(),
        phone.as_ref().map_or("", |phone| phone.clear()).as_bytes(),
        wanted.reason.as_str().as_bytes(),
    ])
}

fn fingerprint_of_decision(keys: &Keys, checker: &str, wanted: &WantedDecision) -> Fingerprint {
    let verdict: &[u8] = match wanted.verdict {
        Verdict::Approve => b"APPROVE",
        Verdict::Reject => b"REJECT",
    };
    keys.fingerprint(&[
        b"DECIDE_CHANGE",
        checker.as_bytes(),
        wanted.change_id.as_bytes(),
        &wanted.payload_hash,
        verdict,
    ])
}
