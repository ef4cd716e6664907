//! What commands decide on, loaded and locked. Each statement is one round trip, whatever the size of the batch; those
//! that only some commands need are skipped when a batch has none of these.

use std::collections::HashMap;

use chrono::NaiveDate;
use kernel::{BusinessDate, LoanId, RequestId};
use platform::db::Error;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::rows::{self, select_loans};
use crate::domain::{Instalment, Loan, Movement, Outcome, Products, Quote};

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

/// Locks loans in order of id, and reads them with their instalments. Sorts and thins the ids.
pub async fn lock_loans(
    conn: &mut PgConnection,
    loans: &mut Vec<LoanId>,
    products: &Products,
) -> Result<Vec<Loan>, Error> {
    loans.sort_unstable();
    loans.dedup();
    if loans.is_empty() {
        return Ok(Vec::new());
    }
    let locked =
        sqlx::query(select_loans!("WHERE loan_id = ANY($1) ORDER BY loan_id FOR NO KEY UPDATE"))
            .bind(ids(loans))
            .fetch_all(&mut *conn)
            .await?;
    let found: Result<Vec<Loan>, Error> =
        locked.iter().map(|row| rows::loan(row, products)).collect();
    with_instalments(conn, found?).await
}

/// Completes loans with their instalments.
pub(super) async fn with_instalments(
    conn: &mut PgConnection,
    mut loans: Vec<Loan>,
) -> Result<Vec<Loan>, Error> {
    let live = loans.iter().filter(|loan| loan.calculated_through.is_some());
    let wanted: Vec<Uuid> = live.map(|loan| loan.id.as_uuid()).collect();
    if wanted.is_empty() {
        return Ok(loans);
    }
    let found = sqlx::query(
        "SELECT loan_id, number, period_start_on, due_on, principal_minor, interest_minor, rate_ppm, \
             principal_paid_minor, interest_paid_minor, penalty_product, compound_product, penalty_booked_minor, \
             penalty_paid_minor, compound_booked_minor, compound_paid_minor \
         FROM instalments WHERE loan_id = ANY($1) ORDER BY loan_id, number",
    )
    .bind(wanted)
    .fetch_all(conn)
    .await?;
    let mut schedules: HashMap<Uuid, Vec<Instalment>> = HashMap::new();
    for row in &found {
        let (loan_id, instalment) = rows::instalment(row)?;
        schedules.entry(loan_id).or_default().push(instalment);
    }
    for loan in &mut loans {
        loan.instalments = schedules.remove(&loan.id.as_uuid()).unwrap_or_default();
    }
    Ok(loans)
}

/// Quotes and their loans, which never change: so this read needs no lock.
pub async fn find_quotes(
    conn: &mut PgConnection,
    quotes: &[Uuid],
) -> Result<Vec<(Uuid, LoanId, Quote)>, Error> {
    if quotes.is_empty() {
        return Ok(Vec::new());
    }
    let found = sqlx::query(
        "SELECT quote_id, loan_id, principal_minor, interest_minor, penalty_minor, compound_minor, fee_minor, \
             loan_version, valid_through, kind \
         FROM quotes WHERE quote_id = ANY($1)",
    )
    .bind(quotes)
    .fetch_all(conn)
    .await?;
    found.iter().map(rows::quote).collect()
}

/// The movements of these loans that are on their way, and those that these requests led to.
pub async fn find_movements(
    conn: &mut PgConnection,
    loans: &[LoanId],
    requests: &[Uuid],
) -> Result<Vec<Movement>, Error> {
    let found = sqlx::query(
        "SELECT movement_id, request_id, fingerprint, loan_id, customer_id, account_number, amount_minor, \
             moved_minor, quote_id, accepted_at, ended_at, business_date, value_date, currency, kind, status, refusal \
         FROM movements WHERE loan_id = ANY($1) AND status = 'PENDING' \
         UNION \
         SELECT movement_id, request_id, fingerprint, loan_id, customer_id, account_number, amount_minor, \
             moved_minor, quote_id, accepted_at, ended_at, business_date, value_date, currency, kind, status, refusal \
         FROM movements WHERE request_id = ANY($2)",
    )
    .bind(ids(loans))
    .bind(requests)
    .fetch_all(conn)
    .await?;
    found.iter().map(rows::movement).collect()
}

/// The business date, and the decisions that stand on these request ids.
pub async fn find_decided(
    conn: &mut PgConnection,
    requests: Vec<Uuid>,
) -> Result<(BusinessDate, Vec<Outcome>), Error> {
    // Bounds let Postgres skip the partitions of other days.
    let first = requests.iter().min().copied().unwrap_or_default();
    let last = requests.iter().max().copied().unwrap_or_default();
    let found = sqlx::query(
        "SELECT day.business_date AS today, o.request_id, o.fingerprint, o.decided_at, o.loan_id, o.subject_id, \
             o.amount_minor, o.business_date, o.currency, o.kind, o.result \
         FROM business_day AS day \
         LEFT JOIN outcomes AS o ON o.request_id = ANY($1) AND o.request_id BETWEEN $2 AND $3",
    )
    .bind(requests)
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

/// Whether a decision stands on this request id.
pub async fn is_decided(conn: &mut PgConnection, request: RequestId) -> Result<bool, Error> {
    let decided = sqlx::query_scalar("SELECT EXISTS (SELECT FROM outcomes WHERE request_id = $1)")
        .bind(request.as_uuid())
        .fetch_one(conn)
        .await?;
    Ok(decided)
}

/// The loan that a proposal of this kind is about; proposals never change that.
pub async fn proposed_loan(
    conn: &mut PgConnection,
    proposal: Uuid,
    kind: &str,
) -> Result<Option<LoanId>, Error> {
    let subject: Option<String> =
        sqlx::query_scalar("SELECT subject FROM approvals WHERE approval_id = $1 AND kind = $2")
            .bind(proposal)
            .bind(kind)
            .fetch_optional(conn)
            .await?;
    let read = |text: String| LoanId::parse(&text).map_err(|_| rows::corrupt("loan", &text));
    subject.map(read).transpose()
}

pub(super) fn ids(loans: &[LoanId]) -> Vec<Uuid> {
    loans.iter().map(|loan| loan.as_uuid()).collect()
}
