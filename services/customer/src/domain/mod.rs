//! What a customer is and what may become of one: pure, so that every rule can be tried without a database.
//!
//! Read in this order: `person` (what the bank knows about people), `customer`, `life_cycle` (which step leads
//! where), `command` (what callers want), `registry` (how a batch of commands is decided), `rejection`.
//!
//! Absent on purpose: the clock, SQL, gRPC, keys. Times, digests and sealed fields come in as values.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod change;
mod command;
mod customer;
mod life_cycle;
mod person;
#[cfg(test)]
mod properties;
mod registry;
mod rejection;

pub use change::{NewDetails, may_change};
pub use command::{Command, Fingerprint, Register, Request, RequestKind, Transition};
pub use customer::{Customer, CustomerKind, DocumentHash, SealedPersonalData, Standing};
pub use life_cycle::{CustomerStatus, Step};
pub use person::{
    DocumentKind, DocumentNumber, FullName, Invalid, PersonalData, PhoneNumber, Reason,
};
pub use registry::{Changes, Decision, Outcome, Registry, Stored, TransitionRecord};
pub use rejection::Rejection;
