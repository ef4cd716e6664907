//! The chart of accounts: which accounts the general ledger has, and which of them control a part of a product.

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

/// Which part of a product's accounts a control account sums up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// What was deposited or lent. The only part of a deposit.
    #[default]
    Principal,
    /// Interest of all kinds that is accrued, unpaid and on the books.
    Interest,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Principal, Self::Interest];

    /// As the chart and the rules write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Interest => "interest",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.code() == code)
    }
}

/// The accounts, and which of them is the sum of a part of a product's accounts. Made by `load`, which proves it consistent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chart {
    pub(super) accounts: BTreeMap<GlAccount, Account>,
    pub(super) controls: BTreeMap<String, BTreeMap<Part, GlAccount>>,
}

impl Chart {
    /// The account of this code.
    pub fn find(&self, code: &str) -> Option<&Account> {
        self.accounts.get(code)
    }

    /// The control account of a part of a product.
    pub fn control(&self, product: &str, part: Part) -> Option<&GlAccount> {
        self.controls.get(product)?.get(&part)
    }

    /// Each product and part with its control account, by product, then part.
    pub fn controls(&self) -> impl Iterator<Item = (&str, Part, &GlAccount)> {
        self.controls.iter().flat_map(|(product, parts)| {
            parts.iter().map(|(part, account)| (product.as_str(), *part, account))
        })
    }

    /// Whether the account is the control account of some part of some product.
    pub fn is_control(&self, code: &str) -> bool {
        self.controls().any(|(_, _, account)| account.code() == code)
    }
}
