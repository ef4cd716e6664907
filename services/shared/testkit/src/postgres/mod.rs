//! Real Postgres clusters made with the installed programs: one primary, synchronous streaming replicas.
//!
//! Invariants: servers listen on 127.0.0.1 only and ask for a password; with replicas, a commit is
//! acknowledged when one of them has it on disk; as root everything runs as user `postgres`.
//! A directory whose processes were killed is taken over by the next start.
//!
//! Absent on purpose: promotion and failover. Who leads is the business of an HA manager.

mod account;
mod binaries;
mod cluster;
mod create;
mod node;
mod roles;
mod scratch;
mod settings;
mod tool;

pub use account::Account;
pub use binaries::Binaries;
pub use cluster::{Cluster, ClusterOptions};
pub use node::{Node, stop_leftovers};
pub use roles::{Secrets, ServiceSecrets, create_databases, own_database};
pub use settings::Settings;

/// A password nobody can guess: 160 random bits in lower-case hexadecimal, so it needs no escaping anywhere.
pub fn random_password() -> String {
    use std::fmt::Write as _;

    let bytes: [u8; 20] = rand::random();
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
