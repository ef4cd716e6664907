//! `loadtest run surge`: proof that overload is boring.
//!
//! A bank whose capacity is pinned is asked for up to ten times as much, by callers who never hold back, and then for
//! less while its database is slow. What must stay is the goodput, the latency of those let in, the highest class, and
//! the books.
//!
//! Read in this order: `scenario` (what is asked), `pinned` (of which bank), `mix` (by whom), `load` (how it is sent),
//! `tally` (what is counted), `run` (the steps), `bars` (what must be true), then the reports.

pub mod bars;
pub mod books;
pub mod callers;
pub mod html;
pub mod load;
pub mod metrics;
pub mod mix;
pub mod pinned;
pub mod report;
pub mod run;
pub mod scenario;
pub mod tally;
pub mod text;
