//! What a killed supervisor left running. Found by what was recorded, by the configuration file in a
//! process's arguments, and by the working directory of Postgres; never by name.

use std::path::Path;
use std::time::Duration;

use testkit::postgres::stop_leftovers;
use testkit::process::{Identity, Signal, with_argument};

use crate::error::Error;
use crate::file::{BankFile, boot_id};

const SERVICE_LIMIT: Duration = Duration::from_secs(8);
/// Copies for the self-test are named by the process that made them.
pub(crate) const SCRATCH: &str = "scratch-";

/// Stops all of it: services first, so that they lose no answer, then Postgres. Returns how many processes.
///
/// Only for a directory whose lock the caller holds or has seen to be free.
pub(crate) async fn stop(file: &BankFile) -> Result<usize, Error> {
    let services = services(file);
    for service in &services {
        service.signal(Signal::SIGTERM);
    }
    for service in &services {
        if !service.end(Signal::SIGTERM, SERVICE_LIMIT).await {
            return Err(Error::Environment(format!("process {} cannot be stopped", service.pid)));
        }
    }
    let same_boot = file.boot_id == boot_id();
    let recorded = file.nodes.iter().filter_map(|node| node.process.filter(|_| same_boot));
    let nodes = recorded.filter(Identity::is_alive).count();
    for node in &file.nodes {
        stop_leftovers(&node.data_dir).await?;
    }
    Ok(services.len() + nodes)
}

fn services(file: &BankFile) -> Vec<Identity> {
    let same_boot = file.boot_id == boot_id();
    let mut found = Vec::new();
    for entry in file.services.values() {
        found.extend(entry.process.filter(|process| same_boot && process.is_alive()));
        // One that was started just before its supervisor died may not have been recorded.
        found.extend(with_argument(&entry.config.display().to_string()));
    }
    found.sort_unstable_by_key(|identity| identity.pid);
    found.dedup();
    found
}

/// Removes copies whose self-test was killed.
pub(crate) async fn remove_scratch(dir: &Path) -> Result<(), Error> {
    for entry in std::fs::read_dir(dir)?.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(SCRATCH)?.parse::<i32>().ok());
        if owner.is_some_and(|pid| Identity::of(pid).is_none()) {
            stop_leftovers(&entry.path().join("primary")).await?;
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}
