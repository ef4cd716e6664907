//! The audit of a running bank, and the proof that the audit would find something.

use std::path::{Path, PathBuf};

use testkit::environment::require_free_bytes;
use testkit::invariants::{self, Books, Report, SelfTestResult};
use testkit::postgres::{Cluster, ClusterOptions, Settings};

use crate::error::Error;
use crate::file::BankFile;
use crate::home::is_held;
use crate::keys::Keys;
use crate::leftovers::SCRATCH;

const DATABASE_BYTES: &str = "SELECT sum(pg_database_size(oid))::bigint FROM pg_database";
/// What the copy writes besides the databases: its own log.
const SPARE_BYTES: u64 = 512 << 20;

/// Checks the books on the primary. Safe while the bank works.
pub async fn verify(dir: &Path) -> Result<Report, Error> {
    let file = running(dir)?;
    let url = |service: &str| -> Result<String, Error> {
        let urls = &file.service(service)?.database.auditor_urls;
        urls.first().cloned().ok_or_else(|| Error::Other(format!("no auditor URL for {service}")))
    };
    let books = Books {
        deposit_url: url("deposit")?,
        loan_url: url("loan")?,
        card_url: url("card")?,
        accounting_url: url("accounting")?,
        customer_url: url("customer")?,
        audit_heads: file.audit_heads(),
    };
    Ok(Box::pin(invariants::check(&books)).await?)
}

/// Plants one discrepancy of each kind in a copy of the bank, and says which of them the checks found.
/// The bank itself is only read.
pub async fn self_test(dir: &Path) -> Result<Vec<SelfTestResult>, Error> {
    let file = running(dir)?;
    let keys = Keys::load(&file.dir)?;
    let source = file.primary()?;
    let place = Scratch::claim(&file.dir)?;
    let mut copy = copy(source.port, &source.admin_url, &keys, &place).await?;
    let primary = copy.primary()?;
    let books = Books {
        deposit_url: primary.admin_url("deposit"),
        loan_url: primary.admin_url("loan"),
        card_url: primary.admin_url("card"),
        accounting_url: primary.admin_url("accounting"),
        customer_url: primary.admin_url("customer"),
        // A copy of the data directory may be a moment older than the last head.
        audit_heads: Vec::new(),
    };
    let results = Box::pin(invariants::self_test(&books)).await;
    copy.stop().await?;
    Ok(results?)
}

fn running(dir: &Path) -> Result<BankFile, Error> {
    let file = BankFile::load(dir)?;
    if file.is_running() && is_held(dir)? {
        return Ok(file);
    }
    let dir = dir.display();
    Err(Error::NotRunning(format!(
        "the bank in {dir} is not running: start it with bank up --dir {dir}"
    )))
}

async fn copy(port: u16, url: &str, keys: &Keys, place: &Scratch) -> anyhow::Result<Cluster> {
    let mut admin = <sqlx::PgConnection as sqlx::Connection>::connect(url).await?;
    let bytes: i64 = sqlx::query_scalar(DATABASE_BYTES).fetch_one(&mut admin).await?;
    require_free_bytes(&place.0, u64::try_from(bytes)?.saturating_add(SPARE_BYTES))?;
    let options = ClusterOptions {
        directory: place.0.clone(),
        log_dir: place.0.clone(),
        replicas: 0,
        settings: Settings::tests(),
        ports: Vec::new(),
        admin_password: keys.admin_password.clone(),
        replication_password: keys.replication_password.clone(),
    };
    Cluster::scratch_copy(port, options).await
}

/// A directory that is removed again, named by the process that made it.
struct Scratch(PathBuf);

impl Scratch {
    fn claim(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(format!("{SCRATCH}{}", std::process::id()));
        std::fs::create_dir(&path).map_err(|error| {
            Error::Environment(format!("cannot create {}: {error}", path.display()))
        })?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Best effort: the next `bank up` removes what is left.
        std::fs::remove_dir_all(&self.0).ok();
    }
}
