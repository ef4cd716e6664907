//! The trial balance (试算平衡表): every account's opening, turnover and closing on a date. Per currency everything
//! sums to zero, or a line is missing somewhere.

use std::collections::BTreeMap;

use kernel::{BusinessDate, Currency};

use super::chart::GlAccount;
use super::turnover::Turnover;

/// One account in one currency. Balances are signed: positive is a debit balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialBalanceLine {
    /// The account.
    pub account: GlAccount,
    /// The currency.
    pub currency: Currency,
    /// Balance at the start of the date, minor units.
    pub opening_minor: i64,
    /// Turnover of the date.
    pub turnover: Turnover,
}

impl TrialBalanceLine {
    /// Balance at the end of the date, minor units; `None` where it is more than can be kept.
    pub fn closing_minor(&self) -> Option<i64> {
        self.opening_minor
            .checked_add(self.turnover.debit_minor)?
            .checked_sub(self.turnover.credit_minor)
    }
}

/// The trial balance of a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialBalance {
    /// Of which date.
    pub date: BusinessDate,
    /// Nothing can be added to it any more.
    pub closed: bool,
    /// By account, then currency.
    pub lines: Vec<TrialBalanceLine>,
}

impl TrialBalance {
    /// Whether openings, turnover and closings each sum to zero in every currency.
    pub fn balances(&self) -> bool {
        let mut sums: BTreeMap<Currency, (i128, i128)> = BTreeMap::new();
        for line in &self.lines {
            let (opening, turnover) = sums.entry(line.currency).or_default();
            *opening = opening.saturating_add(line.opening_minor.into());
            *turnover = turnover.saturating_add(line.turnover.debit_minor.into());
            *turnover = turnover.saturating_sub(line.turnover.credit_minor.into());
        }
        sums.values().all(|sums| *sums == (0, 0))
    }
}
