//! The language of card schemes, pure: card numbers, ISO 8583 messages, PIN blocks, clearing files.
//!
//! | file | what it defines |
//! |---|---|
//! | `pan.rs` | [`Pan`]: a card number, which never prints; the check digit |
//! | `table.rs` | the data elements that are spoken here, one row each |
//! | `message.rs`, `mti.rs` | [`Message`], [`Mti`]: a message from bytes and to bytes, by the table |
//! | `frame.rs` | [`Deframer`]: messages out of a stream of bytes |
//! | `words.rs` | [`Wanted`]: what data elements 3, 18, 19, 22 and 25 say together; PIN, CVV2 and balance in a message |
//! | `codes.rs` | [`ResponseCode`]: data element 39 |
//! | `key.rs` | [`OriginalData`], transmission time: what finds a message again |
//! | `currency.rs` | the numeric codes of ISO 4217 |
//! | `pin.rs` | [`ClearPin`], [`PinBlock`]: formats 0 and 4 of ISO 9564-1 |
//! | `cipher_keys.rs` | [`TripleDesKey`], [`AesKey`], and their check values |
//! | `line.rs` | text of fixed width, a field at a time |
//! | `clearing.rs`, `settlement.rs` | the clearing file and the settlement report |
//!
//! Invariants: whatever the bytes, reading gives a value or an error, never a panic; what is read and written again is
//! the same; no secret is printed, neither by `Debug` nor in an error.
//!
//! Absent on purpose: sockets, async, time other than as an argument, and any decision: what the bank answers is the card
//! service's affair.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod cipher_keys;
pub mod clearing;
mod codes;
pub mod currency;
mod frame;
mod key;
mod line;
mod message;
mod mti;
mod pan;
pub mod pin;
pub mod settlement;
pub mod table;
pub mod words;

pub use cipher_keys::{AesKey, KeyError, TripleDesKey};
pub use codes::{ResponseCode, UnknownResponseCode};
pub use frame::{Deframer, FrameError, KEEP_ALIVE, LARGEST_FRAME, frame};
pub use key::{OriginalData, institution, transmission_text, transmission_time};
pub use line::{Column, LineError, LineProblem};
pub use message::{DecodeError, FieldError, FieldProblem, Message};
pub use mti::Mti;
pub use pan::{InvalidPan, Pan, luhn_digit};
pub use pin::{ClearPin, PinBlock, PinError};
pub use words::{Channel, Kind, PresentedPin, Wanted};
