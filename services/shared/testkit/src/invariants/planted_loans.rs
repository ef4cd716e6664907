//! Two sound loans, laid into a copy of the books before the self-test spoils something of them: books need not have any
//! loans for their checks to be tried. One is being paid back; one was written off. Both were paid out to an account
//! that is laid in too, and everything is in the general ledger.

use sqlx::types::chrono::{NaiveDate, NaiveTime};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};

use super::Snapshot;

const DEPOSIT: &str = include_str!("sql/planted_loans_deposit.sql");
const LOAN: &str = include_str!("sql/planted_loans_loan.sql");
const ACCOUNTING: &str = concat!(
    include_str!("sql/planted_loans_accounting.sql"),
    include_str!("sql/planted_journals.sql")
);
const BUSINESS_DATE: &str =
    "SELECT coalesce(max(business_date), current_date) FROM business_days WHERE status = 'OPEN'";

/// Lays them in, on the business date.
pub(super) async fn lay(snapshot: &mut Snapshot) -> anyhow::Result<()> {
    let date = business_date(snapshot).await?;
    let Snapshot { deposit, loan, accounting, .. } = snapshot;
    for (connection, script) in [(deposit, DEPOSIT), (loan, LOAN), (accounting, ACCOUNTING)] {
        run(connection, script, date).await?;
    }
    Ok(())
}

/// The date on which things are laid in.
pub(super) async fn business_date(snapshot: &mut Snapshot) -> anyhow::Result<NaiveDate> {
    Ok(sqlx::query_scalar(BUSINESS_DATE).fetch_one(&mut snapshot.accounting).await?)
}

/// Runs a script in which the date and the ids of that date are left open.
pub(super) async fn run(
    connection: &mut PgConnection,
    script: &str,
    date: NaiveDate,
) -> anyhow::Result<()> {
    let script = script.replace("{date}", &date.to_string()).replace("{id}", &id_prefix(date));
    connection.execute(AssertSqlSafe(script)).await?;
    Ok(())
}

/// The ids of a date: UUIDv7 of its midnight, but for their last four digits.
fn id_prefix(date: NaiveDate) -> String {
    let millis = date.and_time(NaiveTime::MIN).and_utc().timestamp_millis();
    let hex = format!("{millis:012x}");
    let (high, low) = hex.split_at(8);
    format!("{high}-{low}-7000-8000-5e1f7e57")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_a_date_are_of_its_first_millisecond() {
        let date = NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();

        assert_eq!(id_prefix(date), "01a205b3-d000-7000-8000-5e1f7e57");
    }
}
