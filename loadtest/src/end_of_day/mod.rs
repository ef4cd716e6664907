//! How long the end of a day takes with many loans.
//!
//! A bank of its own is filled with loans, moved to the date on which the first of them are due, and told to end two
//! days. Read in this order: `run` (the steps), `copies` (where the loans come from), `report` (what is told).
//!
//! What is not as in life: the loans are written into the database and not applied for one by one, as that would take
//! hours; they are copies of a few that were, all paid out on one day, one for each day of the month. The general ledger
//! is told of them through the outbox as ever, so that the audit afterwards holds to the cent.

mod copies;
mod report;
mod run;

pub use report::{Day, EndOfDayReport};
pub use run::{Plan, run};
