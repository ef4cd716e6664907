//! V1: every journal balances per currency and carries one business date; the general ledger is the sum of its
//! lines, per account, currency and business date; the trial balance of every date sums to zero.

use sqlx::PgConnection;
use sqlx::types::Uuid;
use sqlx::types::chrono::NaiveDate;
use tokio_stream::StreamExt as _;

use super::{Check, Findings};

const UNBALANCED_JOURNALS: &str = include_str!("sql/unbalanced_journals.sql");
const LEDGER_SUMS: &str = include_str!("sql/ledger_sums.sql");
const TRIAL_BALANCE: &str = include_str!("sql/trial_balance.sql");
const COUNT: &str = "SELECT (SELECT count(*) FROM journals) + (SELECT count(*) FROM journal_lines) + (SELECT count(*) FROM gl_balances)";

pub(super) async fn check(accounting: &mut PgConnection) -> anyhow::Result<Check> {
    let mut findings = Findings::default();
    findings.examined(sqlx::query_scalar(COUNT).fetch_one(&mut *accounting).await?);
    trial_balance(accounting, &mut findings).await?;
    ledger_sums(accounting, &mut findings).await?;
    let mut journals = sqlx::query_as::<_, Unbalanced>(UNBALANCED_JOURNALS).fetch(accounting);
    while let Some(journal) = journals.try_next().await? {
        findings.add(journal.describe());
    }
    drop(journals);
    Ok(findings.into_check(
        "V1",
        "journals balance, the ledger is the sum of its lines, the trial balance is zero",
    ))
}

async fn trial_balance(
    accounting: &mut PgConnection,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let sums: Vec<(String, NaiveDate, String, String)> =
        sqlx::query_as(TRIAL_BALANCE).fetch_all(accounting).await?;
    for (currency, date, debit, credit) in sums {
        findings.add(format!(
            "trial balance of {date} in {currency}: debits are {debit}, credits {credit}"
        ));
    }
    Ok(())
}

async fn ledger_sums(accounting: &mut PgConnection, findings: &mut Findings) -> anyhow::Result<()> {
    let sums: Vec<LedgerSum> = sqlx::query_as(LEDGER_SUMS).fetch_all(accounting).await?;
    for sum in sums {
        findings.add(format!(
            "ledger account {} on {} in {}: balance says debit {} credit {}, lines sum to debit {} credit {}",
            sum.gl_account,
            sum.business_date,
            sum.currency,
            sum.debit_minor,
            sum.credit_minor,
            sum.line_debit_minor,
            sum.line_credit_minor
        ));
    }
    Ok(())
}

/// A sum of the general ledger that its lines do not give.
#[derive(sqlx::FromRow)]
struct LedgerSum {
    gl_account: String,
    currency: String,
    business_date: NaiveDate,
    debit_minor: i64,
    credit_minor: i64,
    line_debit_minor: String,
    line_credit_minor: String,
}

/// A journal that does not balance, or that has no lines, or lines without a journal.
#[derive(sqlx::FromRow)]
struct Unbalanced {
    journal_id: Uuid,
    business_date: NaiveDate,
    orphan: bool,
    currency: String,
    lines: i64,
    debit_minor: String,
    credit_minor: String,
}

impl Unbalanced {
    fn describe(&self) -> String {
        let (id, date) = (self.journal_id, self.business_date);
        if self.orphan {
            return format!("journal {id} of {date} does not exist, but has {} lines", self.lines);
        }
        if self.lines == 0 {
            return format!("journal {id} of {date} has no lines");
        }
        format!(
            "journal {id} of {date} in {}: debits are {}, credits {}",
            self.currency, self.debit_minor, self.credit_minor
        )
    }
}
