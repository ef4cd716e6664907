//! The decisions, pure: no async, no SQL, no proto, no clock.
//!
//! Read in this order: `card`, `product`, `usage`, `check` (may this card do that?), `authorization`, `order`, `receivable`,
//! `outcome`, `rejection`, `books` (what a batch works on).

mod asker;
mod authorization;
mod books;
mod card;
mod check;
mod clearing;
mod clearing_file;
mod order;
mod outcome;
mod posting;
#[cfg(test)]
mod posting_tests;
mod product;
mod rejection;
mod settlement;
pub mod source;
mod usage;

pub use asker::Asker;
pub use authorization::{
    Authorization, AuthorizationStatus, MessageKey, kind_code, kind_from_code,
};
pub use books::{Booking, BookingKind, Books, Changes, HeldCard, posting_of};
pub use card::{Card, CardStatus, Expiry, InvalidExpiry, Pin, Switches};
pub use check::{Cvv2Seen, Decline, PinSeen, Presented};
pub use clearing::{Item, ItemStatus, Match, Named, Step};
pub use clearing_file::{ClearingFile, FileStatus};
pub use order::{Order, OrderKind, OrderStatus};
pub use outcome::{Decision, Kind as OutcomeKind, Outcome};
pub use product::{Bin, Product, Products};
pub use rejection::Rejection;
pub use scheme::{Channel, Kind, ResponseCode};
pub use settlement::{
    BreakKind, Compared, Difference, Resolution, SettlementBreak, compare, signed,
};
pub use usage::{Bucket, Counter, Limit, Limits, Usage};
