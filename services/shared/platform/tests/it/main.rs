//! The platform from outside: real sockets, a service of the real contract whose handlers the tests write.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy knows test functions, and not what they share"
)]

mod calling;
mod ending;
mod serving;
mod starting;
mod support;
mod tracing_out;
