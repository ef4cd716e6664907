//! What accounts are opened from.

use kernel::Currency;

/// The terms that every account of a product shares.
#[derive(Debug, PartialEq, Eq)]
pub struct Product {
    /// What the books and the general ledger call it.
    pub code: &'static str,
    /// What must stay on an account, minor units; 0 asks for nothing.
    pub minimum_minor: i64,
    /// How far below zero an account may go, minor units; 0 forbids it.
    pub overdraft_minor: i64,
}

/// The products that this bank sells.
pub struct Products;

const PRODUCTS: [Product; 1] = [
    // The current account: any currency, no minimum, no overdraft, no interest.
    Product { code: "CURRENT", minimum_minor: 0, overdraft_minor: 0 },
];

impl Products {
    /// The product of this code.
    pub fn find(code: &str) -> Option<&'static Product> {
        PRODUCTS.iter().find(|product| product.code == code)
    }
}

impl Product {
    /// Whether accounts in this currency are offered. The current account is offered in all.
    pub fn offers(&self, _currency: Currency) -> bool {
        true
    }
}
