//! Part of V3: what deposit moved for loans is what loans say has moved, movement by movement, and what loans booked for
//! it. So what stands between the two in the general ledger is on its way, and nothing else.
//!
//! Loans write a movement down before they ask deposit, and our snapshot of loan is the later one: a movement that loans
//! do not know is wrong whenever it is seen. One that loans say is done, and that deposit's snapshot does not have, may
//! have been made in between; so deposit is asked again.

use std::collections::HashSet;

use sqlx::PgConnection;
use sqlx::types::Uuid;
use tokio_stream::StreamExt as _;

use super::{Findings, Snapshot};

const LOAN_LEGS: &str = include_str!("sql/loan_legs.sql");
const LOAN_MOVEMENTS: &str = include_str!("sql/loan_movements.sql");
const MOVEMENT_ENTRIES: &str = include_str!("sql/movement_entries.sql");
const SETTLED_BY_MOVEMENTS: &str =
    concat!(include_str!("sql/loan_effects.sql"), include_str!("sql/settled_by_movements.sql"));
const POSTED_NOW: &str =
    "SELECT request_id FROM outcomes WHERE request_id = ANY($1) AND result = 'POSTED'";

pub(super) async fn check(snapshot: &mut Snapshot, findings: &mut Findings) -> anyhow::Result<()> {
    let Snapshot { deposit, loan, now, .. } = snapshot;
    let unknown_to_deposit = walk(deposit, loan, findings).await?;
    let ids: Vec<Uuid> = unknown_to_deposit.iter().map(|leg| leg.movement_id).collect();
    let late: HashSet<Uuid> = match now {
        Some(now) if !ids.is_empty() => {
            let found: Vec<Uuid> =
                sqlx::query_scalar(POSTED_NOW).bind(&ids).fetch_all(&mut now.deposit).await?;
            found.into_iter().collect()
        }
        _ => HashSet::new(),
    };
    for leg in unknown_to_deposit.iter().filter(|leg| !late.contains(&leg.movement_id)) {
        findings.add(leg.describe("loan says that it is done, deposit has moved nothing"));
    }
    booked(loan, findings).await
}

/// What one side says of a movement. To an account is positive.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
struct Leg {
    movement_id: Uuid,
    currency: String,
    account_number: i64,
    amount_minor: i64,
}

impl Leg {
    fn describe(&self, what: &str) -> String {
        let (id, minor, currency) = (self.movement_id, self.amount_minor, &self.currency);
        format!("movement {id}, {minor} {currency} to account {:016}: {what}", self.account_number)
    }
}

/// What loans say of it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
struct Movement {
    #[sqlx(flatten)]
    leg: Leg,
    status: String,
}

impl Movement {
    /// Against what deposit has moved.
    fn report(&self, moved: &Leg, findings: &mut Findings) {
        match self.status.as_str() {
            "DONE" if self.leg != *moved => {
                let (minor, account) = (self.leg.amount_minor, self.leg.account_number);
                let currency = &self.leg.currency;
                findings.add(
                    moved.describe(&format!(
                        "loan says {minor} {currency} to account {account:016}"
                    )),
                );
            }
            // Deposit has moved it, and loan has yet to hear.
            "DONE" | "PENDING" => {}
            status => findings.add(moved.describe(&format!("loan says that it is {status}"))),
        }
    }
}

/// Walks both sides in order of the id, side by side; answers what loans say is done and deposit does not have.
async fn walk(
    deposit: &mut PgConnection,
    loan: &mut PgConnection,
    findings: &mut Findings,
) -> anyhow::Result<Vec<Leg>> {
    let mut moved = sqlx::query_as::<_, Leg>(LOAN_LEGS).fetch(deposit);
    let mut known = sqlx::query_as::<_, Movement>(LOAN_MOVEMENTS).fetch(loan);
    let mut unknown_to_deposit = Vec::new();
    let (mut ours, mut theirs) = tokio::try_join!(moved.try_next(), known.try_next())?;
    loop {
        let (mut advance_ours, mut advance_theirs) = (false, false);
        match (&ours, &theirs) {
            (None, None) => return Ok(unknown_to_deposit),
            (Some(leg), Some(movement)) if leg.movement_id == movement.leg.movement_id => {
                movement.report(leg, findings);
                (advance_ours, advance_theirs) = (true, true);
            }
            (Some(leg), movement)
                if movement.as_ref().is_none_or(|m| leg.movement_id < m.leg.movement_id) =>
            {
                findings.add(leg.describe("deposit has moved it, loan does not know it"));
                advance_ours = true;
            }
            (_, movement) => {
                let done = movement.iter().filter(|movement| movement.status == "DONE");
                unknown_to_deposit.extend(done.map(|movement| movement.leg.clone()));
                advance_theirs = true;
            }
        }
        findings.examined(1);
        if advance_ours {
            ours = moved.try_next().await?;
        }
        if advance_theirs {
            theirs = known.try_next().await?;
        }
    }
}

/// What loans booked for the movements that are done: in their own history, and for accounting.
async fn booked(loan: &mut PgConnection, findings: &mut Findings) -> anyhow::Result<()> {
    let wrong: Vec<(Uuid, i64, i64, String)> =
        sqlx::query_as(MOVEMENT_ENTRIES).fetch_all(&mut *loan).await?;
    for (movement, moved, entries, sum) in wrong {
        findings.add(format!(
            "movement {movement}: {moved} has moved, {entries} entries of its loan come to {sum}"
        ));
    }
    let wrong: Vec<(String, String, String)> =
        sqlx::query_as(SETTLED_BY_MOVEMENTS).fetch_all(loan).await?;
    for (currency, done, booked) in wrong {
        findings.add(format!(
            "loans in {currency}: movements that are done come to {done}, what was booked for them to {booked}"
        ));
    }
    Ok(())
}
