//! What is asked of the bank, and of which accounts: a TOML file.
//!
//! Four scenarios are built in; a path to another file is taken as well. A file is checked as a whole before
//! anything is sent, and every problem names the key that it is about.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::order::Operation;

/// The scenarios that need no file.
pub const BUILT_IN: [(&str, &str); 4] = [
    ("transfer", include_str!("../../scenarios/transfer.toml")),
    ("mixed", include_str!("../../scenarios/mixed.toml")),
    ("hot", include_str!("../../scenarios/hot.toml")),
    ("cards", include_str!("../../scenarios/cards.toml")),
];

/// One scenario, checked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// For reports.
    pub name: String,
    /// One line, for people.
    pub description: String,
    /// How often each operation is asked for, relative to the others.
    pub operations: Weights,
    /// How accounts are chosen.
    pub accounts: Accounts,
    /// How much moves.
    pub amounts: Amounts,
    /// What the queries ask that run beside.
    #[serde(default)]
    pub queries: Queries,
}

/// Relative weights of the operations; an absent one never happens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weights {
    transfer: u32,
    cash_deposit: u32,
    cash_withdrawal: u32,
    place_hold: u32,
    capture_hold: u32,
    release_hold: u32,
    disburse_loan: u32,
    prepay_loan: u32,
    card_purchase: u32,
    card_completion: u32,
    card_reversal: u32,
}

impl Weights {
    /// The operations with their weights.
    pub fn list(&self) -> [(Operation, u32); 11] {
        [
            (Operation::Transfer, self.transfer),
            (Operation::CashDeposit, self.cash_deposit),
            (Operation::CashWithdrawal, self.cash_withdrawal),
            (Operation::PlaceHold, self.place_hold),
            (Operation::CaptureHold, self.capture_hold),
            (Operation::ReleaseHold, self.release_hold),
            (Operation::DisburseLoan, self.disburse_loan),
            (Operation::PrepayLoan, self.prepay_loan),
            (Operation::CardPurchase, self.card_purchase),
            (Operation::CardCompletion, self.card_completion),
            (Operation::CardReversal, self.card_reversal),
        ]
    }
}

/// How the accounts of an operation are chosen.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// All alike, or some busier than others.
    pub choice: Choice,
    /// Of the Zipf-like choice: 0 is uniform, 1 the classic law. Required with it, refused without.
    pub exponent: Option<f64>,
    /// Accounts that receive a fixed share of the credits.
    pub hot: Option<Hot>,
}

/// The law by which accounts are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// All accounts alike.
    Uniform,
    /// The account of rank k in proportion to 1/k^exponent.
    Zipf,
}

/// A few accounts that much of the traffic touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hot {
    /// How many.
    pub accounts: u32,
    /// Percent of the credits that go to one of them.
    #[serde(default)]
    pub credit_percent: u32,
    /// Percent of the debits that come from one of them.
    #[serde(default)]
    pub debit_percent: u32,
}

/// Amounts, each equally likely, both ends included, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amounts {
    /// The smallest.
    pub min_minor: i64,
    /// The largest.
    pub max_minor: i64,
}

/// What the queries ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Queries {
    /// Weight of a balance.
    pub balance: u32,
    /// Weight of the first page of a statement.
    pub statement: u32,
    /// Percent of the queries that ask for an account which the same session has just used.
    pub just_used_percent: u32,
}

impl Default for Queries {
    fn default() -> Self {
        Self { balance: 80, statement: 20, just_used_percent: 70 }
    }
}

impl Scenario {
    /// The built-in scenario of this name, or the file at this path.
    pub fn load(name_or_path: &str) -> anyhow::Result<Self> {
        if let Some((_, text)) = BUILT_IN.iter().find(|(name, _)| *name == name_or_path) {
            return Self::parse(text).with_context(|| format!("built-in scenario {name_or_path}"));
        }
        let path = Path::new(name_or_path);
        if !path.is_file() {
            let names: Vec<_> = BUILT_IN.iter().map(|(name, _)| *name).collect();
            bail!(
                "there is no scenario {name_or_path}: it is neither built in ({}) nor a file",
                names.join(", ")
            );
        }
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read scenario {name_or_path}"))?;
        Self::parse(&text).with_context(|| format!("scenario {name_or_path}"))
    }

    /// Whether there must be loans before it can run.
    pub fn needs_loans(&self) -> bool {
        self.operations.disburse_loan > 0 || self.operations.prepay_loan > 0
    }

    /// Whether there must be cards before it can run.
    pub fn needs_cards(&self) -> bool {
        self.operations.card_purchase > 0
    }

    /// Reads and checks the text of a scenario.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let scenario: Self = toml::from_str(text)?;
        let problems = scenario.problems();
        if problems.is_empty() {
            return Ok(scenario);
        }
        bail!("{}", problems.join("; "))
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.name.is_empty()
            || !self.name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        {
            problems.push("name: letters, digits, hyphen and underscore, at least one".to_owned());
        }
        let weights: u64 =
            self.operations.list().iter().map(|(_, weight)| u64::from(*weight)).sum();
        if weights == 0 {
            problems.push("operations: at least one weight must be above 0".to_owned());
        }
        let ends_holds = self.operations.capture_hold.max(self.operations.release_hold);
        if ends_holds > 0 && self.operations.place_hold == 0 {
            problems.push("operations: capture_hold and release_hold need place_hold".to_owned());
        }
        let follows = self.operations.card_completion.max(self.operations.card_reversal);
        if follows > 0 && self.operations.card_purchase == 0 {
            problems.push(
                "operations: card_completion and card_reversal need card_purchase".to_owned(),
            );
        }
        if self.operations.prepay_loan > 0 && self.operations.disburse_loan == 0 {
            problems.push("operations: prepay_loan needs disburse_loan".to_owned());
        }
        if self.amounts.min_minor < 1 || self.amounts.max_minor < self.amounts.min_minor {
            problems.push("amounts: 1 <= min_minor <= max_minor".to_owned());
        }
        if self.queries.balance.max(self.queries.statement) == 0 {
            problems.push("queries: balance or statement must be above 0".to_owned());
        }
        if self.queries.just_used_percent > 100 {
            problems.push("queries.just_used_percent: 0 to 100".to_owned());
        }
        self.accounts.problems(&mut problems);
        problems
    }
}

impl Accounts {
    fn problems(&self, problems: &mut Vec<String>) {
        match (self.choice, self.exponent) {
            (Choice::Uniform, None) => {}
            (Choice::Zipf, Some(exponent)) if exponent > 0.0 && exponent <= 3.0 => {}
            (Choice::Uniform, Some(_)) => {
                problems.push("accounts.exponent: only with choice = \"zipf\"".to_owned());
            }
            (Choice::Zipf, _) => {
                problems.push(
                    "accounts.exponent: above 0, at most 3, with choice = \"zipf\"".to_owned(),
                );
            }
        }
        let Some(hot) = self.hot else { return };
        if hot.accounts == 0 {
            problems.push("accounts.hot.accounts: at least 1".to_owned());
        }
        if hot.credit_percent > 100 || hot.debit_percent > 100 {
            problems.push("accounts.hot: percentages are 0 to 100".to_owned());
        }
        if hot.credit_percent == 0 && hot.debit_percent == 0 {
            problems
                .push("accounts.hot: credit_percent or debit_percent must be above 0".to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
