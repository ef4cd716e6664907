//! The queries. Each runs on a session that is as fresh as its caller asked for.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{AccountNumber, BusinessDate, Currency, CustomerId, HoldId, RequestId};
use platform::db::Error;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::rows;
use crate::domain::{Account, HoldReason, Kind};

/// An account, and when it was opened.
pub struct AccountRow {
    /// As it stands.
    pub account: Account,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
}

/// One line of a statement.
pub struct EntryRow {
    /// Position in the account's gapless sequence.
    pub sequence: i64,
    /// Signed: positive is a credit.
    pub amount_minor: i64,
    /// The balance that it left.
    pub balance_after_minor: i64,
    /// The posting that it is part of.
    pub posting: RequestId,
    /// What the posting did.
    pub kind: Kind,
    /// The account on the other side, where there is one.
    pub counterparty: Option<AccountNumber>,
    /// Of the account.
    pub currency: Currency,
    /// The business date of the posting.
    pub business_date: BusinessDate,
    /// When it was decided.
    pub decided_at: DateTime<Utc>,
}

/// What was booked on one product in one currency on one business date.
pub struct DayTotalRow {
    /// The product.
    pub product: String,
    /// The currency.
    pub currency: String,
    /// Sum of the debits, positive.
    pub debit_minor: i64,
    /// Sum of the credits.
    pub credit_minor: i64,
    /// How many entries.
    pub entries: i64,
}

/// One account by number.
pub async fn find_account(
    conn: &mut PgConnection,
    number: AccountNumber,
) -> Result<Option<AccountRow>, Error> {
    let row = sqlx::query(
        "SELECT account_number, balance_minor, held_minor, minimum_minor, overdraft_minor, last_sequence, opened_at, \
             customer_id, currency, product, status \
         FROM accounts WHERE account_number = $1",
    )
    .bind(number.as_i64())
    .fetch_optional(conn)
    .await?;
    row.map(|row| account_row(&row)).transpose()
}

/// A customer's accounts with a number above `after`, by number.
pub async fn list_accounts(
    conn: &mut PgConnection,
    customer_id: CustomerId,
    after: i64,
    limit: i64,
) -> Result<Vec<AccountRow>, Error> {
    let found = sqlx::query(
        "SELECT account_number, balance_minor, held_minor, minimum_minor, overdraft_minor, last_sequence, opened_at, \
             customer_id, currency, product, status \
         FROM accounts WHERE customer_id = $1 AND account_number > $2 ORDER BY account_number LIMIT $3",
    )
    .bind(customer_id.as_uuid())
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    found.iter().map(account_row).collect()
}

/// An account's entries with a sequence below `before`, newest first; none where `owner` is given and does not own the
/// account.
pub async fn list_entries(
    conn: &mut PgConnection,
    number: AccountNumber,
    owner: Option<CustomerId>,
    before: i64,
    limit: i64,
) -> Result<Vec<EntryRow>, Error> {
    let found = sqlx::query(
        "SELECT e.sequence, e.amount_minor, e.balance_after_minor, e.request_id, e.business_date, \
             o.decided_at, o.kind, o.currency, \
             CASE WHEN o.debit_account = e.account_number THEN o.credit_account ELSE o.debit_account END \
                 AS counterparty \
         FROM (SELECT account_number, sequence, amount_minor, balance_after_minor, request_id, business_date \
               FROM entries WHERE account_number = $1 AND sequence < $2 \
                   AND ($4::uuid IS NULL \
                       OR EXISTS (SELECT FROM accounts WHERE account_number = $1 AND customer_id = $4)) \
               ORDER BY sequence DESC LIMIT $3) AS e \
         JOIN outcomes AS o ON o.request_id = e.request_id \
         ORDER BY e.sequence DESC",
    )
    .bind(number.as_i64())
    .bind(before)
    .bind(limit)
    .bind(owner.map(CustomerId::as_uuid))
    .fetch_all(conn)
    .await?;
    found.iter().map(entry_row).collect()
}

/// What was booked on a business date, per product and currency; and how many batches accounting has not got yet.
pub async fn day_totals(
    conn: &mut PgConnection,
    date: BusinessDate,
) -> Result<(Vec<DayTotalRow>, i64), Error> {
    let found = sqlx::query(
        "SELECT a.product, a.currency, count(*) AS entries, \
             COALESCE(sum(-e.amount_minor) FILTER (WHERE e.amount_minor < 0), 0)::bigint AS debit_minor, \
             COALESCE(sum(e.amount_minor) FILTER (WHERE e.amount_minor > 0), 0)::bigint AS credit_minor \
         FROM entries AS e JOIN accounts AS a ON a.account_number = e.account_number \
         WHERE e.business_date = $1 \
         GROUP BY a.product, a.currency ORDER BY a.product, a.currency",
    )
    .bind(date.as_date())
    .fetch_all(&mut *conn)
    .await?;
    let totals: Result<Vec<_>, Error> = found
        .iter()
        .map(|row| {
            Ok(DayTotalRow {
                product: row.try_get("product")?,
                currency: row.try_get("currency")?,
                debit_minor: row.try_get("debit_minor")?,
                credit_minor: row.try_get("credit_minor")?,
                entries: row.try_get("entries")?,
            })
        })
        .collect();
    let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE business_date = $1")
        .bind(date.as_date())
        .fetch_one(conn)
        .await?;
    Ok((totals?, waiting))
}

fn account_row(row: &sqlx::postgres::PgRow) -> Result<AccountRow, Error> {
    Ok(AccountRow { account: rows::account(row)?, opened_at: row.try_get("opened_at")? })
}

fn entry_row(row: &sqlx::postgres::PgRow) -> Result<EntryRow, Error> {
    let kind: &str = row.try_get("kind")?;
    let counterparty: Option<i64> = row.try_get("counterparty")?;
    let date: NaiveDate = row.try_get("business_date")?;
    Ok(EntryRow {
        sequence: row.try_get("sequence")?,
        amount_minor: row.try_get("amount_minor")?,
        balance_after_minor: row.try_get("balance_after_minor")?,
        posting: rows::request_id(row.try_get("request_id")?)?,
        kind: Kind::from_code(kind).ok_or_else(|| rows::corrupt("kind", kind))?,
        counterparty: counterparty.map(rows::account_number).transpose()?,
        currency: rows::currency(row.try_get("currency")?)?,
        business_date: BusinessDate::from_date(date),
        decided_at: row.try_get("decided_at")?,
    })
}

/// The active holds for a reason with an id above `after` and below `before`, by id.
pub async fn list_holds(
    conn: &mut PgConnection,
    reason: HoldReason,
    (after, before): (HoldId, HoldId),
    limit: i64,
) -> Result<Vec<HoldId>, Error> {
    let found: Vec<Uuid> = sqlx::query_scalar(
        "SELECT hold_id FROM holds \
         WHERE status = 'ACTIVE' AND reason = $1 AND hold_id > $2 AND hold_id < $3 ORDER BY hold_id LIMIT $4",
    )
    .bind(reason.code())
    .bind(after.as_uuid())
    .bind(before.as_uuid())
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(found.into_iter().map(HoldId::from_uuid).collect())
}

/// Active holds whose time was up at `now`, oldest first.
pub async fn due_holds(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Uuid>, Error> {
    let due = sqlx::query_scalar(
        "SELECT hold_id FROM holds WHERE status = 'ACTIVE' AND expires_at <= $1 ORDER BY expires_at LIMIT $2",
    )
    .bind(now)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(due)
}

/// How the holds and the business date stand, for whoever watches.
pub struct Standing {
    /// Holds that have not ended.
    pub holds: i64,
    /// When the oldest of them that should have ended should have; `None` where none should.
    pub overdue_since: Option<DateTime<Utc>>,
    /// What new postings carry; `None` before the first.
    pub business_date: Option<BusinessDate>,
}

/// How the holds and the business date stand.
pub async fn standing(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<Standing, Error> {
    let row = sqlx::query(
        "SELECT count(*) AS holds, min(expires_at) FILTER (WHERE expires_at <= $1) AS overdue_since, \
             (SELECT business_date FROM business_day) AS business_date \
         FROM holds WHERE status = 'ACTIVE'",
    )
    .bind(now)
    .fetch_one(conn)
    .await?;
    let date: Option<NaiveDate> = row.try_get("business_date")?;
    Ok(Standing {
        holds: row.try_get("holds")?,
        overdue_since: row.try_get("overdue_since")?,
        business_date: date.map(BusinessDate::from_date),
    })
}
