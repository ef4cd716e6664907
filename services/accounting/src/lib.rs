//! The general ledger and the bank's business date.
//!
//! Owns: the chart of accounts and the accounting rules, the journals and the balances they add up to, the business
//! date and its cut-over. Does not own: accounts of customers and what they hold (deposit), whether money may move.
//!
//! Invariants: every journal balances per currency; a batch of events is in the books once or not at all; a balance is
//! the sum of its journal lines; a closed business date never changes.
//!
//! Read in this order: `migrations/`, `books/`, `domain`, `commands`, `store`, `api`, `jobs`, `signals`, `main.rs`.

pub mod api;
pub mod clients;
pub mod commands;
pub mod config;
pub mod domain;
pub mod jobs;
pub mod signals;
pub mod store;

/// What this service is called in tokens, metrics and logs.
pub const SERVICE: &str = "accounting";

/// The role that the running service has in its database.
pub const APP_ROLE: &str = "accounting_app";

/// The migrations of this service's database.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
