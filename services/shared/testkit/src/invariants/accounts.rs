//! V2: each account's balance is the sum of its entries; the sequence of entries has no gap; each balance_after
//! follows from the one before; and each posted movement has exactly its entries, each entry its movement.

use sqlx::PgConnection;
use sqlx::types::Uuid;
use tokio_stream::StreamExt as _;

use super::{Check, Findings};

const ACCOUNT_CHAINS: &str = include_str!("sql/account_chains.sql");
const OUTCOME_LEGS: &str = include_str!("sql/outcome_legs.sql");
const COUNT: &str = "SELECT (SELECT count(*) FROM accounts) + (SELECT count(*) FROM entries) + (SELECT count(*) FROM outcomes)";

pub(super) async fn check(deposit: &mut PgConnection) -> anyhow::Result<Check> {
    let mut findings = Findings::default();
    findings.examined(sqlx::query_scalar(COUNT).fetch_one(&mut *deposit).await?);
    let mut chains = sqlx::query_as::<_, Chain>(ACCOUNT_CHAINS).fetch(&mut *deposit);
    while let Some(chain) = chains.try_next().await? {
        chain.report(&mut findings);
    }
    drop(chains);
    let mut legs = sqlx::query_as::<_, Legs>(OUTCOME_LEGS).fetch(&mut *deposit);
    while let Some(legs) = legs.try_next().await? {
        findings.add(legs.describe());
    }
    drop(legs);
    Ok(findings.into_check(
        "V2",
        "each balance is the sum of its entries, in a gapless chain, one movement one set of entries",
    ))
}

/// An account that disagrees with its entries.
#[derive(sqlx::FromRow)]
struct Chain {
    account_number: i64,
    orphan: bool,
    balance_minor: i64,
    // The sum of bigints is numeric; as text it is compared and shown without loss.
    total_minor: String,
    account_sequence: i64,
    last_sequence: i64,
    entries: i64,
    gap_before: Option<i64>,
    broken_at: Option<i64>,
}

impl Chain {
    fn report(&self, findings: &mut Findings) {
        let number = self.account_number;
        if self.orphan {
            findings.add(format!(
                "account {number:016} does not exist but has {} entries that sum to {}",
                self.entries, self.total_minor
            ));
            return;
        }
        if let Some(sequence) = self.gap_before {
            findings.add(format!(
                "account {number:016}: sequence jumps before entry {sequence}; the account counts {}, \
                 {} entries exist",
                self.account_sequence, self.entries
            ));
        } else if self.account_sequence != self.last_sequence {
            findings.add(format!(
                "account {number:016}: last_sequence is {}, its last entry is {}",
                self.account_sequence, self.last_sequence
            ));
        }
        if let Some(sequence) = self.broken_at {
            findings.add(format!(
                "account {number:016}: balance_after of entry {sequence} is not the one before plus the amount"
            ));
        }
        if self.balance_minor.to_string() != self.total_minor {
            findings.add(format!(
                "account {number:016}: balance is {}, its {} entries sum to {}",
                self.balance_minor, self.entries, self.total_minor
            ));
        }
    }
}

/// A request whose outcome and entries disagree.
#[derive(sqlx::FromRow)]
struct Legs {
    request_id: Uuid,
    posted: bool,
    expected_debit_account: Option<i64>,
    expected_credit_account: Option<i64>,
    expected_minor: i64,
    entries: i64,
    debit_account: Option<i64>,
    debit_minor: i64,
    credit_account: Option<i64>,
    credit_minor: i64,
    other_date: bool,
}

impl Legs {
    fn describe(&self) -> String {
        let id = self.request_id;
        let found = format!(
            "{} entries: debit {} of {}, credit {} of {}",
            self.entries,
            account(self.debit_account),
            -self.debit_minor,
            account(self.credit_account),
            self.credit_minor
        );
        if !self.posted {
            return format!("request {id} has no posted movement, but {found}");
        }
        let date = if self.other_date { ", on another business date" } else { "" };
        format!(
            "request {id} moved {} from {} to {}, but has {found}{date}",
            self.expected_minor,
            account(self.expected_debit_account),
            account(self.expected_credit_account)
        )
    }
}

fn account(number: Option<i64>) -> String {
    number.map_or_else(|| "none".to_owned(), |number| format!("{number:016}"))
}
