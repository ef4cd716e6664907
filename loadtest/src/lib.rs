//! Load a bank, and prove afterwards that not a cent went astray.
//!
//! Read in this order: `scenario` (what is asked), `schedule` (when), `driver` (what an answer means), `record` (what
//! the client keeps on its own side), `run` (all of it together), `audit` (the books against that record).
//!
//! Invariants: latency is counted from when a request was due, never from when it was sent; a request is written down
//! before it is sent; an answer that did not come is asked for again under the same id until it is known.
//!
//! Absent on purpose: retries while the load runs. The generator is the edge, and what it measures is the bank.

pub mod accounts;
pub mod audit;
pub mod cards;
pub mod choice;
pub mod clearing;
pub mod cli;
pub mod client;
pub mod collector;
pub mod command;
pub mod driver;
pub mod end_of_day;
pub mod holds;
pub mod ids;
pub mod iso8583;
pub mod lab;
pub mod loans;
pub mod meter;
pub mod order;
pub mod pools;
pub mod progress;
pub mod record;
pub mod report;
pub mod run;
pub mod scenario;
pub mod schedule;
pub mod seed;
pub mod seed_cards;
pub mod seed_loans;
pub mod simulator;
pub mod stop;
pub mod surge;
pub mod target;
pub mod watch;
