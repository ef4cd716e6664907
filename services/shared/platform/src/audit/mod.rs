//! The audit log: who did what that is neither a posting nor a query, as a chain of hashes.
//!
//! Each record carries the SHA-256 of itself and the hash of the one before, so a record that is changed, taken out or
//! put elsewhere no longer fits. Whoever owns the database could compute the whole chain anew; that is why its head is
//! written outside the database each minute ([`export`]): a chain that does not go through every exported head is not the
//! chain that was.
//!
//! Records have no personal data in them: they are kept for ever and read by many.

pub mod chain;
pub mod export;

use chrono::{DateTime, SubsecRound, Utc};
use sqlx::Row;

use crate::db::{self, WriteTx};
use chain::{Hash, Record};

/// Something to remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// Who did it: the caller's identity, or `service/<name>` for what a service does by itself.
    pub actor: &'a str,
    /// What was done, such as `FREEZE_CUSTOMER`.
    pub action: &'a str,
    /// To what: an id or a name.
    pub subject: &'a str,
    /// What else matters, such as the reason or both states. No personal data.
    pub details: &'a str,
}

const LOCK_HEAD: &str = "SELECT sequence, hash FROM audit_head WHERE only_row FOR NO KEY UPDATE";
const APPEND: &str = "
WITH added AS (
    INSERT INTO audit_log (sequence, recorded_at, actor, action, subject, details, previous_hash, hash)
    SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[],
        $7::bytea[], $8::bytea[])
)
UPDATE audit_head
SET sequence = $9, hash = $10
WHERE only_row";

/// Appends to the chain of this service, inside the caller's transaction: the records are there exactly if the effect is.
///
/// Waits for every other transaction that appends, until it ends: call it last, right before the commit.
///
/// # Errors
/// The database cannot be reached, or has no chain.
pub async fn append(
    tx: &mut WriteTx,
    events: &[Event<'_>],
    at: DateTime<Utc>,
) -> Result<(), db::Error> {
    if events.is_empty() {
        return Ok(());
    }
    let head = sqlx::query(LOCK_HEAD).fetch_optional(tx.conn()).await?;
    let head = head.ok_or_else(|| db::Error::Inconsistent("the audit log has no head".into()))?;
    let mut sequence: i64 = head.try_get("sequence")?;
    let mut previous = Hash::from_slice(head.try_get("hash")?)
        .ok_or_else(|| db::Error::Inconsistent("the head of the audit log is no hash".into()))?;
    // Postgres keeps microseconds, and what is hashed must be what is read back.
    let recorded_at = at.trunc_subsecs(6);
    let mut columns = Columns::default();
    for event in events {
        sequence += 1;
        let record = Record {
            sequence,
            recorded_at,
            actor: event.actor,
            action: event.action,
            subject: event.subject,
            details: event.details,
            previous,
        };
        let hash = record.hash();
        columns.add(&record, hash);
        previous = hash;
    }
    sqlx::query(APPEND)
        .bind(&columns.sequence)
        .bind(&columns.recorded_at)
        .bind(&columns.actor)
        .bind(&columns.action)
        .bind(&columns.subject)
        .bind(&columns.details)
        .bind(&columns.previous)
        .bind(&columns.hash)
        .bind(sequence)
        .bind(previous.as_slice())
        .execute(tx.conn())
        .await?;
    Ok(())
}

#[derive(Default)]
struct Columns<'a> {
    sequence: Vec<i64>,
    recorded_at: Vec<DateTime<Utc>>,
    actor: Vec<&'a str>,
    action: Vec<&'a str>,
    subject: Vec<&'a str>,
    details: Vec<&'a str>,
    previous: Vec<Vec<u8>>,
    hash: Vec<Vec<u8>>,
}

impl<'a> Columns<'a> {
    fn add(&mut self, record: &Record<'a>, hash: Hash) {
        self.sequence.push(record.sequence);
        self.recorded_at.push(record.recorded_at);
        self.actor.push(record.actor);
        self.action.push(record.action);
        self.subject.push(record.subject);
        self.details.push(record.details);
        self.previous.push(record.previous.as_slice().to_vec());
        self.hash.push(hash.as_slice().to_vec());
    }
}
