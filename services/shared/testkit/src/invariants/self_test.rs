//! A checker that was never seen to fail proves nothing: this plants one discrepancy of each kind, runs the same
//! checks, and says whether exactly the right ones reported it.
//!
//! For a scratch copy of the books, with a superuser's URLs: triggers are switched off and constraints dropped, in
//! database transactions that are always rolled back.

use std::time::Duration;

use serde::Serialize;
use sqlx::types::Uuid;
use sqlx::{Executor as _, PgConnection};

use super::plants::{self, Place, Plant};
use super::{
    Answer, BookedOutcome, Books, Check, Limits, Recorded, Snapshot, accounts, audit_plants,
    check_record, clearing, holds, in_flight, ledger, planted_cards, planted_loans, tie_out,
};

const PLANTING_DEPOSIT: &str = include_str!("sql/planting_deposit.sql");
const PLANTING_ACCOUNTING: &str = include_str!("sql/planting_accounting.sql");

/// Whether one planted discrepancy was found.
#[derive(Debug, Clone, Serialize)]
pub struct SelfTestResult {
    /// The invariant that it is aimed at; "all" for the books before anything was planted.
    pub invariant: &'static str,
    /// What was planted.
    pub planted: &'static str,
    /// True where exactly the expected invariants reported it.
    pub found: bool,
    /// What they reported, or what went wrong.
    pub detail: String,
}

/// Plants, checks and takes back, one discrepancy after the other.
///
/// # Errors
/// A database cannot be used as a superuser, or does not hold the books. A discrepancy that was not found is not
/// an error.
pub async fn self_test(admin: &Books) -> anyhow::Result<Vec<SelfTestResult>> {
    // Nobody delivers or expires anything in a copy, so only what was planted may count as old.
    let day = Duration::from_hours(24);
    let limits = Limits {
        settle: Duration::ZERO,
        outbox_age: day,
        expired_hold_age: day,
        movement_age: day,
        order_age: day,
        clearing_age: day,
        undecided_hold_age: day,
        closing_age: day,
    };
    let clean = super::check_within(admin, &limits).await?;
    let mut results = vec![SelfTestResult {
        invariant: "all",
        planted: "nothing",
        found: clean.passed,
        detail: describe(&clean.checks.iter().collect::<Vec<_>>()),
    }];
    results.push(sound("two sound loans", planted_loans::lay, admin, &limits).await?);
    results.push(sound("a sound card", planted_cards::lay, admin, &limits).await?);
    for plant in plants::all() {
        let mut snapshot = Snapshot::take_for_planting(admin).await?;
        let result = try_plant(&plant, &mut snapshot, &limits).await?;
        snapshot.roll_back().await?;
        results.push(result);
    }
    results.extend(audit_plants::all(admin).await?);
    results.extend(record_plants());
    Ok(results)
}

/// What is laid in must pass every check, or what is planted in it would prove nothing.
async fn sound(
    planted: &'static str,
    lay: impl AsyncFnOnce(&mut Snapshot) -> anyhow::Result<()>,
    admin: &Books,
    limits: &Limits,
) -> anyhow::Result<SelfTestResult> {
    let mut snapshot = Snapshot::take_for_planting(admin).await?;
    lay(&mut snapshot).await?;
    let report = super::check_snapshot(&mut snapshot, limits).await?;
    snapshot.roll_back().await?;
    Ok(SelfTestResult {
        invariant: "all",
        planted,
        found: report.passed,
        detail: describe(&report.checks.iter().collect::<Vec<_>>()),
    })
}

async fn try_plant(
    plant: &Plant,
    snapshot: &mut Snapshot,
    limits: &Limits,
) -> anyhow::Result<SelfTestResult> {
    let connection = prepare(plant.place, snapshot).await?;
    let result = |found, detail| SelfTestResult {
        invariant: plant.expected.first().copied().unwrap_or("all"),
        planted: plant.what,
        found,
        detail,
    };
    for statement in plant.place.statements() {
        if connection.execute(*statement).await?.rows_affected() == 0 {
            return Ok(result(
                false,
                "could not be planted: these books have nothing to spoil".to_owned(),
            ));
        }
    }
    let checks = checks(plant.place, snapshot, limits).await?;
    let reported: Vec<&Check> = checks.iter().filter(|check| !check.passed).collect();
    let ids: Vec<&str> = reported.iter().map(|check| check.id).collect();
    let mut expected = plant.expected.to_vec();
    expected.sort_unstable();
    if ids == expected {
        return Ok(result(true, describe(&reported)));
    }
    let found = if ids.is_empty() { "no check".to_owned() } else { ids.join(" and ") };
    let detail = format!(
        "reported by {found}, expected {}: {}",
        expected.join(" and "),
        describe(&reported)
    );
    Ok(result(false, detail))
}

/// Lays in what there is to be spoilt, and says where.
async fn prepare(place: Place, snapshot: &mut Snapshot) -> anyhow::Result<&mut PgConnection> {
    Ok(match place {
        Place::Deposit(_) => {
            snapshot.deposit.execute(PLANTING_DEPOSIT).await?;
            &mut snapshot.deposit
        }
        Place::Accounting(_) => {
            snapshot.accounting.execute(PLANTING_ACCOUNTING).await?;
            &mut snapshot.accounting
        }
        Place::Loan(_) => {
            planted_loans::lay(snapshot).await?;
            &mut snapshot.loan
        }
        Place::LoansInLedger(_) => {
            planted_loans::lay(snapshot).await?;
            &mut snapshot.accounting
        }
        Place::Card(_) => {
            planted_cards::lay(snapshot).await?;
            &mut snapshot.card
        }
        Place::CardsInDeposit(_) => {
            planted_cards::lay(snapshot).await?;
            &mut snapshot.deposit
        }
        Place::CardsInLedger(_) => {
            planted_cards::lay(snapshot).await?;
            &mut snapshot.accounting
        }
    })
}

/// The checks that could notice: what was planted in one database cannot change one that only reads another.
async fn checks(
    place: Place,
    snapshot: &mut Snapshot,
    limits: &Limits,
) -> anyhow::Result<Vec<Check>> {
    let mut checks = match place {
        Place::Deposit(_) => vec![
            accounts::check(&mut snapshot.deposit).await?,
            holds::check(snapshot, limits).await?,
        ],
        Place::Accounting(_) | Place::LoansInLedger(_) | Place::CardsInLedger(_) => {
            vec![ledger::check(&mut snapshot.accounting).await?]
        }
        Place::Loan(_) => vec![clearing::check(snapshot).await?],
        Place::Card(_) => {
            vec![holds::check(snapshot, limits).await?, clearing::check(snapshot).await?]
        }
        Place::CardsInDeposit(_) => vec![
            accounts::check(&mut snapshot.deposit).await?,
            holds::check(snapshot, limits).await?,
            clearing::check(snapshot).await?,
        ],
    };
    checks.push(tie_out::check(snapshot).await?);
    checks.push(in_flight::check(snapshot, limits).await?);
    checks.sort_by_key(|check| check.id);
    Ok(checks)
}

/// The first violation of each check that failed.
fn describe(checks: &[&Check]) -> String {
    let first = |check: &&Check| {
        check.violations.first().map(|violation| format!("{}: {violation}", check.id))
    };
    let lines: Vec<String> = checks.iter().filter_map(first).collect();
    if lines.is_empty() { "nothing to report".to_owned() } else { lines.join("; ") }
}

/// V5 compares a client's record with the books, so its discrepancies are planted in a record.
fn record_plants() -> Vec<SelfTestResult> {
    let id = Uuid::from_u128(1);
    let sent = |answer| Recorded {
        request_id: id,
        kind: "TRANSFER",
        debit_account: Some(1),
        credit_account: Some(2),
        amount_minor: Some(100),
        answer,
    };
    let booked = |result: &str, amount_minor| BookedOutcome {
        request_id: id,
        kind: "TRANSFER".to_owned(),
        result: result.to_owned(),
        debit_account: Some(1),
        credit_account: Some(2),
        amount_minor,
    };
    let posted = || sent(Answer::Posted);
    let cases: [(&'static str, Vec<Recorded>, Vec<BookedOutcome>); 6] = [
        ("an acknowledged request is not in the books", vec![posted()], vec![]),
        (
            "an acknowledged request is in the books twice",
            vec![posted()],
            vec![booked("POSTED", 100); 2],
        ),
        (
            "an acknowledged amount is another one in the books",
            vec![posted()],
            vec![booked("POSTED", 101)],
        ),
        (
            "an acknowledged request is refused in the books",
            vec![posted()],
            vec![booked("ACCOUNT_FROZEN", 100)],
        ),
        ("the books have a request that nobody sent", vec![], vec![booked("POSTED", 100)]),
        ("a request was never resolved", vec![sent(Answer::Unknown)], vec![booked("POSTED", 100)]),
    ];
    cases
        .into_iter()
        .map(|(planted, record, outcomes)| {
            let check = check_record(record, outcomes);
            SelfTestResult {
                invariant: "V5",
                planted,
                found: !check.passed,
                detail: describe(&[&check]),
            }
        })
        .collect()
}
