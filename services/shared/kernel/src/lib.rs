//! The words of banking, each a type that cannot hold a wrong value.
//!
//! | file | what it defines |
//! |---|---|
//! | `currency.rs` | [`Currency`]: the ISO 4217 codes and their decimals |
//! | `money.rs` | [`Money`], [`PositiveMoney`]: amounts in minor units, checked arithmetic only |
//! | `rounding.rs` | [`round_half_even`], the one rounding rule, and [`interest`], its main user |
//! | `rate.rs` | [`Rate`]: a yearly rate in parts per million |
//! | `day_count.rs` | [`DayCount`], [`YearFraction`]: how much of a year lies between two dates |
//! | `business_date.rs` | [`BusinessDate`]: the day that the books are open for, which is not the clock's |
//! | `account_number.rs` | [`AccountNumber`], [`CellCode`]: sixteen digits, the last a check digit |
//! | `id.rs` | [`CustomerId`], [`HoldId`] and the other ids: UUIDs that cannot be mixed up |
//! | `request_id.rs` | [`RequestId`], [`RequestWindow`]: what makes a repeated request harmless |
//! | `clock.rs` | [`Clock`]: the only way to learn the time |
//!
//! Invariants: a value that exists is valid, because private fields and checking constructors leave no
//! other way to make one; arithmetic gives the exact result or an error; nothing panics.
//!
//! Absent on purpose: floating point, async, SQL, protobuf, serialization, and any dependency on another
//! crate of this workspace. Stores and APIs convert explicitly, so that each conversion is visible and
//! can refuse. What comes from outside is the time of [`SystemClock`] and the randomness of
//! [`RequestId::generate`], nothing else.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod account_number;
mod business_date;
mod clock;
mod currency;
mod day_count;
mod id;
mod money;
mod rate;
mod request_id;
mod rounding;

pub use account_number::{AccountNumber, AccountNumberError, CellCode};
pub use business_date::{BusinessDate, InvalidDate};
pub use clock::{Clock, ManualClock, SystemClock};
pub use currency::{Currency, UnknownCurrency};
pub use day_count::{DayCount, EndBeforeStart, InvalidYearFraction, YearFraction};
pub use id::{CardId, CustomerId, HoldId, InvalidId, LoanId, PostingId};
pub use money::{Money, MoneyError, NotPositive, PositiveMoney};
pub use rate::{Rate, RateError};
pub use request_id::{RequestId, RequestIdError, RequestWindow};
pub use rounding::{RoundingError, interest, round_half_even};
