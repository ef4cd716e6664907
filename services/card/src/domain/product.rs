//! What cards are made from: numbers, validity, and what they may be used for at most.

use std::collections::BTreeSet;
use std::sync::Arc;

use kernel::Currency;

use super::{Limits, Switches};

/// A range of card numbers (BIN): its first digits, and how long its numbers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bin {
    /// 6 to 8 digits.
    pub digits: String,
    /// 16 to 19, check digit included.
    pub length: usize,
}

impl Bin {
    /// How many digits a serial has.
    pub fn serial_digits(&self) -> u32 {
        let rest = self.length.saturating_sub(self.digits.len()).saturating_sub(1);
        u32::try_from(rest).unwrap_or_default()
    }
}

/// What a card is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Such as `DEBIT`.
    pub code: String,
    /// Of the accounts that its cards are on.
    pub currency: Currency,
    /// Where its numbers come from.
    pub bin: Bin,
    /// How long a card is valid.
    pub validity_years: u32,
    /// How long an approval reserves.
    pub authorization_days: u32,
    /// How long a pre-authorization does.
    pub preauthorization_days: u32,
    /// Where a new card may be used.
    pub switches: Switches,
    /// How much a card may be used at most.
    pub limits: Limits,
    /// Merchant categories that count as restricted.
    pub restricted: BTreeSet<String>,
}

/// All products.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Products(Vec<Arc<Product>>);

impl Products {
    /// These products.
    pub fn new(products: Vec<Arc<Product>>) -> Self {
        Self(products)
    }

    /// The first product in this currency: what is settled in a currency is booked on it.
    pub fn of_currency(&self, currency: Currency) -> Option<&Arc<Product>> {
        self.0.iter().find(|product| product.currency == currency)
    }

    /// The product with this code.
    pub fn find(&self, code: &str) -> Option<&Arc<Product>> {
        self.0.iter().find(|product| product.code == code)
    }
}
