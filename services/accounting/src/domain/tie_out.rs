//! The tie-out (总分核对): on a date, the turnover of each control account against that of the accounts it controls.
//! Turnover, not only balance: two errors that cancel out still show.

use std::collections::{BTreeMap, BTreeSet};

use kernel::Currency;

use super::chart::{Chart, GlAccount, Part};
use super::turnover::Turnover;

/// What the service that owns a product booked on a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubLedgerTotal {
    /// The product.
    pub product: String,
    /// Which part of its accounts.
    pub part: Part,
    /// The currency.
    pub currency: Currency,
    /// The turnover of all its accounts.
    pub turnover: Turnover,
}

/// One control account in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TieOutLine {
    /// The control account; `None` where a product, or a part of it, was booked that the chart does not know.
    pub account: Option<GlAccount>,
    /// The product that it controls.
    pub product: String,
    /// Which part of it.
    pub part: Part,
    /// The currency.
    pub currency: Currency,
    /// In the general ledger.
    pub ledger: Turnover,
    /// In the sub-ledger.
    pub sub_ledger: Turnover,
}

impl TieOutLine {
    /// How much the two sides are apart, in minor units; debits and credits do not make up for each other.
    pub const fn difference_minor(&self) -> u64 {
        let debits = self.ledger.debit_minor.abs_diff(self.sub_ledger.debit_minor);
        debits.saturating_add(self.ledger.credit_minor.abs_diff(self.sub_ledger.credit_minor))
    }
}

/// The comparison. By account, then currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TieOut {
    /// A line for each control account that either side booked on.
    pub lines: Vec<TieOutLine>,
}

impl TieOut {
    /// Compares the turnover of accounts of the general ledger with the totals of their sub-ledgers.
    pub fn compare(
        chart: &Chart,
        ledger: &BTreeMap<(GlAccount, Currency), Turnover>,
        sub_ledger: &[SubLedgerTotal],
    ) -> Self {
        let controls = chart.controls().flat_map(|(product, part, account)| {
            let booked = ledger.keys().filter(move |(booked, _)| booked == account);
            booked.map(move |(_, currency)| (product, part, *currency))
        });
        let reported =
            sub_ledger.iter().map(|total| (total.product.as_str(), total.part, total.currency));
        let booked: BTreeSet<(&str, Part, Currency)> = controls.chain(reported).collect();
        let mut lines: Vec<TieOutLine> = booked
            .into_iter()
            .map(|(product, part, currency)| {
                let account = chart.control(product, part).cloned();
                let key = account.clone().map(|account| (account, currency));
                let of_product = |total: &&SubLedgerTotal| {
                    (total.product.as_str(), total.part, total.currency)
                        == (product, part, currency)
                };
                TieOutLine {
                    account,
                    product: product.to_owned(),
                    part,
                    currency,
                    ledger: key.and_then(|key| ledger.get(&key).copied()).unwrap_or_default(),
                    sub_ledger: sub_ledger
                        .iter()
                        .find(of_product)
                        .map(|total| total.turnover)
                        .unwrap_or_default(),
                }
            })
            .collect();
        lines.sort_by(|a, b| (&a.account, a.currency).cmp(&(&b.account, b.currency)));
        Self { lines }
    }

    /// Whether every line agrees.
    pub fn agrees(&self) -> bool {
        self.lines.iter().all(|line| line.account.is_some() && line.ledger == line.sub_ledger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_of_debits_and_credits_do_not_make_up_for_each_other() {
        let line = |ledger: (i64, i64), sub_ledger: (i64, i64)| TieOutLine {
            account: None,
            product: "CURRENT".to_owned(),
            part: Part::Principal,
            currency: Currency::CNY,
            ledger: Turnover { debit_minor: ledger.0, credit_minor: ledger.1 },
            sub_ledger: Turnover { debit_minor: sub_ledger.0, credit_minor: sub_ledger.1 },
        };

        assert_eq!(line((10, 20), (10, 20)).difference_minor(), 0);
        assert_eq!(line((13, 20), (10, 24)).difference_minor(), 7);
        assert_eq!(line((i64::MAX, 0), (-1, 0)).difference_minor(), 1 << 63);
    }
}
