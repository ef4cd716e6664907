//! The numbered truths about the books, checked by one piece of code that the tests, the load test and
//! `bank verify` all call.
//!
//! | | what must be true | where |
//! |---|---|---|
//! | V1 | each journal balances, the general ledger is the sum of its lines, the trial balance is zero | `ledger` |
//! | V2 | each account is the sum of its entries, gapless and chained; entries and outcomes say the same | `accounts` |
//! | V3 | deposit, loan and card balances equal the general ledger's control accounts, posting by posting | `tie_out` |
//! | V4 | held money equals the active holds; no account below its limit; each hold ends exactly once; cards count and reserve what was authorized | `holds`, `card_use` |
//! | V5 | what a client was answered is what the books say | `record` |
//! | V6 | nothing is in flight for longer than its limit | `in_flight` |
//! | V7 | what is scheduled is what was paid out, and each loan follows from its entries; what was cleared is what was posted | `loans`, `clearing` |
//! | V9 | each audit log is a whole chain through every exported head | `audit` |
//!
//! Read only, set-based, and safe while the bank is working: each database is read in one snapshot, and what
//! was still on its way between two of them is followed until it has arrived. V5 needs a client's own record,
//! so it is a function of its own. `self_test` proves that each check can fail.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

mod accounts;
mod audit;
mod audit_plants;
mod card_plants;
mod card_use;
mod chart;
mod clearing;
mod findings;
mod holds;
mod in_flight;
mod ledger;
mod loan_plants;
mod loans;
mod movements;
mod planted_cards;
mod planted_loans;
mod plants;
mod postings;
mod record;
mod self_test;
mod snapshot;
mod tie_out;

pub use record::{Answer, BookedOutcome, Recorded, RunIds, check_record, outcomes_of_run};
pub use self_test::{SelfTestResult, self_test};

use findings::Findings;
use snapshot::Snapshot;

/// Where the books are: one URL per service database, on the primary.
///
/// For `check` a role that may read everything is enough (`auditor`); `self_test` needs a superuser.
#[derive(Debug, Clone)]
pub struct Books {
    /// Database of the deposit service.
    pub deposit_url: String,
    /// Database of the loan service.
    pub loan_url: String,
    /// Database of the card service.
    pub card_url: String,
    /// Database of the accounting service.
    pub accounting_url: String,
    /// Database of the customer service.
    pub customer_url: String,
    /// Where the services export the heads of their audit logs. What is not there yet has nothing to say.
    pub audit_heads: Vec<PathBuf>,
}

/// How long things may take before they count as violations.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long to wait for what was booked before the check to reach accounting. Default 30 s.
    pub settle: Duration,
    /// The oldest that an outbox row may be. Default 60 s.
    pub outbox_age: Duration,
    /// How long after its expiry a hold may still be active. Default 10 min.
    pub expired_hold_age: Duration,
    /// How long money may be on its way between a loan and an account. Default 10 min.
    pub movement_age: Duration,
    /// How long what cards ask of deposit may be on its way. Default 10 min.
    pub order_age: Duration,
    /// How long a record of a clearing file may be posting. Default 1 h.
    pub clearing_age: Duration,
    /// How long a hold for a card may be there before its authorization is decided, or it is swept. Default 45 min.
    pub undecided_hold_age: Duration,
    /// How long a business date may be closing. Default 10 min.
    pub closing_age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(30),
            outbox_age: Duration::from_mins(1),
            expired_hold_age: Duration::from_mins(10),
            movement_age: Duration::from_mins(10),
            order_age: Duration::from_mins(10),
            clearing_age: Duration::from_hours(1),
            undecided_hold_age: Duration::from_mins(45),
            closing_age: Duration::from_mins(10),
        }
    }
}

/// What the checks found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// True where every check passed.
    pub passed: bool,
    /// One per invariant, by id.
    pub checks: Vec<Check>,
}

impl Report {
    /// A report of these checks.
    pub fn of(checks: Vec<Check>) -> Self {
        Self { passed: checks.iter().all(|check| check.passed), checks }
    }

    /// Adds a check, such as V5 of a load test, in its place.
    pub fn add(&mut self, check: Check) {
        self.passed &= check.passed;
        self.checks.push(check);
        self.checks.sort_by_key(|check| check.id);
    }
}

/// What became of one invariant.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// Its number: "V1".
    pub id: &'static str,
    /// What it says, in one line.
    pub name: &'static str,
    /// True where nothing contradicts it.
    pub passed: bool,
    /// How many rows, or requests, were looked at.
    pub examined: u64,
    /// The first 20 contradictions, one line each with both figures; then one that counts the rest.
    pub violations: Vec<String>,
}

/// Checks V1 to V4, V6, V7 and V9 with the default limits.
///
/// # Errors
/// A database cannot be read. A violation is not an error.
pub async fn check(books: &Books) -> anyhow::Result<Report> {
    check_within(books, &Limits::default()).await
}

/// Checks V1 to V4, V6, V7 and V9.
///
/// # Errors
/// A database cannot be read. A violation is not an error.
pub async fn check_within(books: &Books, limits: &Limits) -> anyhow::Result<Report> {
    let heads = audit::read_heads(&books.audit_heads)?;
    let mut snapshot = Snapshot::take(books, limits).await?;
    let mut report = check_snapshot(&mut snapshot, limits).await?;
    report.add(audit::check(&mut snapshot, &heads).await?);
    Ok(report)
}

async fn check_snapshot(snapshot: &mut Snapshot, limits: &Limits) -> anyhow::Result<Report> {
    let Snapshot { deposit, loan, card, accounting, .. } = snapshot;
    let of_deposit =
        async { anyhow::Ok((accounts::check(deposit).await?, holds::in_deposit(deposit).await?)) };
    let of_card = async { anyhow::Ok((card_use::usage(card).await?, clearing::find(card).await?)) };
    // Four databases, four backends: they need not wait for each other.
    let ((v2, mut v4), mut v7, (usage, cleared), v1) =
        tokio::try_join!(of_deposit, loans::find(loan), of_card, ledger::check(accounting))?;
    v4.join(usage);
    v7.join(cleared);
    let v4 = holds::finish(snapshot, limits, v4).await?;
    let v7 = clearing::finish(snapshot, v7).await?;
    let v3 = tie_out::check(snapshot).await?;
    let v6 = in_flight::check(snapshot, limits).await?;
    Ok(Report::of(vec![v1, v2, v3, v4, v6, v7]))
}
