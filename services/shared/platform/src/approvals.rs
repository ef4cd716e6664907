//! Four eyes: one person proposes, another decides, and only what was proposed is done.
//!
//! A proposal is bound to the SHA-256 of its content. Whoever decides names that hash, so nobody approves something else
//! than was shown. Maker and checker are the identities of certificates and must differ. A decision is made once; the
//! row of the proposal is locked for it, so of two who decide at once the second finds it decided. What a decision
//! leads to is done by the caller in the same transaction.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};
use sqlx::Row;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::db::{self, Freshness, ReadPool, WriteTx};

/// Something that another person must agree to.
#[derive(Debug, Clone, Copy)]
pub struct Proposal<'a> {
    /// Names it from now on.
    pub approval_id: Uuid,
    /// What is to be done, such as `CHANGE_CUSTOMER`.
    pub kind: &'a str,
    /// To what.
    pub subject: &'a str,
    /// What exactly, as bytes of the service's own.
    pub payload: &'a [u8],
    /// Who proposes.
    pub maker: &'a str,
    /// Why.
    pub reason: &'a str,
    /// When.
    pub at: DateTime<Utc>,
    /// From then on nobody can approve it any more; after `at`.
    pub expires_at: DateTime<Utc>,
}

/// What the checker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Do it.
    Approve,
    /// Do not.
    Reject,
}

/// A proposal that has been decided just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// What was to be done.
    pub kind: String,
    /// To what.
    pub subject: String,
    /// What exactly.
    pub payload: Vec<u8>,
    /// Who proposed it.
    pub maker: String,
    /// Why.
    pub reason: String,
}

/// Why a decision was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such proposal of this kind.
    Unknown,
    /// Somebody has decided before.
    AlreadyDecided,
    /// It is too late to approve it; rejecting is never too late.
    Expired,
    /// Who proposed cannot decide.
    SamePerson,
    /// The hash is not that of what was proposed.
    PayloadChanged,
}

/// How often [`watch`] looks.
const WATCH_EVERY: Duration = Duration::from_secs(5);

/// What a payload is recognised by.
pub fn payload_hash(payload: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(digest(&SHA256, payload).as_ref()) {
        *to = *from;
    }
    hash
}

const PROPOSE: &str = "
INSERT INTO approvals (approval_id, kind, subject, payload, payload_hash, maker, reason, proposed_at, expires_at, state)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'PENDING')";

const LOCK: &str = "
SELECT kind, subject, payload, payload_hash, maker, reason, expires_at, state
FROM approvals
WHERE approval_id = $1 AND kind = $2
FOR NO KEY UPDATE";

const DECIDE: &str = "
UPDATE approvals
SET state = $2, checker = $3, decided_at = $4
WHERE approval_id = $1";

const COUNT_PENDING: &str =
    "SELECT count(*) FROM approvals WHERE state = 'PENDING' AND expires_at > clock_timestamp()";

/// Writes down a proposal. Whoever calls makes the id unique, by deriving it from the request id or by looking first.
///
/// # Errors
/// The database cannot be reached, or the id is there already ([`db::Error::Conflict`]).
pub async fn propose(tx: &mut WriteTx, proposal: &Proposal<'_>) -> Result<(), db::Error> {
    sqlx::query(PROPOSE)
        .bind(proposal.approval_id)
        .bind(proposal.kind)
        .bind(proposal.subject)
        .bind(proposal.payload)
        .bind(payload_hash(proposal.payload).as_slice())
        .bind(proposal.maker)
        .bind(proposal.reason)
        .bind(proposal.at)
        .bind(proposal.expires_at)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Who decides what, and when.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    /// Which proposal.
    pub approval_id: Uuid,
    /// Of which kind: nobody decides another kind by its id.
    pub kind: &'a str,
    /// Who decides.
    pub checker: &'a str,
    /// The hash of what the checker has seen.
    pub payload_hash: &'a [u8],
    /// How.
    pub verdict: Verdict,
    /// When.
    pub at: DateTime<Utc>,
}

/// Decides. The effect of an approval belongs into the same transaction.
///
/// # Errors
/// The database cannot be reached. That the decision is refused is no error.
pub async fn decide(
    tx: &mut WriteTx,
    decision: &Decision<'_>,
) -> Result<Result<Decided, Refusal>, db::Error> {
    let row = sqlx::query(LOCK).bind(decision.approval_id).bind(decision.kind);
    let Some(row) = row.fetch_optional(tx.conn()).await? else {
        return Ok(Err(Refusal::Unknown));
    };
    let expires_at: DateTime<Utc> = row.try_get("expires_at")?;
    let known: Vec<u8> = row.try_get("payload_hash")?;
    let decided = Decided {
        kind: row.try_get("kind")?,
        subject: row.try_get("subject")?,
        payload: row.try_get("payload")?,
        maker: row.try_get("maker")?,
        reason: row.try_get("reason")?,
    };
    let state: String = row.try_get("state")?;
    let too_late = decision.verdict == Verdict::Approve && expires_at <= decision.at;
    let refusal = if state != "PENDING" {
        Some(Refusal::AlreadyDecided)
    } else if decided.maker == decision.checker {
        Some(Refusal::SamePerson)
    } else if known != decision.payload_hash || known != payload_hash(&decided.payload) {
        Some(Refusal::PayloadChanged)
    } else {
        too_late.then_some(Refusal::Expired)
    };
    if let Some(refusal) = refusal {
        return Ok(Err(refusal));
    }
    let state = match decision.verdict {
        Verdict::Approve => "APPROVED",
        Verdict::Reject => "REJECTED",
    };
    sqlx::query(DECIDE)
        .bind(decision.approval_id)
        .bind(state)
        .bind(decision.checker)
        .bind(decision.at)
        .execute(tx.conn())
        .await?;
    Ok(Ok(decided))
}

/// Shows how many proposals wait for somebody to decide, until `stop`. One that has expired waits for nobody.
pub async fn watch(pool: ReadPool, stop: CancellationToken) {
    let pending = metrics::gauge!("approvals_pending");
    loop {
        // Without an answer the last one stands; that the database does not answer shows elsewhere.
        if let Ok(count) = count_pending(&pool).await {
            pending.set(count);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(WATCH_EVERY) => {}
        }
    }
}

async fn count_pending(pool: &ReadPool) -> Result<u32, db::Error> {
    let mut reader = pool.reader(Freshness::Primary).await?;
    let count: i64 = sqlx::query_scalar(COUNT_PENDING).fetch_one(reader.conn()).await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}
