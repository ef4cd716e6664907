//! Who the bank's customers are, and whether they may do business.
//!
//! Owns: customers, their life cycle and its history, the outcome of every request about them. Does not own: accounts
//! (deposit), and any decision about money.
//!
//! Invariants: one document is one customer; the history of a customer is a gapless path of legal steps that ends
//! where the customer stands; a request id has one outcome for ever; nothing that identifies a person is stored,
//! logged or traced in clear.
//!
//! Read in this order: `migrations/`, `domain`, `commands`, `store`, `api`, `signals`, `main.rs`.

pub mod api;
pub mod clients;
pub mod commands;
pub mod config;
pub mod domain;
pub mod jobs;
pub mod signals;
pub mod store;

/// What this service is called in tokens, metrics and logs.
pub const SERVICE: &str = "customer";

/// The role that the running service has in its database.
pub const APP_ROLE: &str = "customer_app";

/// The migrations of this service's database.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
