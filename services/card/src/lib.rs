//! Debit cards: issuing, authorizing, clearing, settling.
//!
//! Owns: cards and their numbers, what the scheme asked and was answered, clearing files, what holders owe. Does not own: who
//! a customer is (customer), the money on accounts and its holds (deposit), the general ledger and the business date
//! (accounting).
//!
//! Invariants: a request of the scheme is decided once, whatever comes twice; what is approved is reserved, and each
//! reservation ends exactly once; what a card counts follows from its authorizations; a clearing record is posted once;
//! numbers, PINs and CVV2s leave this service on the wire and nowhere else.
//!
//! Read in this order: `migrations/`, `domain`, `commands`, `store`, `gateway`, `api`, `keys`, `jobs`, `signals`, `main.rs`.

pub mod api;
pub mod clients;
pub mod commands;
pub mod config;
pub mod domain;
mod events;
pub mod gateway;
pub mod jobs;
pub mod keys;
pub mod signals;
pub mod store;

/// What this service is called in tokens, metrics, logs and outboxes.
pub const SERVICE: &str = "card";

/// The role that the running service has in its database.
pub const APP_ROLE: &str = "card_app";

/// The migrations of this service's database.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
