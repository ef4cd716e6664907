//! Deposit accounts and the money on them.
//!
//! Owns: accounts, their entries and holds, the outcome of every request about them. Does not own: who a customer is
//! (customer), the general ledger and the business date (accounting).
//!
//! Invariants: an account's balance is the sum of its entries, whose sequence has no gaps; available money never goes
//! below its limit; a hold ends exactly once; a request id has one outcome for ever.
//!
//! Read in this order: `migrations/`, `domain`, `commands`, `store`, `api`, `jobs`, `signals`, `main.rs`.

pub mod api;
pub mod clients;
pub mod commands;
pub mod config;
pub mod domain;
mod events;
pub mod jobs;
pub mod signals;
pub mod store;

/// What this service is called in tokens, metrics, logs and outboxes.
pub const SERVICE: &str = "deposit";

/// The role that the running service has in its database.
pub const APP_ROLE: &str = "deposit_app";

/// The migrations of this service's database.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
