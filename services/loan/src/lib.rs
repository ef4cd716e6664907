//! Loans, from application to write-off.
//!
//! Owns: loans, their schedules and entries, the money on its way between them and deposit accounts, the end of each
//! business date. Does not own: who a customer is (customer), the money on accounts (deposit), the general ledger and
//! the business date (accounting).
//!
//! Invariants: scheduled principal is what was paid out; outstanding principal follows from the loan's entries, whose
//! sequence has no gaps; a loan has at most one movement of money on its way, and each ends exactly once; calculating a
//! date twice changes nothing; a request id has one outcome for ever.
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
pub const SERVICE: &str = "loan";

/// The role that the running service has in its database.
pub const APP_ROLE: &str = "loan_app";

/// The migrations of this service's database.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
