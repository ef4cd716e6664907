//! The platform from outside: real sockets, a service of the real contract whose handlers the tests write.

mod calling;
mod ending;
mod serving;
mod starting;
mod support;
mod tracing_out;
