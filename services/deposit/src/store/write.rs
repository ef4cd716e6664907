//! The statements of the posting path. Each is one round trip, whatever the size of the batch; those that only some
//! commands need are skipped when a batch has none of these.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{AccountNumber, BusinessDate, CustomerId, HoldId, RequestId};
use platform::db::Error;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::rows;
use crate::commands::Needs;
use crate::domain::{Account, Changes, Entry, Hold, Outcome, Owner};

/// The advisory lock that batches share and a cut-over takes alone: while a batch runs, its business date stays.
pub const BUSINESS_DAY_LOCK: i64 = 0x6461_7900;

/// Keeps the business date where it is until the end of the tx.
pub async fn enter_business_day(conn: &mut PgConnection) -> Result<(), Error> {
    sqlx::query("SELECT pg_advisory_xact_lock_shared($1)")
        .bind(BUSINESS_DAY_LOCK)
        .execute(conn)
        .await?;
    Ok(())
}

/// Adds the accounts of the named holds and postings, and the owners of the named accounts, none of which ever
/// change: so this read needs no lock, and what may change is read again under the locks.
pub async fn find_accounts_of(conn: &mut PgConnection, needs: &mut Needs) -> Result<(), Error> {
    if !needs.holds.is_empty() || !needs.postings.is_empty() {
        let holds: Vec<Uuid> = needs.holds.iter().map(|hold| hold.as_uuid()).collect();
        let found: Vec<Option<i64>> = sqlx::query_scalar(
            "SELECT account_number FROM holds WHERE hold_id = ANY($1) \
             UNION SELECT debit_account FROM outcomes WHERE request_id = ANY($2) \
             UNION SELECT credit_account FROM outcomes WHERE request_id = ANY($2)",
        )
        .bind(holds)
        .bind(&needs.postings)
        .fetch_all(&mut *conn)
        .await?;
        for number in found.into_iter().flatten() {
            needs.accounts.push(rows::account_number(number)?);
        }
    }
    if !needs.owned_accounts.is_empty() {
        let numbers: Vec<i64> = needs.owned_accounts.iter().map(|number| number.as_i64()).collect();
        let found: Vec<Uuid> =
            sqlx::query_scalar("SELECT customer_id FROM accounts WHERE account_number = ANY($1)")
                .bind(numbers)
                .fetch_all(conn)
                .await?;
        needs.owners.extend(found.into_iter().map(CustomerId::from_uuid));
    }
    Ok(())
}

/// Locks owners in order of id, creating those that are new.
pub async fn lock_owners(
    conn: &mut PgConnection,
    owners: &[CustomerId],
) -> Result<Vec<Owner>, Error> {
    if owners.is_empty() {
        return Ok(Vec::new());
    }
    let mut ids: Vec<Uuid> = owners.iter().map(|owner| owner.as_uuid()).collect();
    ids.sort_unstable();
    ids.dedup();
    // Doing something on conflict locks the row that is there; sorted, so that two batches cannot wait for each other.
    let locked = sqlx::query(
        "INSERT INTO owners (customer_id, open_accounts, closed) \
         SELECT customer_id, 0, false FROM unnest($1::uuid[]) AS new (customer_id) ORDER BY customer_id \
         ON CONFLICT (customer_id) DO UPDATE SET closed = owners.closed \
         RETURNING customer_id, open_accounts, closed",
    )
    .bind(ids)
    .fetch_all(conn)
    .await?;
    locked.iter().map(rows::owner).collect()
}

/// Locks accounts in order of number: the one lock order of the system. Sorts and thins the numbers.
pub async fn lock_accounts(
    conn: &mut PgConnection,
    accounts: &mut Vec<AccountNumber>,
) -> Result<Vec<Account>, Error> {
    accounts.sort_unstable();
    accounts.dedup();
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let numbers: Vec<i64> = accounts.iter().map(|number| number.as_i64()).collect();
    let locked = sqlx::query(
        "SELECT account_number, balance_minor, held_minor, minimum_minor, overdraft_minor, last_sequence, \
             customer_id, currency, product, status \
         FROM accounts WHERE account_number = ANY($1) ORDER BY account_number FOR NO KEY UPDATE",
    )
    .bind(numbers)
    .fetch_all(conn)
    .await?;
    locked.iter().map(rows::account).collect()
}

/// The business date, and the decisions that stand on these request ids and postings.
pub async fn find_decided(
    conn: &mut PgConnection,
    mut ids: Vec<Uuid>,
    postings: &[Uuid],
) -> Result<(BusinessDate, Vec<Outcome>), Error> {
    ids.extend_from_slice(postings);
    // Bounds let Postgres skip the partitions of other days.
    let first = ids.iter().min().copied().unwrap_or_default();
    let last = ids.iter().max().copied().unwrap_or_default();
    let found = sqlx::query(
        "SELECT day.business_date AS today, o.request_id, o.fingerprint, o.decided_at, o.debit_account, \
             o.credit_account, o.amount_minor, o.subject_id, o.business_date, o.currency, o.kind, o.result \
         FROM business_day AS day \
         LEFT JOIN outcomes AS o ON o.request_id = ANY($1) AND o.request_id BETWEEN $2 AND $3",
    )
    .bind(ids)
    .bind(first)
    .bind(last)
    .fetch_all(conn)
    .await?;
    let Some(row) = found.first() else {
        return Err(Error::Inconsistent("no business date".into()));
    };
    let today: NaiveDate = row.try_get("today")?;
    let mut decided = Vec::new();
    for row in &found {
        if row.try_get::<Option<Uuid>, _>("request_id")?.is_some() {
            decided.push(rows::outcome(row)?);
        }
    }
    Ok((BusinessDate::from_date(today), decided))
}

/// Holds by id. Their accounts are locked, so they stay as they are read.
pub async fn find_holds(conn: &mut PgConnection, holds: &[HoldId]) -> Result<Vec<Hold>, Error> {
    if holds.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = holds.iter().map(|hold| hold.as_uuid()).collect();
    let found = sqlx::query(
        "SELECT hold_id, account_number, placed_minor, remaining_minor, currency, expires_at, status, reason \
         FROM holds WHERE hold_id = ANY($1)",
    )
    .bind(ids)
    .fetch_all(conn)
    .await?;
    found.iter().map(rows::hold).collect()
}

/// Which of these postings are undone, and by which request.
pub async fn find_reversals(
    conn: &mut PgConnection,
    postings: &[Uuid],
) -> Result<Vec<(Uuid, RequestId)>, Error> {
    if postings.is_empty() {
        return Ok(Vec::new());
    }
    let found: Vec<(Uuid, Uuid)> =
        sqlx::query_as("SELECT posting_id, request_id FROM reversals WHERE posting_id = ANY($1)")
            .bind(postings)
            .fetch_all(conn)
            .await?;
    found.into_iter().map(|(posting, by)| Ok((posting, rows::request_id(by)?))).collect()
}

/// Serials for accounts to be opened.
pub async fn draw_serials(conn: &mut PgConnection, count: usize) -> Result<Vec<u64>, Error> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let drawn: Vec<i64> =
        sqlx::query_scalar("SELECT nextval('account_serials') FROM generate_series(1, $1)")
            .bind(i32::try_from(count).unwrap_or(i32::MAX))
            .fetch_all(conn)
            .await?;
    Ok(drawn.into_iter().filter_map(|serial| u64::try_from(serial).ok()).collect())
}

/// Writes what a batch changed.
pub async fn save(
    conn: &mut PgConnection,
    changes: &Changes,
    business_date: BusinessDate,
    now: DateTime<Utc>,
    payload: Option<Vec<u8>>,
) -> Result<(), Error> {
    save_rare(conn, changes, now).await?;
    let outcomes = OutcomeColumns::of(&changes.outcomes);
    let entries = &changes.entries;
    let accounts = &changes.accounts;
    if outcomes.request_ids.is_empty() && accounts.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("sql/save_postings.sql"))
        .bind(business_date.as_date())
        .bind(now)
        .bind(outcomes.request_ids)
        .bind(outcomes.fingerprints)
        .bind(outcomes.debit_accounts)
        .bind(outcomes.credit_accounts)
        .bind(outcomes.amounts_minor)
        .bind(outcomes.subject_ids)
        .bind(outcomes.currencies)
        .bind(outcomes.kinds)
        .bind(outcomes.results)
        .bind(column(entries, |e: &Entry| e.account.as_i64()))
        .bind(column(entries, |e| e.sequence))
        .bind(column(entries, |e| e.amount_minor))
        .bind(column(entries, |e| e.balance_after_minor))
        .bind(column(entries, |e| e.request_id.as_uuid()))
        .bind(payload)
        .bind(column(accounts, |a: &Account| a.number.as_i64()))
        .bind(column(accounts, |a| a.balance_minor))
        .bind(column(accounts, |a| a.held_minor))
        .bind(column(accounts, |a| a.last_sequence))
        .bind(column(accounts, |a| a.status.code()))
        .execute(conn)
        .await?;
    Ok(())
}

fn column<'a, T, C>(rows: &'a [T], value: impl Fn(&'a T) -> C) -> Vec<C> {
    rows.iter().map(value).collect()
}

/// Outcomes turned on their side: one array per column.
struct OutcomeColumns<'a> {
    request_ids: Vec<Uuid>,
    fingerprints: Vec<i64>,
    debit_accounts: Vec<Option<i64>>,
    credit_accounts: Vec<Option<i64>>,
    amounts_minor: Vec<i64>,
    subject_ids: Vec<Option<Uuid>>,
    currencies: Vec<&'a str>,
    kinds: Vec<&'static str>,
    results: Vec<&'static str>,
}

impl<'a> OutcomeColumns<'a> {
    fn of(outcomes: &'a [Outcome]) -> Self {
        Self {
            request_ids: column(outcomes, |o| o.request_id.as_uuid()),
            fingerprints: column(outcomes, |o| o.fingerprint),
            debit_accounts: column(outcomes, |o| o.debit_account.map(AccountNumber::as_i64)),
            credit_accounts: column(outcomes, |o| o.credit_account.map(AccountNumber::as_i64)),
            amounts_minor: column(outcomes, |o| o.amount_minor),
            subject_ids: column(outcomes, |o| o.subject_id),
            currencies: column(outcomes, |o| o.currency.code()),
            kinds: column(outcomes, |o| o.kind.code()),
            results: column(outcomes, |o| o.decision.code()),
        }
    }
}

/// What most batches have none of: openings, holds, owners, reversals.
async fn save_rare(
    conn: &mut PgConnection,
    changes: &Changes,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if !changes.owners.is_empty() {
        let owners = &changes.owners;
        sqlx::query(
            "UPDATE owners SET open_accounts = new.open_accounts, closed = new.closed \
             FROM unnest($1::uuid[], $2::integer[], $3::boolean[]) AS new (customer_id, open_accounts, closed) \
             WHERE owners.customer_id = new.customer_id",
        )
        .bind(column(owners, |o: &Owner| o.customer_id.as_uuid()))
        .bind(column(owners, |o| o.open_accounts))
        .bind(column(owners, |o| o.closed))
        .execute(&mut *conn)
        .await?;
    }
    if !changes.opened.is_empty() {
        insert_accounts(conn, &changes.opened, now).await?;
    }
    if !changes.placed.is_empty() || !changes.holds.is_empty() {
        save_holds(conn, changes).await?;
    }
    if !changes.reversals.is_empty() {
        sqlx::query(
            "INSERT INTO reversals (posting_id, request_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])",
        )
        .bind(column(&changes.reversals, |(posting, _): &(Uuid, RequestId)| *posting))
        .bind(column(&changes.reversals, |(_, by)| by.as_uuid()))
        .execute(conn)
        .await?;
    }
    Ok(())
}

async fn insert_accounts(
    conn: &mut PgConnection,
    opened: &[Account],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO accounts (account_number, balance_minor, held_minor, minimum_minor, overdraft_minor, \
             last_sequence, opened_at, customer_id, currency, product, status) \
         SELECT number, balance, held, minimum, overdraft, last_sequence, $1, customer_id, currency, product, status \
         FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], \
                 $8::uuid[], $9::text[], $10::text[], $11::text[]) \
             AS new (number, balance, held, minimum, overdraft, last_sequence, customer_id, currency, product, status)",
    )
    .bind(now)
    .bind(column(opened, |a: &Account| a.number.as_i64()))
    .bind(column(opened, |a| a.balance_minor))
    .bind(column(opened, |a| a.held_minor))
    .bind(column(opened, |a| a.minimum_minor))
    .bind(column(opened, |a| a.overdraft_minor))
    .bind(column(opened, |a| a.last_sequence))
    .bind(column(opened, |a| a.customer_id.as_uuid()))
    .bind(column(opened, |a| a.currency.code()))
    .bind(column(opened, |a| a.product.code))
    .bind(column(opened, |a| a.status.code()))
    .execute(conn)
    .await?;
    Ok(())
}

/// Placed and changed holds in one statement: a hold that is there gets its new state.
async fn save_holds(conn: &mut PgConnection, changes: &Changes) -> Result<(), Error> {
    let holds: Vec<&Hold> = changes.placed.iter().chain(&changes.holds).collect();
    sqlx::query(
        "INSERT INTO holds (hold_id, account_number, placed_minor, remaining_minor, currency, expires_at, status, \
             reason) \
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], \
             $7::text[], $8::text[]) \
         ON CONFLICT (hold_id) DO UPDATE \
         SET remaining_minor = EXCLUDED.remaining_minor, status = EXCLUDED.status",
    )
    .bind(column(&holds, |h: &&Hold| h.id.as_uuid()))
    .bind(column(&holds, |h| h.account.as_i64()))
    .bind(column(&holds, |h| h.placed_minor))
    .bind(column(&holds, |h| h.remaining_minor))
    .bind(column(&holds, |h| h.currency.code()))
    .bind(column(&holds, |h| h.expires_at))
    .bind(column(&holds, |h| h.status.code()))
    .bind(column(&holds, |h| h.reason.code()))
    .execute(conn)
    .await?;
    Ok(())
}
