//! Stopping a bank from another terminal.

use std::path::Path;
use std::time::Duration;

use testkit::process::Signal;

use crate::error::Error;
use crate::file::BankFile;
use crate::{home, leftovers};

/// Draining, a last checkpoint of each node, and some patience.
const LIMIT: Duration = Duration::from_mins(2);

/// Stops the bank in a directory and keeps its data. Also stops what a killed supervisor left behind.
pub async fn down(dir: &Path) -> Result<(), Error> {
    let mut file = BankFile::load(dir)?;
    let shown = dir.display();
    if !home::is_held(dir)? {
        let stopped = leftovers::stop(&file).await?;
        file.set_stopped();
        file.save()?;
        return match stopped {
            0 => Err(Error::NotRunning(format!("the bank in {shown} is not running"))),
            _ => Ok(()),
        };
    }
    let supervisor = file.supervisor.filter(|_| file.is_running()).ok_or_else(|| {
        Error::Other(format!("the bank in {shown} is only just starting: try again"))
    })?;
    supervisor.signal(Signal::SIGTERM);
    if supervisor.gone(LIMIT).await {
        return Ok(());
    }
    Err(Error::Other(format!(
        "the bank in {shown} did not stop within {} s: see {}",
        LIMIT.as_secs(),
        dir.join("log/bank.log").display(),
    )))
}
