//! What a loan is, what it costs, and what may happen to it. Pure: no async, no SQL, no proto, no clock, no floats.
//!
//! Read in this order: `product` and `rate` (what loans are made from; `source` reads the file), `day_counting`,
//! `periods`, `annuity` and `schedule` (what is due when), `instalment`, `running` (the one rule of daily interest),
//! `loan`, then what happens to it: `disbursement`, `day_end`, `repayment` with `allocation`, `prepayment`,
//! `classification`, `write_off`. Each change of a [`Loan`] answers with [`Effects`]: entries of the loan's history and
//! what accounting is told. [`Books`] is the part of the books that one batch touches, loaded and locked.
//!
//! A date of a loan: whatever happens to it happens on [`Loan::opening_on`], the day after the one that it is calculated
//! through. So [`Loan::advance`] comes first, through the day before the value date.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod allocation;
mod amounts;
mod annuity;
mod asker;
mod books;
mod classification;
mod day_counting;
mod day_end;
mod disbursement;
mod entry;
mod instalment;
mod loan;
mod movement;
mod outcome;
mod periods;
mod prepayment;
mod product;
mod rate;
mod rejection;
mod repayment;
mod running;
mod schedule;
pub mod source;
mod write_off;

#[cfg(test)]
mod books_tests;
#[cfg(test)]
mod life_tests;
#[cfg(test)]
mod oracle_tests;
#[cfg(test)]
mod prepayment_tests;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod samples;

pub use amounts::{Amounts, OutOfRange};
pub use asker::Asker;
pub use books::{Books, ChangedLoan, Changes, LoanEffects};
pub use classification::Category;
pub use day_counting::DayCounting;
pub use entry::{Effects, Entry, EntryKind, Event, EventKind};
pub use instalment::Instalment;
pub use loan::{Application, Loan, LoanStatus, Owed, Terms};
pub use movement::{Movement, MovementKind, MovementStatus};
pub use outcome::{Decision, Kind, Outcome};
pub use prepayment::{PrepaymentKind, Quote};
pub use product::{
    Allocation, Benchmark, Method, Offer, Part, PrepaymentRule, Product, Products, RateRule,
};
pub use rate::Repricing;
pub use rejection::Rejection;
pub use running::Running;
pub use schedule::preview;
