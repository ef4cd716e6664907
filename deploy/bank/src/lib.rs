//! A whole bank on one machine: a Postgres primary with synchronous replicas, and every service as a process
//! of its own.
//!
//! The `bank` command is a thin shell around this library; the load test and the system tests use it too.
//! Read in this order: `options` (what can be asked for), `up` (the order in which a bank comes up),
//! `running` (what supervises it afterwards), `file` (`bank.json`, by which everybody else finds it).
//!
//! Invariants: one supervisor for each directory, shown by a lock; all secrets are generated, and stay in files
//! that only their owner can read; whatever a killed supervisor left is found and stopped by the next start;
//! nothing is ever signalled by name.
//!
//! Absent on purpose: failover. A node that dies is started again in its old role.

mod certificates;
pub mod detach;
mod down;
mod error;
mod file;
mod home;
mod keeper;
mod keys;
mod leftovers;
mod options;
mod overrides;
mod plan;
mod running;
mod service_config;
mod status;
mod unit;
mod up;
mod verify;

pub use certificates::{Certificates, IDENTITIES, LIFETIME_DAYS, NewCertificate, certificate};
pub use down::down;
pub use error::Error;
pub use file::{BankFile, DatabaseNode, NodeRole, ServiceDatabase, ServiceEntry, State};
pub use home::default_dir;
pub use keys::{CardKeys, Keys, SCHEME_PIN_KEYS, ZonePinKey};
pub use options::{Options, SERVICES};
pub use overrides::Override;
pub use running::{RunningBank, Started};
pub use status::{NodeStatus, ServiceStatus, Status, status};
pub use up::up;
pub use verify::{self_test, verify};
