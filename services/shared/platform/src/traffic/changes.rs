//! How limits change: proposed, decided, rolled back. Each is one transaction with its record in the audit log.
//!
//! A repeated request is known by its id: a proposal has it as its own, a version keeps it. A repeated rejection finds the
//! proposal rejected by the same person.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::Limits;
use super::versions::{self, NewVersion, Origin};
use crate::approvals::{self, Decision, Proposal, Refusal, Verdict};
use crate::audit::{self, Event};
use crate::db::{CommitError, Error, WritePool, WriteTx};

/// What proposals of limits are called among all approvals.
const KIND: &str = "CHANGE_LIMITS";
/// What the audit log says was changed.
const SUBJECT: &str = "traffic_limits";
/// How long a proposal can be decided.
const PROPOSAL_LIFE: TimeDelta = TimeDelta::days(1);

/// Who asks for a change, when, and under which id.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub actor: String,
    pub at: DateTime<Utc>,
    pub request_id: Uuid,
    /// Of everything that was asked, and of who asked.
    pub fingerprint: i64,
}

/// A proposal, as whoever decides must see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proposed {
    pub approval_id: Uuid,
    pub limits: Limits,
    pub maker: String,
    pub reason: String,
    pub expires_at: DateTime<Utc>,
    pub payload_hash: Vec<u8>,
    /// Who has decided, and how.
    decided: Option<(String, Verdict)>,
}

/// A change that was not made.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unchanged {
    #[error("the request id was used before with other content")]
    RequestIdReused,
    #[error("the limits never had this version")]
    NoSuchVersion,
    #[error("the proposal cannot be decided so: {0:?}")]
    Refused(Refusal),
    #[error("{0}")]
    Database(#[from] Error),
    #[error("{0}")]
    Commit(#[from] CommitError),
}

/// A version that holds from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Changed {
    pub version: i64,
    pub limits: Limits,
}

const FIND: &str = "SELECT payload, payload_hash, maker, reason, expires_at, state, checker \
     FROM approvals WHERE approval_id = $1 AND kind = $2";

/// The proposal with this id.
pub(super) async fn find(conn: &mut PgConnection, id: Uuid) -> Result<Option<Proposed>, Error> {
    let row = sqlx::query(FIND).bind(id).bind(KIND).fetch_optional(conn).await?;
    let Some(row) = row else { return Ok(None) };
    let state: &str = row.try_get("state")?;
    let verdict = match state {
        "APPROVED" => Some(Verdict::Approve),
        "REJECTED" => Some(Verdict::Reject),
        _ => None,
    };
    let checker: Option<String> = row.try_get("checker")?;
    Ok(Some(Proposed {
        approval_id: id,
        limits: limits_in(row.try_get("payload")?)?,
        maker: row.try_get("maker")?,
        reason: row.try_get("reason")?,
        expires_at: row.try_get("expires_at")?,
        payload_hash: row.try_get("payload_hash")?,
        decided: checker.zip(verdict),
    }))
}

fn limits_in(payload: &[u8]) -> Result<Limits, Error> {
    let unreadable = |error| Error::Inconsistent(format!("proposed limits: {error}"));
    serde_json::from_slice(payload).map_err(unreadable)
}

/// Proposes limits, which are in range.
pub(super) async fn propose(
    pool: &WritePool,
    order: &Order,
    limits: &Limits,
    reason: &str,
) -> Result<Proposed, Unchanged> {
    let mut tx = begin(pool).await?;
    let done = propose_in(&mut tx, order, limits, reason).await;
    ended(tx, done).await
}

async fn propose_in(
    tx: &mut WriteTx,
    order: &Order,
    limits: &Limits,
    reason: &str,
) -> Result<Proposed, Unchanged> {
    let payload = serde_json::to_vec(limits)
        .map_err(|error| Error::Inconsistent(format!("limits cannot be written: {error}")))?;
    if let Some(known) = find(tx.conn(), order.request_id).await? {
        let same = known.limits == *limits && known.maker == order.actor && known.reason == reason;
        return if same { Ok(known) } else { Err(Unchanged::RequestIdReused) };
    }
    if versions::of_request(tx, order.request_id).await?.is_some() {
        return Err(Unchanged::RequestIdReused);
    }
    let proposal = Proposal {
        approval_id: order.request_id,
        kind: KIND,
        subject: SUBJECT,
        payload: &payload,
        maker: &order.actor,
        reason,
        at: order.at,
        expires_at: order.at + PROPOSAL_LIFE,
    };
    approvals::propose(tx, &proposal).await?;
    let details = format!("proposal {}: {reason}", order.request_id);
    record(tx, order, "PROPOSE_LIMITS", &details).await?;
    Ok(Proposed {
        approval_id: order.request_id,
        limits: limits.clone(),
        maker: order.actor.clone(),
        reason: reason.to_owned(),
        expires_at: proposal.expires_at,
        payload_hash: approvals::payload_hash(&payload).to_vec(),
        decided: None,
    })
}

/// Approves, which makes a version, or rejects, which makes none.
pub(super) async fn decide(
    pool: &WritePool,
    order: &Order,
    approval_id: Uuid,
    seen: &[u8],
    verdict: Verdict,
) -> Result<Option<Changed>, Unchanged> {
    let mut tx = begin(pool).await?;
    let done = match verdict {
        Verdict::Approve => approve_in(&mut tx, order, approval_id, seen).await.map(Some),
        Verdict::Reject => reject_in(&mut tx, order, approval_id, seen).await.map(|()| None),
    };
    ended(tx, done).await
}

async fn approve_in(
    tx: &mut WriteTx,
    order: &Order,
    approval_id: Uuid,
    seen: &[u8],
) -> Result<Changed, Unchanged> {
    if let Some(changed) = made_before(tx, order).await? {
        return Ok(changed);
    }
    let decision = decision(order, approval_id, seen, Verdict::Approve);
    let decided = approvals::decide(tx, &decision).await?.map_err(Unchanged::Refused)?;
    let limits = limits_in(&decided.payload)?;
    let version = versions::add(
        tx,
        &NewVersion {
            limits: &limits,
            request_id: order.request_id,
            fingerprint: order.fingerprint,
            origin: Origin::Approved { approval_id, by: &order.actor },
            proposed_by: &decided.maker,
            reason: &decided.reason,
            decided_at: order.at,
        },
    )
    .await?;
    let details = format!("version {version}, proposal {approval_id} of {}", decided.maker);
    record(tx, order, "APPROVE_LIMITS", &details).await?;
    Ok(Changed { version, limits })
}

async fn reject_in(
    tx: &mut WriteTx,
    order: &Order,
    approval_id: Uuid,
    seen: &[u8],
) -> Result<(), Unchanged> {
    if versions::of_request(tx, order.request_id).await?.is_some() {
        return Err(Unchanged::RequestIdReused);
    }
    let known = find(tx.conn(), approval_id).await?;
    let before = known.and_then(|known| known.decided);
    if before.is_some_and(|(by, verdict)| by == order.actor && verdict == Verdict::Reject) {
        return Ok(());
    }
    let decision = decision(order, approval_id, seen, Verdict::Reject);
    let decided = approvals::decide(tx, &decision).await?.map_err(Unchanged::Refused)?;
    let details = format!("proposal {approval_id} of {}", decided.maker);
    record(tx, order, "REJECT_LIMITS", &details).await?;
    Ok(())
}

const fn decision<'a>(
    order: &'a Order,
    approval_id: Uuid,
    payload_hash: &'a [u8],
    verdict: Verdict,
) -> Decision<'a> {
    Decision {
        approval_id,
        kind: KIND,
        checker: order.actor.as_str(),
        payload_hash,
        verdict,
        at: order.at,
    }
}

/// Brings an earlier version back; `configured` is version 0.
pub(super) async fn roll_back(
    pool: &WritePool,
    order: &Order,
    to_version: i64,
    configured: &Limits,
    reason: &str,
) -> Result<Changed, Unchanged> {
    let mut tx = begin(pool).await?;
    let done = roll_back_in(&mut tx, order, to_version, configured, reason).await;
    ended(tx, done).await
}

async fn roll_back_in(
    tx: &mut WriteTx,
    order: &Order,
    to_version: i64,
    configured: &Limits,
    reason: &str,
) -> Result<Changed, Unchanged> {
    if let Some(changed) = made_before(tx, order).await? {
        return Ok(changed);
    }
    let limits = if to_version == 0 {
        configured.clone()
    } else {
        let found = versions::at(tx.conn(), to_version).await?;
        found.ok_or(Unchanged::NoSuchVersion)?.limits
    };
    let version = versions::add(
        tx,
        &NewVersion {
            limits: &limits,
            request_id: order.request_id,
            fingerprint: order.fingerprint,
            origin: Origin::RolledBack { to_version },
            proposed_by: &order.actor,
            reason,
            decided_at: order.at,
        },
    )
    .await?;
    let details = format!("version {version}, back to {to_version}: {reason}");
    record(tx, order, "ROLL_BACK_LIMITS", &details).await?;
    Ok(Changed { version, limits })
}

/// What the same request made when it was sent before.
async fn made_before(tx: &mut WriteTx, order: &Order) -> Result<Option<Changed>, Unchanged> {
    let Some((version, fingerprint)) = versions::of_request(tx, order.request_id).await? else {
        // A proposal's id is that of its request.
        let proposal = find(tx.conn(), order.request_id).await?;
        return proposal.map_or(Ok(None), |_| Err(Unchanged::RequestIdReused));
    };
    if fingerprint != order.fingerprint {
        return Err(Unchanged::RequestIdReused);
    }
    let made = versions::at(tx.conn(), version).await?;
    Ok(made.map(|made| Changed { version, limits: made.limits }))
}

async fn record(tx: &mut WriteTx, order: &Order, action: &str, details: &str) -> Result<(), Error> {
    let event = Event { actor: &order.actor, action, subject: SUBJECT, details };
    audit::append(tx, &[event], order.at).await
}

/// A transaction that no other change runs beside.
async fn begin(pool: &WritePool) -> Result<WriteTx, Error> {
    let mut tx = pool.begin().await?;
    versions::lock(&mut tx).await?;
    Ok(tx)
}

async fn ended<T>(tx: WriteTx, done: Result<T, Unchanged>) -> Result<T, Unchanged> {
    match done {
        Ok(done) => {
            tx.commit().await?;
            Ok(done)
        }
        Err(unchanged) => {
            tx.rollback().await;
            Err(unchanged)
        }
    }
}
