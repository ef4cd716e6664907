//! The queries. Each runs on a session that is as fresh as its caller asked for.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{BusinessDate, Currency, CustomerId, LoanId, RequestId};
use platform::db::Error;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::rows::{self, select_loans};
use super::write::{find_quotes, with_instalments};
use crate::domain::{Amounts, EntryKind, Loan, Movement, Products, Quote};

/// One line of a loan's history.
pub struct EntryRow {
    /// Position in the loan's gapless sequence.
    pub sequence: i64,
    /// What happened.
    pub kind: EntryKind,
    /// What moved, part by part.
    pub amounts: Amounts,
    /// The principal that it left.
    pub principal_after_minor: i64,
    /// Of the loan.
    pub currency: Currency,
    /// The business date on which it was booked.
    pub business_date: BusinessDate,
    /// From when it counts.
    pub value_date: NaiveDate,
    /// The posting in deposit that moved the money.
    pub deposit_posting: Option<Uuid>,
    /// When it was booked.
    pub booked_at: DateTime<Utc>,
}

/// What was booked on one part of one product in one currency on one business date.
pub struct DayTotalRow {
    /// The product.
    pub product: String,
    /// True for interest of all kinds, false for principal.
    pub interest: bool,
    /// The currency.
    pub currency: String,
    /// Sum of the debits, positive.
    pub debit_minor: i64,
    /// Sum of the credits.
    pub credit_minor: i64,
}

/// One loan, with its schedule.
pub async fn find_loan(
    conn: &mut PgConnection,
    id: LoanId,
    products: &Products,
) -> Result<Option<Loan>, Error> {
    let row = sqlx::query(select_loans!("WHERE loan_id = $1"))
        .bind(id.as_uuid())
        .fetch_optional(&mut *conn)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let found = vec![rows::loan(&row, products)?];
    Ok(with_instalments(conn, found).await?.into_iter().next())
}

/// A customer's loans with an id above `after`, by id, which is by age; with their schedules.
pub async fn list_loans(
    conn: &mut PgConnection,
    customer_id: CustomerId,
    (after, limit): (Uuid, i64),
    products: &Products,
) -> Result<Vec<Loan>, Error> {
    let found = sqlx::query(select_loans!(
        "WHERE customer_id = $1 AND loan_id > $2 ORDER BY loan_id LIMIT $3"
    ))
    .bind(customer_id.as_uuid())
    .bind(after)
    .bind(limit)
    .fetch_all(&mut *conn)
    .await?;
    let loans: Result<Vec<Loan>, Error> =
        found.iter().map(|row| rows::loan(row, products)).collect();
    with_instalments(conn, loans?).await
}

/// A loan's entries with a sequence below `before`, newest first; none where `owner` is given and is not the borrower.
pub async fn list_entries(
    conn: &mut PgConnection,
    id: LoanId,
    owner: Option<CustomerId>,
    (before, limit): (i64, i64),
) -> Result<Vec<EntryRow>, Error> {
    let found = sqlx::query(
        "SELECT e.sequence, e.kind, e.principal_minor, e.interest_minor, e.penalty_minor, e.compound_minor, \
             e.fee_minor, e.principal_after_minor, e.business_date, e.value_date, e.deposit_posting_id, e.booked_at, \
             l.currency \
         FROM loan_entries AS e JOIN loans AS l ON l.loan_id = e.loan_id \
         WHERE e.loan_id = $1 AND e.sequence < $2 AND ($4::uuid IS NULL OR l.customer_id = $4) \
         ORDER BY e.sequence DESC LIMIT $3",
    )
    .bind(id.as_uuid())
    .bind(before)
    .bind(limit)
    .bind(owner.map(CustomerId::as_uuid))
    .fetch_all(conn)
    .await?;
    found.iter().map(entry_row).collect()
}

/// The entry that the money of a request made.
pub async fn find_entry(
    conn: &mut PgConnection,
    id: LoanId,
    request: RequestId,
) -> Result<Option<EntryRow>, Error> {
    let found = sqlx::query(
        "SELECT e.sequence, e.kind, e.principal_minor, e.interest_minor, e.penalty_minor, e.compound_minor, \
             e.fee_minor, e.principal_after_minor, e.business_date, e.value_date, e.deposit_posting_id, e.booked_at, \
             l.currency \
         FROM loan_entries AS e JOIN loans AS l ON l.loan_id = e.loan_id \
         WHERE e.loan_id = $1 AND e.request_id = $2 AND e.deposit_posting_id IS NOT NULL \
         ORDER BY e.sequence LIMIT 1",
    )
    .bind(id.as_uuid())
    .bind(request.as_uuid())
    .fetch_optional(conn)
    .await?;
    found.as_ref().map(entry_row).transpose()
}

/// A quote, and the currency of its loan.
pub async fn find_quote(
    conn: &mut PgConnection,
    id: Uuid,
) -> Result<Option<(LoanId, Quote)>, Error> {
    let found = find_quotes(conn, &[id]).await?;
    Ok(found.into_iter().next().map(|(_, loan_id, quote)| (loan_id, quote)))
}

/// What was booked on a business date, per product, part and currency; and how many batches accounting has not got yet.
pub async fn day_totals(
    conn: &mut PgConnection,
    date: BusinessDate,
) -> Result<(Vec<DayTotalRow>, i64), Error> {
    let found =
        sqlx::query(include_str!("sql/day_totals.sql")).bind(date.as_date()).fetch_all(&mut *conn);
    let totals: Result<Vec<_>, Error> = found
        .await?
        .iter()
        .map(|row| {
            Ok(DayTotalRow {
                product: row.try_get("product")?,
                interest: row.try_get("interest")?,
                currency: row.try_get("currency")?,
                debit_minor: row.try_get("debit_minor")?,
                credit_minor: row.try_get("credit_minor")?,
            })
        })
        .collect();
    let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE business_date = $1")
        .bind(date.as_date())
        .fetch_one(conn)
        .await?;
    Ok((totals?, waiting))
}

/// The business date that commands are decided on; `None` before the first.
pub async fn business_date(conn: &mut PgConnection) -> Result<Option<BusinessDate>, Error> {
    let date: Option<NaiveDate> =
        sqlx::query_scalar("SELECT business_date FROM business_day").fetch_optional(conn).await?;
    Ok(date.map(BusinessDate::from_date))
}

/// Movements on their way since before an instant, the oldest first.
pub async fn pending_movements(
    conn: &mut PgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Movement>, Error> {
    let found = sqlx::query(
        "SELECT movement_id, request_id, fingerprint, loan_id, customer_id, account_number, amount_minor, \
             moved_minor, quote_id, accepted_at, ended_at, business_date, value_date, currency, kind, status, refusal \
         FROM movements WHERE status = 'PENDING' AND accepted_at <= $1 ORDER BY accepted_at LIMIT $2",
    )
    .bind(before)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    found.iter().map(rows::movement).collect()
}

/// The next loans, in order of id, of which something is due on or before a date.
pub async fn due_loans(
    conn: &mut PgConnection,
    date: BusinessDate,
    after: Uuid,
    limit: i64,
) -> Result<Vec<LoanId>, Error> {
    let found: Vec<Uuid> = sqlx::query_scalar(
        "SELECT loan_id FROM loans \
         WHERE loan_id > $1 AND status = 'ACTIVE' AND (next_due_on <= $2 OR days_overdue > 0 OR next_due_on IS NULL) \
         ORDER BY loan_id LIMIT $3",
    )
    .bind(after)
    .bind(date.as_date())
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(found.into_iter().map(LoanId::from_uuid).collect())
}

/// How movements, ends of days and the business date stand, for whoever watches.
pub struct Standing {
    /// Movements on their way.
    pub pending: i64,
    /// When the oldest of them was accepted.
    pub pending_since: Option<DateTime<Utc>>,
    /// Ends of days that were asked for and are not done.
    pub unfinished: i64,
    /// Of the earliest of them: loans to calculate, and calculated.
    pub progress: (i64, i64),
    /// What commands are decided on; `None` before the first.
    pub business_date: Option<BusinessDate>,
}

/// How movements, ends of days and the business date stand.
pub async fn standing(conn: &mut PgConnection) -> Result<Standing, Error> {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM movements WHERE status = 'PENDING') AS pending, \
             (SELECT min(accepted_at) FROM movements WHERE status = 'PENDING') AS pending_since, \
             (SELECT count(*) FROM end_of_day WHERE phase <> 'FINISHED') AS unfinished, \
             COALESCE((SELECT loans FROM end_of_day WHERE phase <> 'FINISHED' ORDER BY business_date LIMIT 1), 0) \
                 AS loans, \
             COALESCE((SELECT calculated FROM end_of_day WHERE phase <> 'FINISHED' ORDER BY business_date LIMIT 1), \
                 0) AS calculated, \
             (SELECT business_date FROM business_day) AS business_date",
    )
    .fetch_one(conn)
    .await?;
    let date: Option<NaiveDate> = row.try_get("business_date")?;
    Ok(Standing {
        pending: row.try_get("pending")?,
        pending_since: row.try_get("pending_since")?,
        unfinished: row.try_get("unfinished")?,
        progress: (row.try_get("loans")?, row.try_get("calculated")?),
        business_date: date.map(BusinessDate::from_date),
    })
}

fn entry_row(row: &PgRow) -> Result<EntryRow, Error> {
    Ok(EntryRow {
        sequence: row.try_get("sequence")?,
        kind: rows::entry_kind(row)?,
        amounts: rows::amounts(row)?,
        principal_after_minor: row.try_get("principal_after_minor")?,
        currency: rows::currency(row.try_get("currency")?)?,
        business_date: BusinessDate::from_date(row.try_get("business_date")?),
        value_date: row.try_get("value_date")?,
        deposit_posting: row.try_get("deposit_posting_id")?,
        booked_at: row.try_get("booked_at")?,
    })
}
