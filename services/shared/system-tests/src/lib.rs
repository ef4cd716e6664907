//! Stories across all services, told to a whole bank: the real binaries, a real Postgres primary and its synchronous
//! replica. Everything is in `tests/it`; this crate has no code of its own.
