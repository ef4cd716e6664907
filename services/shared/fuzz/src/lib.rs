//! Fuzz targets: every request of the contract, every piece of text that a caller writes into metadata, and everything that a
//! card scheme sends, read from bytes as a service reads them.
//!
//! Requests come from the contract's descriptors and are read by the services' own `api::fuzzing`; a new RPC without an
//! entry there fails the tests of this crate. What must hold of a request: nothing panics; it is accepted, or refused
//! with at least one violation; no violation repeats what was given, which may be personal; and it is quick.
//!
//! Two ways to look for input that breaks this: `hunt` changes valid requests at random, in the tests; libFuzzer is
//! steered by coverage, in `make fuzz`. What either finds is saved under `crashes/`, which the tests read for ever.
//!
//! Read in this order: `request`, `valid`, `repeats`, `text`, `bytes`, `mutation`, `hunt`.

mod bytes;
pub mod hunt;
mod mutation;
mod repeats;
mod request;
mod text;
mod valid;

use chrono::{DateTime, Utc};

pub use request::{Service, services};

/// What is fed with bytes.
pub struct Target {
    /// Such as `deposit.Transfer`, `text.read-token` or `iso8583.message`.
    pub name: String,
    kind: Kind,
}

enum Kind {
    Request(request::Method),
    Text(text::Read),
    Bytes(bytes::Read, bytes::Seeds),
    Other(fn(&[u8])),
}

impl Target {
    /// A target that is no request. The function panics when something is wrong with the bytes.
    pub fn other(name: &str, read: fn(&[u8])) -> Self {
        Self { name: name.to_owned(), kind: Kind::Other(read) }
    }

    /// Reads the bytes. Panics when something that must hold does not.
    pub fn run(&self, bytes: &[u8]) {
        match &self.kind {
            Kind::Request(method) => method.run(bytes),
            Kind::Text(read) => text::run(*read, bytes),
            Kind::Bytes(read, _) | Kind::Other(read) => read(bytes),
        }
    }

    /// Whether it reads requests of the contract.
    pub const fn reads_requests(&self) -> bool {
        matches!(self.kind, Kind::Request(_))
    }

    /// Whether the bytes are a request that is accepted. Text is never a request.
    pub fn accepts(&self, bytes: &[u8]) -> bool {
        matches!(&self.kind, Kind::Request(method) if method.accepts(bytes))
    }

    /// Good input, from which to begin.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        match &self.kind {
            Kind::Request(method) => method.seeds(),
            Kind::Text(_) => text::SEEDS.iter().map(|seed| seed.as_bytes().to_vec()).collect(),
            Kind::Bytes(_, seeds) => seeds(),
            Kind::Other(_) => vec![Vec::new()],
        }
    }

    /// Large messages: a mebibyte of whatever repeats.
    pub fn largest(&self) -> Vec<Vec<u8>> {
        match &self.kind {
            Kind::Request(method) => method.largest(),
            Kind::Text(_) | Kind::Bytes(..) | Kind::Other(_) => vec![vec![b'7'; 16 << 10]],
        }
    }
}

/// Every target.
///
/// # Errors
/// The contract cannot be read, or an RPC of it cannot be fed.
pub fn targets() -> anyhow::Result<Vec<Target>> {
    let mut targets = Vec::new();
    for service in services()? {
        for method in service.methods()? {
            let name = format!("{}.{}", service.short_name(), method.name());
            targets.push(Target { name, kind: Kind::Request(method) });
        }
    }
    for (name, read) in text::READERS {
        targets.push(Target { name: format!("text.{name}"), kind: Kind::Text(read) });
    }
    for (name, read, seeds) in bytes::READERS {
        targets.push(Target { name: name.to_owned(), kind: Kind::Bytes(read, seeds) });
    }
    Ok(targets)
}

/// When all requests are read: request ids are good for days, saved input for ever.
fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_780_000_000, 0).unwrap_or_default()
}
