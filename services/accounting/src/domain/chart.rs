//! The chart of accounts: which accounts the general ledger has, and which of them control a product.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::journal::Side;

/// The code of an account of the general ledger. Only a chart makes them from rules, so a journal cannot name an
/// account that is not in it; rows of the books are the other origin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GlAccount(Arc<str>);

impl GlAccount {
    /// A code as it stands in the books or the chart.
    pub fn from_code(code: &str) -> Self {
        Self(code.into())
    }

    /// The code.
    pub fn code(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for GlAccount {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GlAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an account is in the balance sheet or the profit and loss account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountType {
    /// What the bank has.
    Asset,
    /// What the bank owes.
    Liability,
    /// What belongs to the owners.
    Equity,
    /// What the bank earned.
    Income,
    /// What the bank spent.
    Expense,
    /// Off the balance sheet: a memorandum.
    Memo,
}

impl AccountType {
    /// As the chart writes it.
    pub fn from_code(code: &str) -> Option<Self> {
        Some(match code {
            "asset" => Self::Asset,
            "liability" => Self::Liability,
            "equity" => Self::Equity,
            "income" => Self::Income,
            "expense" => Self::Expense,
            "memo" => Self::Memo,
            _ => return None,
        })
    }
}

/// An account of the general ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its code.
    pub code: GlAccount,
    /// Its name in English.
    pub name: String,
    /// Its name in Chinese.
    pub name_zh: String,
    /// What it is.
    pub account_type: AccountType,
    /// The side on which a balance is expected. Not enforced: an account may stand on the wrong side, and a report
    /// shows that it does.
    pub normal_side: Side,
    /// Whether it is part of the balance sheet.
    pub on_balance_sheet: bool,
}

/// The accounts, and which of them is the sum of a product's accounts. Made by `load`, which proves it consistent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chart {
    pub(super) accounts: BTreeMap<GlAccount, Account>,
    pub(super) controls: BTreeMap<String, GlAccount>,
}

impl Chart {
    /// The account of this code.
    pub fn find(&self, code: &str) -> Option<&Account> {
        self.accounts.get(code)
    }

    /// The control account of a product.
    pub fn control(&self, product: &str) -> Option<&GlAccount> {
        self.controls.get(product)
    }

    /// Each product with its control account, by product.
    pub fn controls(&self) -> impl Iterator<Item = (&str, &GlAccount)> {
        self.controls.iter().map(|(product, account)| (product.as_str(), account))
    }

    /// Whether the account is the control account of some product.
    pub fn is_control(&self, code: &str) -> bool {
        self.controls.values().any(|account| account.code() == code)
    }
}
