//! Writes what a batch changed: one statement for each table that it changed.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{BusinessDate, LoanId};
use platform::db::Error;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::{
    ChangedLoan, Changes, Entry, EntryKind, Instalment, Loan, LoanEffects, Movement,
    MovementStatus, Outcome, Quote, Rejection, Running,
};
use crate::events::Told;

/// Writes everything but what accounting is told.
pub async fn save(
    conn: &mut PgConnection,
    changes: &Changes,
    (business_date, now): (BusinessDate, DateTime<Utc>),
) -> Result<(), Error> {
    if !changes.applied.is_empty() {
        insert_loans(conn, &changes.applied).await?;
    }
    save_loans(conn, &changes.loans).await?;
    insert_entries(conn, &changes.effects, (business_date, now)).await?;
    if !changes.accepted.is_empty() {
        insert_movements(conn, &changes.accepted).await?;
    }
    if !changes.ended.is_empty() {
        end_movements(conn, &changes.ended).await?;
    }
    if !changes.quotes.is_empty() {
        insert_quotes(conn, &changes.quotes, now).await?;
    }
    if !changes.outcomes.is_empty() {
        insert_outcomes(conn, &changes.outcomes).await?;
    }
    Ok(())
}

fn column<'a, T, C>(rows: &'a [T], value: impl Fn(&'a T) -> C) -> Vec<C> {
    rows.iter().map(value).collect()
}

fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

async fn insert_loans(conn: &mut PgConnection, loans: &[Loan]) -> Result<(), Error> {
    sqlx::query(include_str!("sql/insert_loans.sql"))
        .bind(column(loans, |l: &Loan| l.id.as_uuid()))
        .bind(column(loans, |l| l.customer_id.as_uuid()))
        .bind(column(loans, |l| l.terms.account.as_i64()))
        .bind(column(loans, |l| l.terms.amount_minor))
        .bind(column(loans, |l| l.version))
        .bind(column(loans, |l| l.applied_at))
        .bind(column(loans, |l| l.rate.ppm()))
        .bind(column(loans, |l| number(l.terms.term_months)))
        .bind(column(loans, |l| number(l.terms.due_day)))
        .bind(column(loans, |l| l.terms.currency.code()))
        .bind(column(loans, |l| l.product.code.as_str()))
        .bind(column(loans, |l| l.status.code()))
        .bind(column(loans, |l| l.category.code()))
        .bind(column(loans, |l| l.category_floor.code()))
        .bind(column(loans, |l| l.applied_by.as_str()))
        .bind(column(loans, |l| l.application_hash.as_slice()))
        .execute(conn)
        .await?;
    Ok(())
}

/// Loans that existed, with what of their schedules is new, changed or gone.
pub(super) async fn save_loans(
    conn: &mut PgConnection,
    changed: &[ChangedLoan],
) -> Result<(), Error> {
    if changed.is_empty() {
        return Ok(());
    }
    update_loans(conn, changed).await?;
    let begun: Vec<&ChangedLoan> =
        changed.iter().filter(|one| !one.loan.instalments.is_empty()).collect();
    if !begun.is_empty() {
        sqlx::query(
            "DELETE FROM instalments USING unnest($1::uuid[], $2::integer[]) AS kept (loan_id, last_number) \
             WHERE instalments.loan_id = kept.loan_id AND instalments.number > kept.last_number",
        )
        .bind(column(&begun, |c: &&ChangedLoan| c.loan.id.as_uuid()))
        .bind(column(&begun, |c| number(c.last_number)))
        .execute(&mut *conn)
        .await?;
    }
    let rows: Vec<(LoanId, &Instalment)> = changed
        .iter()
        .flat_map(|one| one.instalments.iter().map(|instalment| (one.loan.id, instalment)))
        .collect();
    if rows.is_empty() { Ok(()) } else { save_instalments(conn, &rows).await }
}

async fn update_loans(conn: &mut PgConnection, changed: &[ChangedLoan]) -> Result<(), Error> {
    let running = |c: &ChangedLoan| c.loan.running;
    let minor = |c: &ChangedLoan, part: fn(Running) -> i64| running(c).map_or(0, part);
    sqlx::query(include_str!("sql/update_loans.sql"))
        .bind(column(changed, |c: &ChangedLoan| c.loan.id.as_uuid()))
        .bind(column(changed, |c| c.loan.disbursed_minor))
        .bind(column(changed, |c| c.loan.principal_minor))
        .bind(column(changed, |c| minor(c, |running| running.interest_minor)))
        .bind(column(changed, |c| minor(c, |running| running.carried_minor)))
        .bind(column(changed, |c| minor(c, |running| running.accrued_minor)))
        .bind(column(changed, |c| c.loan.receivable_minor))
        .bind(column(changed, |c| c.loan.memo_minor))
        .bind(column(changed, |c| c.loan.provision_minor))
        .bind(column(changed, |c| c.loan.last_sequence))
        .bind(column(changed, |c| c.loan.version))
        .bind(column(changed, |c| c.loan.rate.ppm()))
        .bind(column(changed, |c| c.loan.days_overdue))
        .bind(column(changed, |c| c.loan.disbursed_on))
        .bind(column(changed, |c| c.loan.calculated_through))
        .bind(column(changed, |c| running(c).map(|running| running.from_on)))
        .bind(column(changed, |c| running(c).map(|running| running.due_on)))
        .bind(column(changed, |c| c.loan.non_accrual))
        .bind(column(changed, |c| c.loan.status.code()))
        .bind(column(changed, |c| c.loan.category.code()))
        .bind(column(changed, |c| c.loan.category_floor.code()))
        .execute(conn)
        .await?;
    Ok(())
}

async fn save_instalments(
    conn: &mut PgConnection,
    rows: &[(LoanId, &Instalment)],
) -> Result<(), Error> {
    type Row<'a> = (LoanId, &'a Instalment);
    sqlx::query(include_str!("sql/save_instalments.sql"))
        .bind(column(rows, |(loan_id, _): &Row<'_>| loan_id.as_uuid()))
        .bind(column(rows, |(_, i)| number(i.number)))
        .bind(column(rows, |(_, i)| i.period_start_on))
        .bind(column(rows, |(_, i)| i.due_on))
        .bind(column(rows, |(_, i)| i.principal_minor))
        .bind(column(rows, |(_, i)| i.interest_minor))
        .bind(column(rows, |(_, i)| i.rate.ppm()))
        .bind(column(rows, |(_, i)| i.principal_paid_minor))
        .bind(column(rows, |(_, i)| i.interest_paid_minor))
        .bind(column(rows, |(_, i)| i.penalty_product))
        .bind(column(rows, |(_, i)| i.compound_product))
        .bind(column(rows, |(_, i)| i.penalty_booked_minor))
        .bind(column(rows, |(_, i)| i.penalty_paid_minor))
        .bind(column(rows, |(_, i)| i.compound_booked_minor))
        .bind(column(rows, |(_, i)| i.compound_paid_minor))
        .execute(conn)
        .await?;
    Ok(())
}

/// An entry, and what caused it.
struct Line<'a> {
    of: &'a LoanEffects,
    entry: &'a Entry,
}

impl Line<'_> {
    /// The posting in deposit, where this is the entry that the money made.
    fn deposit_posting(&self) -> Option<Uuid> {
        let moves = !matches!(
            self.entry.kind,
            EntryKind::NonAccrual | EntryKind::AccrualResumed | EntryKind::WrittenOff
        );
        self.of.deposit_posting.filter(|_| moves)
    }
}

/// The entries of these changes, in order.
pub(super) async fn insert_entries(
    conn: &mut PgConnection,
    effects: &[LoanEffects],
    (business_date, now): (BusinessDate, DateTime<Utc>),
) -> Result<(), Error> {
    let lines: Vec<Line<'_>> = effects
        .iter()
        .flat_map(|of| of.effects.entries.iter().map(move |entry| Line { of, entry }))
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO loan_entries (business_date, booked_at, loan_id, sequence, principal_minor, interest_minor, \
             penalty_minor, compound_minor, fee_minor, principal_after_minor, request_id, deposit_posting_id, \
             value_date, kind) \
         SELECT $1, $2, new.loan_id, new.sequence, new.principal_minor, new.interest_minor, new.penalty_minor, \
             new.compound_minor, new.fee_minor, new.principal_after_minor, new.request_id, new.deposit_posting_id, \
             new.value_date, new.kind \
         FROM unnest($3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], \
                 $9::bigint[], $10::bigint[], $11::uuid[], $12::uuid[], $13::date[], $14::text[]) \
             AS new (loan_id, sequence, principal_minor, interest_minor, penalty_minor, compound_minor, fee_minor, \
                 principal_after_minor, request_id, deposit_posting_id, value_date, kind)",
    )
    .bind(business_date.as_date())
    .bind(now)
    .bind(column(&lines, |l: &Line<'_>| l.of.loan_id.as_uuid()))
    .bind(column(&lines, |l| l.entry.sequence))
    .bind(column(&lines, |l| l.entry.amounts.principal_minor))
    .bind(column(&lines, |l| l.entry.amounts.interest_minor))
    .bind(column(&lines, |l| l.entry.amounts.penalty_minor))
    .bind(column(&lines, |l| l.entry.amounts.compound_minor))
    .bind(column(&lines, |l| l.entry.amounts.fee_minor))
    .bind(column(&lines, |l| l.entry.principal_after_minor))
    .bind(column(&lines, |l| l.of.request_id.map(kernel::RequestId::as_uuid)))
    .bind(column(&lines, Line::deposit_posting))
    .bind(column(&lines, |l| l.entry.value_date))
    .bind(column(&lines, |l| l.entry.kind.code()))
    .execute(conn)
    .await?;
    Ok(())
}

async fn insert_movements(conn: &mut PgConnection, accepted: &[Movement]) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO movements (movement_id, request_id, fingerprint, loan_id, customer_id, account_number, \
             amount_minor, moved_minor, quote_id, accepted_at, business_date, value_date, currency, kind, status) \
         SELECT new.movement_id, new.request_id, new.fingerprint, new.loan_id, new.customer_id, new.account_number, \
             new.amount_minor, 0, new.quote_id, new.accepted_at, new.business_date, new.value_date, new.currency, \
             new.kind, 'PENDING' \
         FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[], $6::bigint[], $7::bigint[], \
                 $8::uuid[], $9::timestamptz[], $10::date[], $11::date[], $12::text[], $13::text[]) \
             AS new (movement_id, request_id, fingerprint, loan_id, customer_id, account_number, amount_minor, \
                 quote_id, accepted_at, business_date, value_date, currency, kind)",
    )
    .bind(column(accepted, |m: &Movement| m.id.as_uuid()))
    .bind(column(accepted, |m| m.request_id.as_uuid()))
    .bind(column(accepted, |m| m.fingerprint))
    .bind(column(accepted, |m| m.loan_id.as_uuid()))
    .bind(column(accepted, |m| m.customer_id.as_uuid()))
    .bind(column(accepted, |m| m.account.as_i64()))
    .bind(column(accepted, |m| m.amount_minor))
    .bind(column(accepted, |m| m.quote_id))
    .bind(column(accepted, |m| m.accepted_at))
    .bind(column(accepted, |m| m.business_date.as_date()))
    .bind(column(accepted, |m| m.value_date))
    .bind(column(accepted, |m| m.currency.code()))
    .bind(column(accepted, |m| m.kind.code()))
    .execute(conn)
    .await?;
    Ok(())
}

async fn end_movements(conn: &mut PgConnection, ended: &[Movement]) -> Result<(), Error> {
    let refusal = |movement: &Movement| match movement.status {
        MovementStatus::Refused(rejection) => Some(Rejection::code(rejection)),
        MovementStatus::Pending | MovementStatus::Done => None,
    };
    sqlx::query(
        "UPDATE movements SET status = new.status, moved_minor = new.moved_minor, refusal = new.refusal, \
             ended_at = new.ended_at \
         FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[]) \
             AS new (movement_id, status, moved_minor, refusal, ended_at) \
         WHERE movements.movement_id = new.movement_id",
    )
    .bind(column(ended, |m: &Movement| m.id.as_uuid()))
    .bind(column(ended, |m| m.status.code()))
    .bind(column(ended, |m| m.moved_minor))
    .bind(column(ended, refusal))
    .bind(column(ended, |m| m.ended_at))
    .execute(conn)
    .await?;
    Ok(())
}

async fn insert_quotes(
    conn: &mut PgConnection,
    quotes: &[(Uuid, LoanId, Quote)],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    type Row = (Uuid, LoanId, Quote);
    sqlx::query(
        "INSERT INTO quotes (quoted_at, quote_id, loan_id, principal_minor, interest_minor, penalty_minor, \
             compound_minor, fee_minor, loan_version, valid_through, kind) \
         SELECT $1, new.quote_id, new.loan_id, new.principal_minor, new.interest_minor, new.penalty_minor, \
             new.compound_minor, new.fee_minor, new.loan_version, new.valid_through, new.kind \
         FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], \
                 $9::bigint[], $10::date[], $11::text[]) \
             AS new (quote_id, loan_id, principal_minor, interest_minor, penalty_minor, compound_minor, fee_minor, \
                 loan_version, valid_through, kind)",
    )
    .bind(now)
    .bind(column(quotes, |(id, ..): &Row| *id))
    .bind(column(quotes, |(_, loan_id, _)| loan_id.as_uuid()))
    .bind(column(quotes, |(.., quote)| quote.amounts.principal_minor))
    .bind(column(quotes, |(.., quote)| quote.amounts.interest_minor))
    .bind(column(quotes, |(.., quote)| quote.amounts.penalty_minor))
    .bind(column(quotes, |(.., quote)| quote.amounts.compound_minor))
    .bind(column(quotes, |(.., quote)| quote.amounts.fee_minor))
    .bind(column(quotes, |(.., quote)| quote.loan_version))
    .bind(column(quotes, |(.., quote)| quote.valid_through))
    .bind(column(quotes, |(.., quote)| quote.kind.code()))
    .execute(conn)
    .await?;
    Ok(())
}

async fn insert_outcomes(conn: &mut PgConnection, outcomes: &[Outcome]) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO outcomes (request_id, fingerprint, decided_at, loan_id, subject_id, amount_minor, \
             business_date, currency, kind, result) \
         SELECT new.request_id, new.fingerprint, new.decided_at, new.loan_id, new.subject_id, new.amount_minor, \
             new.business_date, new.currency, new.kind, new.result \
         FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::uuid[], $5::uuid[], $6::bigint[], $7::date[], \
                 $8::text[], $9::text[], $10::text[]) \
             AS new (request_id, fingerprint, decided_at, loan_id, subject_id, amount_minor, business_date, \
                 currency, kind, result)",
    )
    .bind(column(outcomes, |o: &Outcome| o.request_id.as_uuid()))
    .bind(column(outcomes, |o| o.fingerprint))
    .bind(column(outcomes, |o| o.decided_at))
    .bind(column(outcomes, |o| o.loan_id.map(LoanId::as_uuid)))
    .bind(column(outcomes, |o| o.subject_id))
    .bind(column(outcomes, |o| o.amount_minor))
    .bind(column(outcomes, |o| o.business_date.as_date()))
    .bind(column(outcomes, |o| o.currency.code()))
    .bind(column(outcomes, |o| o.kind.code()))
    .bind(column(outcomes, |o| o.decision.code()))
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes the postings, and the outbox row that tells accounting of them.
pub async fn tell(
    conn: &mut PgConnection,
    told: &[Told],
    business_date: BusinessDate,
    payload: Option<Vec<u8>>,
) -> Result<(), Error> {
    let Some(payload) = payload else { return Ok(()) };
    let value_dates: Vec<NaiveDate> = column(told, |t: &Told| t.value_date);
    sqlx::query(include_str!("sql/tell.sql"))
        .bind(business_date.as_date())
        .bind(payload)
        .bind(column(told, |t: &Told| t.id.as_uuid()))
        .bind(column(told, |t| t.loan_id.map(LoanId::as_uuid)))
        .bind(column(told, |t| t.event.amounts.principal_minor))
        .bind(column(told, |t| t.event.amounts.interest_minor))
        .bind(column(told, |t| t.event.amounts.penalty_minor))
        .bind(column(told, |t| t.event.amounts.compound_minor))
        .bind(column(told, |t| t.event.amounts.fee_minor))
        .bind(column(told, |t| t.event.amounts.provision_minor))
        .bind(value_dates)
        .bind(column(told, |t| t.event.reversal))
        .bind(column(told, |t| t.currency.code()))
        .bind(column(told, |t| t.product.as_str()))
        .bind(column(told, |t| t.event.kind.code()))
        .execute(conn)
        .await?;
    Ok(())
}
