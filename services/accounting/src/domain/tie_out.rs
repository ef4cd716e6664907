//! The tie-out (总分核对): on a date, the turnover of each control account against that of the accounts it controls.
//! Turnover, not only balance: two errors that cancel out still show.

use std::collections::{BTreeMap, BTreeSet};

use kernel::Currency;

use super::chart::{Chart, GlAccount};
use super::turnover::Turnover;

/// What the service that owns a product booked on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubLedgerTotal {
    /// The product.
    pub product: String,
    /// The currency.
    pub currency: Currency,
    /// The turnover of all its accounts.
    pub turnover: Turnover,
}

/// One control account in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TieOutLine {
    /// The control account; `None` where a product was booked that the chart does not know.
    pub account: Option<GlAccount>,
    /// The product that it controls.
    pub product: String,
    /// The currency.
    pub currency: Currency,
    /// In the general ledger.
    pub ledger: Turnover,
    /// In the sub-ledger.
    pub sub_ledger: Turnover,
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
        let controls = chart.controls().flat_map(|(product, account)| {
            let booked = ledger.keys().filter(move |(booked, _)| booked == account);
            booked.map(move |(_, currency)| (product, *currency))
        });
        let reported = sub_ledger.iter().map(|total| (total.product.as_str(), total.currency));
        let pairs: BTreeSet<(&str, Currency)> = controls.chain(reported).collect();
        let mut lines: Vec<TieOutLine> = pairs
            .into_iter()
            .map(|(product, currency)| {
                let account = chart.control(product).cloned();
                let key = account.clone().map(|account| (account, currency));
                let of_product = |total: &&SubLedgerTotal| {
                    total.product == product && total.currency == currency
                };
                TieOutLine {
                    account,
                    product: product.to_owned(),
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
