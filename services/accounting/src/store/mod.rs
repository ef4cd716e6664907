//! The only place that knows SQL. `write` serves the posting path on the primary, `days` the business dates, `read`
//! the queries, `rows` turns rows into domain values and treats a row that cannot be one as corrupt, `error` tells which
//! violated constraint means what.

pub mod days;
mod error;
pub mod read;
mod rows;
pub mod write;
