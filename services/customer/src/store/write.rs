//! What a batch reads and writes, inside its tx.
//!
//! Order matters: `load` locks the customers before it looks for decided request ids. When a batch runs again
//! because the answer to its commit was lost, the first run may still be committing; the lock waits for it, and the
//! probe, which starts later, sees what it decided. Registrations lock nothing, as there is nothing yet: for them the
//! unique keys on document and request id wait in `save`, which then fails, and the batch runs once more.

use std::collections::{HashMap, HashSet};

use kernel::CustomerId;
use platform::db::{self, WriteTx};
use platform::protection::data_keys;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use super::rows::{CustomerRow, DONE, NO_STATUS, stored};
use crate::domain::{Changes, Command, CustomerStatus, Registry};

const LOCK_CUSTOMERS: &str = include_str!("sql/lock_customers.sql");
const FIND_DECIDED: &str = include_str!("sql/find_decided.sql");
const SAVE_CHANGES: &str = include_str!("sql/save_changes.sql");

/// Loads and locks what the commands name. Two round trips.
pub async fn load(tx: &mut WriteTx, commands: &[Command]) -> Result<Registry, db::Error> {
    let mut ids: Vec<Uuid> = Vec::new();
    let mut hashes: Vec<&[u8]> = Vec::new();
    let mut request_ids: Vec<Uuid> = Vec::with_capacity(commands.len());
    for command in commands {
        request_ids.push(command.request().id.as_uuid());
        match command {
            Command::Register(register) => hashes.push(&register.customer.document_hash.0),
            Command::Transition(transition) => ids.push(transition.customer_id.as_uuid()),
        }
    }
    let locked = sqlx::query(LOCK_CUSTOMERS).bind(ids).bind(hashes).fetch_all(tx.conn()).await?;
    let decided = sqlx::query(FIND_DECIDED).bind(request_ids).fetch_all(tx.conn()).await?;

    let mut customers = Vec::new();
    let mut documents = HashSet::new();
    for row in locked {
        let named: bool = row.try_get("named")?;
        let customer = CustomerRow::from_row(&row)?.into_customer()?;
        documents.insert(customer.document_hash);
        if named {
            customers.push(customer);
        }
    }
    let decided = decided.iter().map(stored).collect::<Result<HashMap<_, _>, _>>()?;
    Ok(Registry::new(customers, documents, decided))
}

/// Saves what the batch decided. One round trip; none for a batch of replays.
pub async fn save(tx: &mut WriteTx, changes: &Changes) -> Result<(), db::Error> {
    let Changes { registered: new, moved, transitions, decisions } = changes;
    if decisions.is_empty() {
        return Ok(());
    }
    let sealed = new.iter().map(|customer| customer.sealed.name.as_slice());
    data_keys::hold(tx, sealed).await?;
    let moved_count: i64 = sqlx::query_scalar(SAVE_CHANGES)
        .bind(column(new, |c| c.id.as_uuid()))
        .bind(column(new, |c| c.kind.as_str()))
        .bind(column(new, |c| c.document_kind.as_str()))
        .bind(column(new, |c| c.document_hash.0.as_slice()))
        .bind(column(new, |c| c.sealed.name.as_slice()))
        .bind(column(new, |c| c.sealed.document_number.as_slice()))
        .bind(column(new, |c| c.sealed.phone.as_deref()))
        .bind(column(new, |c| c.registered_at))
        .bind(column(new, |c| c.standing.status.as_str()))
        .bind(column(new, |c| c.standing.reason.as_str()))
        .bind(column(new, |c| c.standing.changed_at))
        .bind(column(new, |c| c.standing.version))
        .bind(column(moved, |(id, _)| id.as_uuid()))
        .bind(column(moved, |(_, standing)| standing.status.as_str()))
        .bind(column(moved, |(_, standing)| standing.reason.as_str()))
        .bind(column(moved, |(_, standing)| standing.changed_at))
        .bind(column(moved, |(_, standing)| standing.version))
        .bind(column(transitions, |t| t.customer_id.as_uuid()))
        .bind(column(transitions, |t| t.version))
        .bind(column(transitions, |t| t.from.map_or(NO_STATUS, CustomerStatus::as_str)))
        .bind(column(transitions, |t| t.to.as_str()))
        .bind(column(transitions, |t| t.reason.as_str()))
        .bind(column(transitions, |t| t.changed_by.as_str()))
        .bind(column(transitions, |t| t.changed_at))
        .bind(column(decisions, |d| d.request.id.as_uuid()))
        .bind(column(decisions, |d| d.request.fingerprint.0))
        .bind(column(decisions, |d| d.request.asked_at))
        .bind(column(decisions, |d| d.customer_id.map(CustomerId::as_uuid)))
        .bind(column(decisions, |d| d.result.ok()))
        .bind(column(decisions, |d| d.kind.as_str()))
        .bind(column(decisions, |d| d.result.map_or_else(|r| r.code(), |_| DONE)))
        .bind(column(decisions, |d| {
            d.result.err()?.status_in_the_way().map(CustomerStatus::as_str)
        }))
        .fetch_one(tx.conn())
        .await?;
    if usize::try_from(moved_count) != Ok(moved.len()) {
        return Err(db::Error::Inconsistent("a locked customer had moved on".into()));
    }
    Ok(())
}

/// One column of the rows to be written.
fn column<'a, T, C>(rows: &'a [T], get: impl Fn(&'a T) -> C) -> Vec<C> {
    rows.iter().map(get).collect()
}
