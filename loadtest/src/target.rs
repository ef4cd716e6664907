//! The bank under load, found by its `bank.json`: where its services, books and processes are.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bank::BankFile;
use serde::Deserialize;
use sqlx::{Connection as _, PgConnection};
use testkit::invariants::Books;
use testkit::trust::Trust;

use crate::iso8583::Gateway;

/// Who asks in ISO 8583.
const SCHEME: &str = "scheme/loadtest";
const SYNC_REPLICAS: &str =
    "SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')";

/// A running bank.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its directory.
    pub dir: PathBuf,
    /// gRPC of the deposit service.
    pub deposit: String,
    /// gRPC of the customer service.
    pub customer: String,
    /// gRPC of the loan service.
    pub loan: String,
    /// gRPC of the card service.
    pub card: String,
    /// Where the bank answers the scheme, `host:port`.
    pub iso8583: String,
    /// The configuration of the card service, which has the keys of PINs on their way.
    pub card_config: PathBuf,
    /// gRPC of the accounting service.
    pub accounting: String,
    /// The books, with the auditor's role.
    pub books: Books,
    /// A superuser's URL of database `postgres` on the primary.
    pub admin_url: String,
    /// Pids of the services, by name.
    pub services: Vec<(String, i32)>,
    /// Main pids of the database nodes, by name.
    pub nodes: Vec<(String, i32)>,
    /// Standbys that a commit waits for.
    pub sync_replicas: i64,
    /// Whether the services export their traces.
    pub tracing: bool,
    /// Whether calls are encrypted and authenticated on both sides.
    pub mtls: bool,
}

/// The part of a service's configuration that a report mentions.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ServiceConfig {
    telemetry: Telemetry,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Telemetry {
    otlp_endpoint: String,
    sample_ratio: Option<f64>,
}

impl Target {
    /// The bank in this directory, which must be running.
    pub async fn find(dir: &Path) -> anyhow::Result<Self> {
        let file = BankFile::load(dir)?;
        anyhow::ensure!(
            file.is_running(),
            "the bank in {dir} is not running: start it with bank up --dir {dir}",
            dir = dir.display()
        );
        Self::of(&file).await
    }

    /// The bank that this file describes.
    pub async fn of(file: &BankFile) -> anyhow::Result<Self> {
        let deposit = file.service("deposit")?;
        let card = file.service("card")?;
        let iso8583 = card.iso8583.clone().context("bank.json has no gateway")?;
        let auditor = |service: &str| -> anyhow::Result<String> {
            let urls = &file.service(service)?.database.auditor_urls;
            urls.first()
                .cloned()
                .with_context(|| format!("bank.json has no auditor URL for {service}"))
        };
        let config = std::fs::read_to_string(&deposit.config)
            .with_context(|| format!("cannot read {}", deposit.config.display()))?;
        let ServiceConfig { telemetry } = toml::from_str(&config)
            .with_context(|| format!("cannot read {}", deposit.config.display()))?;
        let pids = |process: Option<testkit::process::Identity>| process.map(|process| process.pid);
        let admin_url = file.primary()?.admin_url.clone();
        let mut admin =
            PgConnection::connect(&admin_url).await.context("cannot reach the bank's database")?;
        let sync_replicas = sqlx::query_scalar(SYNC_REPLICAS).fetch_one(&mut admin).await?;
        admin.close().await.ok();
        Ok(Self {
            dir: file.dir.clone(),
            deposit: deposit.grpc.clone(),
            customer: file.service("customer")?.grpc.clone(),
            loan: file.service("loan")?.grpc.clone(),
            card: card.grpc.clone(),
            iso8583,
            card_config: card.config.clone(),
            accounting: file.service("accounting")?.grpc.clone(),
            books: Books {
                deposit_url: auditor("deposit")?,
                loan_url: auditor("loan")?,
                card_url: auditor("card")?,
                accounting_url: auditor("accounting")?,
                customer_url: auditor("customer")?,
                audit_heads: file.audit_heads(),
            },
            admin_url,
            services: file
                .services
                .iter()
                .filter_map(|(name, entry)| Some((name.clone(), pids(entry.process)?)))
                .collect(),
            nodes: file
                .nodes
                .iter()
                .filter_map(|node| Some((node.name.clone(), pids(node.process)?)))
                .collect(),
            sync_replicas,
            tracing: !telemetry.otlp_endpoint.is_empty() && telemetry.sample_ratio != Some(0.0),
            mtls: deposit.grpc.starts_with("https://"),
        })
    }

    /// What somebody needs to call the services under this name, with a certificate for a day where it has none yet;
    /// nothing where the bank runs unprotected.
    pub fn trust(&self, identity: &str) -> anyhow::Result<Option<Trust>> {
        if !self.mtls {
            return Ok(None);
        }
        let file = BankFile::load(&self.dir)?;
        if !file.has_certificate(identity) {
            bank::certificate(&self.dir, identity, 1)?;
        }
        Ok(file.trust(identity)?)
    }

    /// The gateway, for somebody of the scheme.
    pub fn gateway(&self) -> anyhow::Result<Gateway> {
        Ok(Gateway { address: self.iso8583.clone(), trust: self.trust(SCHEME)? })
    }

    /// Where the load test keeps what it wants to find again: seeds and records.
    pub fn own_dir(&self) -> anyhow::Result<PathBuf> {
        let dir = self.dir.join("loadtest");
        std::fs::create_dir_all(&dir)
            .with_context(|| format!("cannot create {}", dir.display()))?;
        Ok(dir)
    }
}
