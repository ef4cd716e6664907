//! `bank.json`: by it the load test, the tests and the other commands find a running bank.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use testkit::certificates::Files;
use testkit::environment::write_private;
use testkit::process::Identity;
use testkit::trust::Trust;

use crate::certificates::Certificates;
use crate::error::Error;

/// Raised when a field changes its meaning.
pub(crate) const VERSION: u32 = 2;

/// Everything that others need to know about a bank. Holds passwords, so only its owner can read the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BankFile {
    /// Of this format.
    pub version: u32,
    /// The directory of the bank, absolute.
    pub dir: PathBuf,
    /// How far it is.
    pub state: State,
    /// Pids below belong to this boot of the machine.
    pub boot_id: String,
    /// The `bank up` that looks after the bank; absent when it is stopped.
    pub supervisor: Option<Identity>,
    /// On which the bank was opened.
    pub first_business_date: NaiveDate,
    /// Database nodes, the primary first.
    pub nodes: Vec<DatabaseNode>,
    /// By service name.
    pub services: BTreeMap<String, ServiceEntry>,
    /// Absent where the bank runs unprotected.
    pub certificates: Option<Certificates>,
}

/// How far a bank is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Coming up.
    Starting,
    /// All services took requests when this was written.
    Ready,
    /// Stopped in order. After a crash the file still says what was before; see [`BankFile::is_running`].
    Stopped,
}

/// One Postgres server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseNode {
    /// `primary`, `replica1`, ...
    pub name: String,
    /// What it was started as.
    pub role: NodeRole,
    /// Always 127.0.0.1.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Its data directory.
    pub data_dir: PathBuf,
    /// Its log.
    pub log: PathBuf,
    /// The main server process; absent while it is down.
    pub process: Option<Identity>,
    /// Superuser, database `postgres`.
    pub admin_url: String,
}

/// What a node was started as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeRole {
    /// Takes writes.
    Primary,
    /// Follows the primary.
    Replica,
}

/// One service process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceEntry {
    /// gRPC, as `https://127.0.0.1:PORT`; `http://` where the bank runs unprotected, here and below.
    pub grpc: String,
    /// `/livez`, `/readyz`, `/metrics` and the operations service, as `https://127.0.0.1:PORT`.
    pub operations: String,
    /// Where the card service is asked by the scheme in ISO 8583, as `127.0.0.1:PORT`; absent in other services. Over TLS,
    /// unless the bank runs unprotected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iso8583: Option<String>,
    /// The process; absent while it is down.
    pub process: Option<Identity>,
    /// Its executable.
    pub binary: PathBuf,
    /// Its configuration file.
    pub config: PathBuf,
    /// Its log.
    pub log: PathBuf,
    /// Where it exports the heads of its audit log. Keep it, and a copy elsewhere.
    pub audit_heads: PathBuf,
    /// Its database.
    pub database: ServiceDatabase,
}

/// How to reach a service's database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceDatabase {
    /// The database's name.
    pub name: String,
    /// Role `<service>_owner` on the primary.
    pub owner_url: String,
    /// Role `<service>_app`, one URL for each node, the primary's first.
    pub app_urls: Vec<String>,
    /// Role `auditor`, one URL for each node, the primary's first.
    pub auditor_urls: Vec<String>,
}

impl BankFile {
    /// Reads `bank.json` of a directory.
    pub fn load(dir: &Path) -> Result<Self, Error> {
        Self::find(dir)?.ok_or_else(|| {
            let dir = dir.display();
            Error::NotRunning(format!(
                "there is no bank in {dir}: start one with bank up --dir {dir}"
            ))
        })
    }

    /// Reads `bank.json` of a directory, if there is one.
    pub(crate) fn find(dir: &Path) -> Result<Option<Self>, Error> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }

        let path = dir.join("bank.json");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(Error::Environment(format!("cannot read {}: {error}", path.display())));
            }
        };
        let damaged = |error| Error::Environment(format!("{} is damaged: {error}", path.display()));
        let Version { version } = serde_json::from_str(&text).map_err(damaged)?;
        if version != VERSION {
            return Err(Error::Environment(format!(
                "{} was written by another version of bank ({version}, this one writes {VERSION}): \
                 use that version, or another directory",
                path.display()
            )));
        }
        serde_json::from_str(&text).map(Some).map_err(damaged)
    }

    /// Replaces `bank.json` in one step.
    pub(crate) fn save(&self) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        write_private(&self.dir.join("bank.json"), &(text + "\n"))
    }

    /// Whether the supervisor that wrote this lives.
    pub fn is_running(&self) -> bool {
        self.boot_id == boot_id() && self.supervisor.is_some_and(|supervisor| supervisor.is_alive())
    }

    /// The primary's entry.
    pub fn primary(&self) -> Result<&DatabaseNode, Error> {
        let primary = self.nodes.iter().find(|node| node.role == NodeRole::Primary);
        primary.ok_or_else(|| Error::Other("bank.json lists no primary".to_owned()))
    }

    /// The entry of a service.
    pub fn service(&self, name: &str) -> Result<&ServiceEntry, Error> {
        let entry = self.services.get(name);
        entry.ok_or_else(|| Error::Other(format!("bank.json lists no service {name}")))
    }

    /// What somebody needs to call the services: whom to believe, and the certificate of this identity. Nothing where
    /// the bank runs unprotected.
    pub fn trust(&self, identity: &str) -> Result<Option<Trust>, Error> {
        let Some(certificates) = &self.certificates else {
            return Ok(None);
        };
        let files = self.certificate_files(identity);
        if !files.certificate.exists() {
            let dir = self.dir.display();
            return Err(Error::Usage(format!(
                "{identity} has no certificate: issue one with bank certificate {identity} --dir {dir}"
            )));
        }
        Ok(Some(Trust::load(&certificates.authority, &files)?))
    }

    /// Whether there is a certificate of this identity.
    pub fn has_certificate(&self, identity: &str) -> bool {
        self.certificate_files(identity).certificate.exists()
    }

    /// One that was issued since the bank came up is not listed, and is where all are.
    fn certificate_files(&self, identity: &str) -> Files {
        Files::of(&self.dir.join("tls"), identity)
    }

    /// What somebody without a name needs, who may only ask whether the services are ready.
    pub(crate) fn anonymous_trust(&self) -> anyhow::Result<Option<Trust>> {
        let Some(certificates) = &self.certificates else {
            return Ok(None);
        };
        let path = &certificates.authority;
        let authority = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Some(Trust::anonymous(&authority)?))
    }

    /// Where the services export the heads of their audit logs.
    pub fn audit_heads(&self) -> Vec<PathBuf> {
        self.services.values().map(|service| service.audit_heads.clone()).collect()
    }

    /// Nothing runs any more.
    pub(crate) fn set_stopped(&mut self) {
        self.state = State::Stopped;
        self.supervisor = None;
        self.nodes.iter_mut().for_each(|node| node.process = None);
        self.services.values_mut().for_each(|service| service.process = None);
    }

    /// Writes down the process of a node or service, or that it has none.
    pub(crate) fn set_process(&mut self, name: &str, process: Option<Identity>) {
        if let Some(node) = self.nodes.iter_mut().find(|node| node.name == name) {
            node.process = process;
        } else if let Some(service) = self.services.get_mut(name) {
            service.process = process;
        }
    }
}

/// Changes with each boot of the machine; empty where the kernel does not say.
pub(crate) fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}
