//! V4: an account's held amount is the sum of its active holds; available money is never below the limit; each
//! hold was placed once and ends exactly once. And of cards: what they count as used and what is reserved for them is
//! what their authorizations imply (`card_use`).

use sqlx::PgConnection;
use sqlx::types::Uuid;
use tokio_stream::StreamExt as _;

use super::{Check, Findings, Limits, Snapshot, card_use};

const HOLD_SUMS: &str = include_str!("sql/hold_sums.sql");
const HOLD_LIVES: &str = include_str!("sql/hold_lives.sql");
const COUNT: &str = "SELECT (SELECT count(*) FROM accounts) + (SELECT count(*) FROM holds)";

pub(super) async fn check(snapshot: &mut Snapshot, limits: &Limits) -> anyhow::Result<Check> {
    let mut findings = in_deposit(&mut snapshot.deposit).await?;
    findings.join(card_use::usage(&mut snapshot.card).await?);
    finish(snapshot, limits, findings).await
}

/// What is in both deposit and card, after what each of them shows alone.
pub(super) async fn finish(
    snapshot: &mut Snapshot,
    limits: &Limits,
    mut findings: Findings,
) -> anyhow::Result<Check> {
    card_use::holds(snapshot, limits.undecided_hold_age, &mut findings).await?;
    Ok(findings.into_check(
        "V4",
        "held money is the sum of active holds, nothing is below its limit, each hold ends once, cards count what was authorized",
    ))
}

pub(super) async fn in_deposit(deposit: &mut PgConnection) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    findings.examined(sqlx::query_scalar(COUNT).fetch_one(&mut *deposit).await?);
    let mut sums = sqlx::query_as::<_, Sum>(HOLD_SUMS).fetch(&mut *deposit);
    while let Some(sum) = sums.try_next().await? {
        sum.report(&mut findings);
    }
    drop(sums);
    let mut lives = sqlx::query_as::<_, Life>(HOLD_LIVES).fetch(&mut *deposit);
    while let Some(life) = lives.try_next().await? {
        findings.add(life.describe());
    }
    drop(lives);
    Ok(findings)
}

/// An account whose held amount or limit is wrong.
#[derive(sqlx::FromRow)]
struct Sum {
    account_number: i64,
    held_minor: i64,
    remaining_minor: String,
    balance_minor: i64,
    overdraft_minor: i64,
}

impl Sum {
    fn report(&self, findings: &mut Findings) {
        let number = self.account_number;
        if self.held_minor.to_string() != self.remaining_minor {
            findings.add(format!(
                "account {number:016}: held is {}, its active holds reserve {}",
                self.held_minor, self.remaining_minor
            ));
        }
        let unreserved = self.balance_minor.saturating_sub(self.held_minor);
        if unreserved < self.overdraft_minor.saturating_neg() {
            findings.add(format!(
                "account {number:016}: balance {} less held {} is below the limit of {}",
                self.balance_minor,
                self.held_minor,
                self.overdraft_minor.saturating_neg()
            ));
        }
    }
}

/// A hold that its outcomes do not explain.
#[derive(sqlx::FromRow)]
struct Life {
    hold_id: Uuid,
    status: String,
    placed_minor: i64,
    remaining_minor: i64,
    placings: i64,
    captures: i64,
    captured_minor: String,
    releases: i64,
    released_minor: String,
}

impl Life {
    fn describe(&self) -> String {
        format!(
            "hold {}: {} with {} of {} reserved, but outcomes say placed {}×, captured {} in {}×, \
             released {} in {}×",
            self.hold_id,
            self.status,
            self.remaining_minor,
            self.placed_minor,
            self.placings,
            self.captured_minor,
            self.captures,
            self.released_minor,
            self.releases
        )
    }
}
