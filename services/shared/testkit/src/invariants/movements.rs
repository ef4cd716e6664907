//! What deposit moved for another service is what that service says has moved, one by one: part of V3 for loans, whose
//! movements are so all that stands between the two in the general ledger; part of V7 for cards, whose orders they are.
//!
//! Each service writes down what it asks of deposit before it asks, and our snapshot of it is later than deposit's: what
//! deposit has moved and the service does not know is wrong whenever it is seen. What the service says is done, and
//! deposit's snapshot does not have, may have been made in between; so deposit is asked again.

use std::collections::HashSet;

use sqlx::PgConnection;
use sqlx::types::Uuid;
use tokio_stream::StreamExt as _;

use super::{Findings, Snapshot};

const MOVEMENT_ENTRIES: &str = include_str!("sql/movement_entries.sql");
const SETTLED_BY_MOVEMENTS: &str =
    concat!(include_str!("sql/loan_effects.sql"), include_str!("sql/settled_by_movements.sql"));
const POSTED_NOW: &str =
    "SELECT request_id FROM outcomes WHERE request_id = ANY($1) AND result = 'POSTED'";

/// A service that asks deposit to move money.
#[derive(Debug, Clone, Copy)]
struct Asker {
    name: &'static str,
    /// What it calls one of them.
    word: &'static str,
    /// What deposit moved.
    legs: &'static str,
    /// What the service says of it.
    known: &'static str,
}

const LOAN: Asker = Asker {
    name: "loan",
    word: "movement",
    legs: include_str!("sql/loan_legs.sql"),
    known: include_str!("sql/loan_movements.sql"),
};
const CARD: Asker = Asker {
    name: "card",
    word: "order",
    legs: include_str!("sql/card_legs.sql"),
    known: include_str!("sql/card_orders.sql"),
};

/// Of loans, and what loans booked for it.
pub(super) async fn check(snapshot: &mut Snapshot, findings: &mut Findings) -> anyhow::Result<()> {
    let Snapshot { deposit, loan, now, .. } = snapshot;
    compare(LOAN, (deposit, now.as_mut().map(|now| &mut now.deposit)), loan, findings).await?;
    booked(loan, findings).await
}

/// Of cards.
pub(super) async fn check_cards(
    snapshot: &mut Snapshot,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let Snapshot { deposit, card, now, .. } = snapshot;
    compare(CARD, (deposit, now.as_mut().map(|now| &mut now.deposit)), card, findings).await
}

async fn compare(
    asker: Asker,
    (deposit, now): (&mut PgConnection, Option<&mut PgConnection>),
    books: &mut PgConnection,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let unknown_to_deposit = walk(asker, deposit, books, findings).await?;
    let ids: Vec<Uuid> = unknown_to_deposit.iter().map(|leg| leg.movement_id).collect();
    let late: HashSet<Uuid> = match now {
        Some(now) if !ids.is_empty() => {
            let found: Vec<Uuid> = sqlx::query_scalar(POSTED_NOW).bind(&ids).fetch_all(now).await?;
            found.into_iter().collect()
        }
        _ => HashSet::new(),
    };
    for leg in unknown_to_deposit.iter().filter(|leg| !late.contains(&leg.movement_id)) {
        let what = format!("{} says that it is done, deposit has moved nothing", asker.name);
        findings.add(leg.describe(asker, &what));
    }
    Ok(())
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
    fn describe(&self, asker: Asker, what: &str) -> String {
        let (id, minor, currency) = (self.movement_id, self.amount_minor, &self.currency);
        let (word, account) = (asker.word, self.account_number);
        format!("{word} {id}, {minor} {currency} to account {account:016}: {what}")
    }
}

/// What the service says of it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
struct Movement {
    #[sqlx(flatten)]
    leg: Leg,
    status: String,
}

impl Movement {
    /// Against what deposit has moved.
    fn report(&self, asker: Asker, moved: &Leg, findings: &mut Findings) {
        let name = asker.name;
        match self.status.as_str() {
            "DONE" if self.leg != *moved => {
                let (minor, account) = (self.leg.amount_minor, self.leg.account_number);
                let currency = &self.leg.currency;
                let what = format!("{name} says {minor} {currency} to account {account:016}");
                findings.add(moved.describe(asker, &what));
            }
            // Deposit has moved it, and the service has yet to hear.
            "DONE" | "PENDING" => {}
            status => {
                findings.add(moved.describe(asker, &format!("{name} says that it is {status}")));
            }
        }
    }
}

/// Walks both sides in order of the id, side by side; answers what the service says is done and deposit does not have.
async fn walk(
    asker: Asker,
    deposit: &mut PgConnection,
    books: &mut PgConnection,
    findings: &mut Findings,
) -> anyhow::Result<Vec<Leg>> {
    let mut moved = sqlx::query_as::<_, Leg>(asker.legs).fetch(deposit);
    let mut known = sqlx::query_as::<_, Movement>(asker.known).fetch(books);
    let mut unknown_to_deposit = Vec::new();
    let (mut ours, mut theirs) = tokio::try_join!(moved.try_next(), known.try_next())?;
    loop {
        let (mut advance_ours, mut advance_theirs) = (false, false);
        match (&ours, &theirs) {
            (None, None) => return Ok(unknown_to_deposit),
            (Some(leg), Some(movement)) if leg.movement_id == movement.leg.movement_id => {
                movement.report(asker, leg, findings);
                (advance_ours, advance_theirs) = (true, true);
            }
            (Some(leg), movement)
                if movement.as_ref().is_none_or(|m| leg.movement_id < m.leg.movement_id) =>
            {
                let what = format!("deposit has moved it, {} does not know it", asker.name);
                findings.add(leg.describe(asker, &what));
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
