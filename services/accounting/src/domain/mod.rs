//! What the books are and how an event gets into them. Pure: no async, no SQL, no proto, no clock, no floats.
//!
//! Read in this order: `event` (what the services report), `journal` (what is booked), `chart` and `rulebook` (how one
//! becomes the other), `source` (the two files they come from), `business_days` and `day_outcome` (which dates take
//! postings), `trial_balance` and `tie_out` (what the books are checked by), `rejection`.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod business_days;
mod chart;
mod day_outcome;
mod event;
mod journal;
#[cfg(test)]
mod properties;
mod rejection;
mod rulebook;
mod source;
mod tie_out;
mod trial_balance;
mod turnover;

pub use business_days::{BusinessDays, Closing, DayStatus};
pub use chart::{Account, AccountType, Chart, GlAccount, Part};
pub use day_outcome::{DayDecision, DayOutcome, DayRequestKind};
pub use event::{AmountKind, Batch, Event, EventKind};
pub use journal::{BalancedJournal, JournalError, JournalLine, Side};
pub use rejection::{BatchRefusal, Rejection};
pub use rulebook::{AccountRef, Rule, RuleLine, Rulebook};
pub use source::{Problem, Problems, SourceText, load};
pub use tie_out::{SubLedgerTotal, TieOut, TieOutLine};
pub use trial_balance::{TrialBalance, TrialBalanceLine};
pub use turnover::{Turnover, Turnovers};
