//! The platform from outside: real sockets, a service of the real contract whose handlers the tests write.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy knows test functions, and not what they share"
)]

mod audit_log;
mod bad_tls;
mod books;
mod calling;
mod defaults;
mod ending;
mod four_eyes;
mod hostile;
mod lanes;
mod limits;
mod overload;
mod raw_lines;
mod renewal;
mod serving;
mod starting;
mod support;
mod tracing_out;
