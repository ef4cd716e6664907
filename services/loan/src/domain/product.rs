//! What loans are made from: the terms that every loan of a product shares, from `books/products.toml`.
//!
//! A product's terms hold for all its loans, also for those that exist: what is to be different for new loans is a new
//! product.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use kernel::{Currency, Rate};

use super::{Category, DayCounting, Rejection, Repricing};

/// How a loan is paid back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Equal instalments of principal and interest together (等额本息).
    Annuity,
    /// Equal parts of principal, with the interest on what was left (等额本金).
    EqualPrincipal,
    /// Interest each month, all principal with the last instalment (按月付息, 到期还本).
    InterestOnly,
    /// One instalment of everything at the end (到期一次还本付息).
    Bullet,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Annuity, Self::EqualPrincipal, Self::InterestOnly, Self::Bullet];

    /// As the products file writes it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Annuity => "ANNUITY",
            Self::EqualPrincipal => "EQUAL_PRINCIPAL",
            Self::InterestOnly => "INTEREST_ONLY",
            Self::Bullet => "BULLET",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.code() == code)
    }
}

/// Where the rate of a product comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RateRule {
    /// The same for the whole life.
    Fixed(Rate),
    /// A published benchmark and something on top.
    Benchmark {
        /// The benchmark's values.
        benchmark: Arc<Benchmark>,
        /// What is added, parts per million a year; may be negative.
        spread_ppm: i64,
        /// When the benchmark is looked at again.
        repricing: Repricing,
    },
}

/// A published rate, such as the loan prime rate (LPR).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Benchmark {
    /// Its name, such as `LPR_1Y`.
    pub code: String,
    /// Its values by the date from which each holds. Not empty.
    pub values: BTreeMap<NaiveDate, Rate>,
}

/// A part of what is owed, as an allocation order names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Principal.
    Principal,
    /// Interest.
    Interest,
    /// Penalty interest.
    Penalty,
    /// Compound interest.
    Compound,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Principal, Self::Interest, Self::Penalty, Self::Compound];

    /// As the products file writes it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Principal => "PRINCIPAL",
            Self::Interest => "INTEREST",
            Self::Penalty => "PENALTY",
            Self::Compound => "COMPOUND",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.code() == code)
    }
}

/// In which order a payment is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocation {
    /// The parts, the first paid first; each once.
    pub order: [Part; 4],
    /// True pays instalment by instalment, the oldest first and within each in `order`; false pays part by part in
    /// `order`, each over all instalments, the oldest first.
    pub by_instalment: bool,
}

/// What may be paid back early, and what that costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrepaymentRule {
    /// Whether at all.
    pub allowed: bool,
    /// The fee, parts per million of the principal that is paid before it is due.
    pub fee_ppm: i64,
}

/// One currency that a product is offered in, and its limits in minor units of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// The currency.
    pub currency: Currency,
    /// The smallest amount.
    pub minimum_minor: i64,
    /// The largest amount.
    pub maximum_minor: i64,
    /// The smallest part that may be paid back early.
    pub prepayment_minimum_minor: i64,
}

/// The terms that every loan of a product shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// What the books and the general ledger call it.
    pub code: String,
    /// How it is paid back.
    pub method: Method,
    /// How interest days are counted.
    pub day_counting: DayCounting,
    /// Its rate.
    pub rate: RateRule,
    /// The rate on what is late, parts per million of the contract rate: 1,500,000 is one and a half times.
    pub penalty_multiple_ppm: i64,
    /// How many days late an instalment may be without any penalty; on the next it counts from the due date.
    pub grace_days: i64,
    /// How payments are divided.
    pub allocation: Allocation,
    /// Paying back early.
    pub prepayment: PrepaymentRule,
    /// What is set aside, parts per million of the outstanding principal, from NORMAL to LOSS.
    pub provision_ppm: [i64; 5],
    /// The fewest months.
    pub minimum_term_months: u32,
    /// The most months, at most 480.
    pub maximum_term_months: u32,
    /// The currencies it is offered in.
    pub offers: Vec<Offer>,
}

impl Product {
    /// The offer in a currency.
    ///
    /// # Errors
    /// [`Rejection::CurrencyMismatch`].
    pub fn offer(&self, currency: Currency) -> Result<&Offer, Rejection> {
        let found = self.offers.iter().find(|offer| offer.currency == currency);
        found.ok_or(Rejection::CurrencyMismatch)
    }

    /// Whether these terms may be applied for.
    ///
    /// # Errors
    /// [`Rejection::CurrencyMismatch`], [`Rejection::AmountOutOfRange`], [`Rejection::TermOutOfRange`].
    pub fn accept(
        &self,
        currency: Currency,
        amount_minor: i64,
        term_months: u32,
    ) -> Result<(), Rejection> {
        let offer = self.offer(currency)?;
        if amount_minor < offer.minimum_minor || amount_minor > offer.maximum_minor {
            return Err(Rejection::AmountOutOfRange);
        }
        if term_months < self.minimum_term_months || term_months > self.maximum_term_months {
            return Err(Rejection::TermOutOfRange);
        }
        Ok(())
    }

    /// What share of the principal is set aside in a category, parts per million.
    pub const fn provision_ppm(&self, category: Category) -> i64 {
        let [normal, special_mention, substandard, doubtful, loss] = self.provision_ppm;
        match category {
            Category::Normal => normal,
            Category::SpecialMention => special_mention,
            Category::Substandard => substandard,
            Category::Doubtful => doubtful,
            Category::Loss => loss,
        }
    }
}

/// The products that this bank sells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Products(BTreeMap<String, Arc<Product>>);

impl Products {
    pub(super) fn new(products: impl IntoIterator<Item = Product>) -> Self {
        Self(products.into_iter().map(|one| (one.code.clone(), Arc::new(one))).collect())
    }

    /// The product of this code.
    pub fn find(&self, code: &str) -> Option<&Arc<Product>> {
        self.0.get(code)
    }

    /// All of them, by code.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Product>> {
        self.0.values()
    }
}
