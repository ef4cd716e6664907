//! Turnover: the sum of journal lines per account, currency and business date. What the general ledger adds up.

use std::collections::BTreeMap;

use kernel::{BusinessDate, Currency};

use super::chart::GlAccount;
use super::journal::{BalancedJournal, Side};

/// Sums of both sides, minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turnover {
    /// Of the debits.
    pub debit_minor: i64,
    /// Of the credits.
    pub credit_minor: i64,
}

/// The turnover of some journals. Iterates in key order, which is the order in which balances are locked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Turnovers(BTreeMap<(GlAccount, Currency, BusinessDate), Turnover>);

impl Turnovers {
    /// Adds a journal's lines. `None`: a sum would be more than can be kept; then nothing may be saved.
    #[must_use]
    pub fn add(&mut self, journal: &BalancedJournal) -> Option<()> {
        for line in journal.lines() {
            let key = (line.account.clone(), line.amount.currency(), journal.business_date());
            let sums = self.0.entry(key).or_default();
            let sum = match line.side {
                Side::Debit => &mut sums.debit_minor,
                Side::Credit => &mut sums.credit_minor,
            };
            *sum = sum.checked_add(line.amount.minor())?;
        }
        Some(())
    }

    /// In order of account, currency, business date.
    pub fn iter(&self) -> impl Iterator<Item = (&GlAccount, Currency, BusinessDate, Turnover)> {
        self.0.iter().map(|((account, currency, date), sums)| (account, *currency, *date, *sums))
    }
}
