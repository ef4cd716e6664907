//! Of V7 what is about loans: the principal that is scheduled, or was paid back early, is what was paid out; what is
//! outstanding follows from a loan's entries, gapless and chained; and what of the schedule is paid, and what interest is
//! not, is what entries and loan say.

use sqlx::PgConnection;
use sqlx::types::Uuid;
use tokio_stream::StreamExt as _;

use super::Findings;

const LOAN_CHAINS: &str = include_str!("sql/loan_chains.sql");
const LOAN_SCHEDULES: &str = include_str!("sql/loan_schedules.sql");
const COUNT: &str = "SELECT (SELECT count(*) FROM loans) + (SELECT count(*) FROM loan_entries) + (SELECT count(*) FROM instalments)";

pub(super) async fn find(loan: &mut PgConnection) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    findings.examined(sqlx::query_scalar(COUNT).fetch_one(&mut *loan).await?);
    let mut chains = sqlx::query_as::<_, Chain>(LOAN_CHAINS).fetch(&mut *loan);
    while let Some(chain) = chains.try_next().await? {
        findings.add(chain.describe());
    }
    drop(chains);
    let mut schedules = sqlx::query_as::<_, Schedule>(LOAN_SCHEDULES).fetch(&mut *loan);
    while let Some(schedule) = schedules.try_next().await? {
        findings.add(schedule.describe());
    }
    drop(schedules);
    Ok(findings)
}

/// A loan that disagrees with its entries.
#[derive(sqlx::FromRow)]
struct Chain {
    loan_id: Uuid,
    entries: i64,
    last_sequence: i64,
    principal_minor: i64,
    disbursed_minor: i64,
    // The sum of bigints is numeric; as text it is compared and shown without loss.
    entries_principal_minor: String,
    entries_disbursed_minor: String,
    gap_before: Option<i64>,
    broken_at: Option<i64>,
}

impl Chain {
    fn describe(&self) -> String {
        let id = self.loan_id;
        if let Some(sequence) = self.gap_before {
            return format!("loan {id}: sequence jumps before entry {sequence}");
        }
        if let Some(sequence) = self.broken_at {
            return format!(
                "loan {id}: principal_after of entry {sequence} is not the one before and what it changed"
            );
        }
        format!(
            "loan {id}: {} of {} outstanding after entry {}, its {} entries come to {} of {}",
            self.principal_minor,
            self.disbursed_minor,
            self.last_sequence,
            self.entries,
            self.entries_principal_minor,
            self.entries_disbursed_minor
        )
    }
}

/// A loan that disagrees with its schedule.
#[derive(sqlx::FromRow)]
struct Schedule {
    loan_id: Uuid,
    disbursed_minor: i64,
    scheduled_minor: String,
    prepaid_minor: String,
    principal_minor: String,
    charges_minor: String,
    paid_principal_minor: String,
    paid_charges_minor: String,
    owed_minor: i64,
    unpaid_minor: String,
}

impl Schedule {
    fn describe(&self) -> String {
        format!(
            "loan {}: {} paid out, {} scheduled and {} paid back early; paid by the schedule {} and {} interest, by its \
             entries {} and {}; interest owed {}, by the schedule {}",
            self.loan_id,
            self.disbursed_minor,
            self.scheduled_minor,
            self.prepaid_minor,
            self.principal_minor,
            self.charges_minor,
            self.paid_principal_minor,
            self.paid_charges_minor,
            self.owed_minor,
            self.unpaid_minor
        )
    }
}
