//! What the tests of the domain are made of: dates, products and loans.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate};
use kernel::{AccountNumber, CellCode, Currency, CustomerId, LoanId, Rate};
use uuid::Uuid;

use super::source::{SourceText, load};
use super::{
    Allocation, Application, DayCounting, Effects, Entry, EntryKind, EventKind, Loan, Method,
    Offer, Part, PrepaymentRule, Product, Products, RateRule, Terms,
};

/// A date as people write it.
pub(super) fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// The products of this bank.
pub(super) fn products() -> Products {
    let text = include_str!("../../books/products.toml");
    load(SourceText { name: "products.toml", text }).unwrap()
}

/// An annuity at 4.35 per cent that anything is allowed with.
pub(super) fn product() -> Product {
    Product {
        code: "SAMPLE".to_owned(),
        method: Method::Annuity,
        day_counting: DayCounting::Monthly360,
        rate: RateRule::Fixed(Rate::from_ppm(43_500).unwrap()),
        penalty_multiple_ppm: 1_500_000,
        grace_days: 0,
        allocation: Allocation {
            order: [Part::Penalty, Part::Compound, Part::Interest, Part::Principal],
            by_instalment: false,
        },
        prepayment: PrepaymentRule { allowed: true, fee_ppm: 5_000 },
        provision_ppm: [10_000, 20_000, 250_000, 500_000, 1_000_000],
        minimum_term_months: 1,
        maximum_term_months: 480,
        offers: vec![Offer {
            currency: Currency::CNY,
            minimum_minor: 1,
            maximum_minor: 1_000_000_000_000,
            prepayment_minimum_minor: 1,
        }],
    }
}

/// Terms of a sample loan.
pub(super) fn terms(amount_minor: i64, term_months: u32, due_day: u32) -> Terms {
    let account = AccountNumber::from_parts(CellCode::try_new(101).unwrap(), 7).unwrap();
    Terms { amount_minor, currency: Currency::CNY, term_months, due_day, account }
}

/// A loan that is approved and not paid out.
pub(super) fn approved(product: Product, terms: Terms, on: &str) -> Loan {
    let application = Application {
        id: LoanId::from_uuid(Uuid::from_u128(1)),
        customer_id: CustomerId::from_uuid(Uuid::from_u128(2)),
        terms,
        applied_by: "teller/one".to_owned(),
        applied_at: DateTime::UNIX_EPOCH,
        hash: [7; 32],
    };
    let mut loan = Loan::apply(application, Arc::new(product), date(on)).unwrap();
    loan.decide(true, "teller/two", &[7; 32]).unwrap();
    loan
}

/// A loan that is paid out whole, and what that left behind.
pub(super) fn paid_out(product: Product, terms: Terms, on: &str) -> (Loan, Books) {
    let mut loan = approved(product, terms, on);
    let mut books = Books::default();
    books.book(loan.disburse(terms.amount_minor, date(on)).unwrap());
    (loan, books)
}

/// 12,000.00 over twelve months, due on the 20th, paid out on the 20th of January 2026.
pub(super) fn year_loan(product: Product) -> (Loan, Books) {
    paid_out(product, terms(1_200_000, 12, 20), "2026-01-20")
}

/// Equal principal of 1,000.00 a month at 12 per cent: interest of 120.00 and then 10.00 less each month.
pub(super) fn equal_principal() -> Product {
    let rate = RateRule::Fixed(Rate::from_ppm(120_000).unwrap());
    Product { method: Method::EqualPrincipal, rate, ..product() }
}

/// Runs the end of every date up to one.
pub(super) fn through(loan: &mut Loan, books: &mut Books, day: &str) {
    books.book(loan.advance(date(day)).unwrap());
}

/// What accounting and the history of one loan know, from nothing but what they were told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Books {
    /// GL 1303.
    pub principal: i64,
    /// GL 1132.
    pub receivable: i64,
    /// The allowance, positive.
    pub allowance: i64,
    /// Interest and principal off the balance sheet.
    pub memo: i64,
    /// Interest income, accrued or received.
    pub income: i64,
    /// Fees.
    pub fees: i64,
    /// What came in after the write-off.
    pub recovered: i64,
    /// The history.
    pub entries: Vec<Entry>,
}

#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails, as it should")]
impl Books {
    /// Books what happened.
    pub(super) fn book(&mut self, effects: Effects) {
        for event in effects.events {
            let sign = if event.reversal { -1 } else { 1 };
            let amounts = event.amounts;
            let (principal, charges) =
                (amounts.principal_minor * sign, amounts.charges().total().unwrap() * sign);
            assert!(!amounts.is_none(), "an event of nothing");
            match event.kind {
                EventKind::Disbursed => self.principal += principal,
                EventKind::Repaid => {
                    self.principal -= principal;
                    self.receivable -= charges;
                    self.fees += amounts.fee_minor * sign;
                }
                EventKind::InterestAccrued => {
                    self.receivable += charges;
                    self.income += charges;
                }
                EventKind::InterestRemoved => {
                    self.receivable -= charges;
                    self.income -= charges;
                }
                EventKind::InterestReceived => self.income += charges,
                EventKind::Provisioned => self.allowance += amounts.provision_minor * sign,
                EventKind::WrittenOff => {
                    self.principal -= principal;
                    self.allowance -= principal;
                }
                EventKind::Recovered => self.recovered += principal + charges,
                EventKind::Memo => self.memo += principal + charges,
            }
        }
        self.entries.extend(effects.entries);
    }

    /// The sum of a kind of entries' principal.
    pub(super) fn principal_of(&self, kinds: &[EntryKind]) -> i64 {
        let of_kind = self.entries.iter().filter(|entry| kinds.contains(&entry.kind));
        of_kind.map(|entry| entry.amounts.principal_minor).sum()
    }
}
