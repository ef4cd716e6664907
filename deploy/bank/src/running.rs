//! A running bank: one supervising task for each process, and what the tasks write down for the others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kernel::{Clock as _, SystemClock};
use testkit::process::{Identity, Signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::certificates::issue_all;
use crate::error::Error;
use crate::file::BankFile;
use crate::home::Home;
use crate::keeper::{Keeper, Order, What};
use crate::unit::Unit;

/// How often certificates are looked at; they are renewed weeks before they end.
const RENEWAL: Duration = Duration::from_hours(12);

/// A bank whose processes are children of this one. Dropping it ends them all at once, as a crash would;
/// call [`RunningBank::stop`] for an orderly end.
#[derive(Debug)]
pub struct RunningBank {
    shared: Arc<Shared>,
    units: Vec<Handle>,
    started: Vec<Started>,
    renewal: JoinHandle<()>,
    /// Released last: as long as it is held no other supervisor starts here.
    _home: Home,
}

/// Everything that is up, on its way to being supervised.
pub(crate) struct Up {
    pub(crate) shared: Arc<Shared>,
    pub(crate) home: Home,
    pub(crate) units: Vec<Unit>,
    pub(crate) started: Vec<Started>,
}

#[derive(Debug)]
struct Handle {
    name: String,
    is_node: bool,
    orders: mpsc::Sender<Order>,
    task: JoinHandle<()>,
}

/// What the supervising tasks write down for the others.
#[derive(Debug)]
pub(crate) struct Shared {
    file: Mutex<BankFile>,
    /// Processes that live now, and how each is ended at once.
    alive: Mutex<BTreeMap<String, (Identity, Signal)>>,
}

impl Shared {
    pub(crate) fn new(file: BankFile) -> Self {
        Self { file: Mutex::new(file), alive: Mutex::new(BTreeMap::new()) }
    }

    pub(crate) fn file(&self) -> BankFile {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut BankFile)) -> anyhow::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut file);
        file.save()
    }

    /// Writes down the process that a unit has now, or that it has none.
    pub(crate) fn record(&self, unit: &Unit) -> anyhow::Result<()> {
        let identity = unit.identity();
        let mut alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        match identity {
            Some(identity) => alive.insert(unit.name().to_owned(), (identity, unit.force_signal())),
            None => alive.remove(unit.name()),
        };
        drop(alive);
        self.update(|file| file.set_process(unit.name(), identity))
    }

    /// Says when a process that was started again takes requests. Gives up when it has ended meanwhile.
    pub(crate) async fn log_return(&self, name: &str, process: Identity) {
        let started = Instant::now();
        let file = self.file();
        while process.is_alive() {
            if crate::status::is_up(&file, name).await {
                log(&format!("{name} is back after {} ms", started.elapsed().as_millis()));
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// One line of the table that `bank up` prints.
#[derive(Debug, Clone)]
pub struct Started {
    /// Node, service or step.
    pub what: String,
    /// Where it listens; empty for a step.
    pub address: String,
    /// How long it took.
    pub took: Duration,
}

impl RunningBank {
    /// Takes over units that are up: nodes first, the primary in front.
    pub(crate) fn supervise(up: Up, restart: bool) -> Self {
        let Up { shared, home, units, started } = up;
        let handle = |unit: Unit| {
            let (orders, received) = mpsc::channel(4);
            let (name, is_node) = (unit.name().to_owned(), unit.is_node());
            let keeper = Keeper::new(unit, Arc::clone(&shared), restart);
            Handle { name, is_node, orders, task: tokio::spawn(keeper.run(received)) }
        };
        let units = units.into_iter().map(handle).collect();
        let renewal = tokio::spawn(renew(Arc::clone(&shared)));
        Self { shared, units, started, renewal, _home: home }
    }

    /// What was started, in order, and how long each took.
    pub fn started(&self) -> &[Started] {
        &self.started
    }

    /// What `bank.json` says now.
    pub fn file(&self) -> BankFile {
        self.shared.file()
    }

    /// The directory of the bank.
    pub fn dir(&self) -> std::path::PathBuf {
        self.shared.file().dir
    }

    /// Kills a service or node with SIGKILL, as a crash. With restarts on it comes back by itself.
    pub async fn kill9(&self, name: &str) -> Result<(), Error> {
        self.order(name, What::Kill9).await
    }

    /// Kills the primary's main process.
    pub async fn kill9_primary(&self) -> Result<(), Error> {
        self.kill9("primary").await
    }

    /// Kills the first replica's main process.
    pub async fn kill9_replica(&self) -> Result<(), Error> {
        self.kill9("replica1").await
    }

    /// Stops a service or node in order if it runs, starts it, and waits until it takes requests.
    pub async fn restart(&self, name: &str) -> Result<(), Error> {
        self.order(name, What::Restart).await
    }

    /// Waits until a service or node takes requests, however it came to that.
    pub async fn wait_ready(&self, name: &str, limit: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + limit;
        while !crate::status::is_up(&self.file(), name).await {
            if Instant::now() >= deadline {
                return Err(Error::Other(format!(
                    "{name} is not ready after {} s",
                    limit.as_secs()
                )));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn order(&self, name: &str, what: What) -> Result<(), Error> {
        let unit = self.units.iter().find(|unit| unit.name == name);
        let unit = unit.ok_or_else(|| Error::Usage(format!("this bank has no {name}")))?;
        Ok(unit.order(what).await?)
    }

    /// Stops the services, which finish what they have taken; then the primary; then the replicas, which so
    /// end with everything that the primary wrote. Keeps the data.
    pub async fn stop(mut self) -> Result<(), Error> {
        let mut units = std::mem::take(&mut self.units);
        let nodes = units.split_off(units.partition_point(|unit| !unit.is_node));
        let mut failure = None;
        let stopping: Vec<_> =
            units.into_iter().map(|unit| tokio::spawn(async move { unit.end().await })).collect();
        for stopped in stopping {
            failure =
                failure.or(stopped.await.map_err(anyhow::Error::from).and_then(|done| done).err());
        }
        for node in nodes {
            failure = failure.or(node.end().await.err());
        }
        self.shared.update(BankFile::set_stopped)?;
        failure.map_or(Ok(()), |error| Err(error.into()))
    }
}

impl Handle {
    async fn order(&self, what: What) -> anyhow::Result<()> {
        let (done, answer) = oneshot::channel();
        let gone = || anyhow::anyhow!("nobody looks after {} any more", self.name);
        self.orders.send(Order { what, done }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    async fn end(self) -> anyhow::Result<()> {
        let stopped = self.order(What::Stop).await;
        self.task.await?;
        stopped
    }
}

/// Keeps certificates from ending under a bank that runs for months. Services take over what is renewed by themselves.
async fn renew(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(RENEWAL).await;
        let file = shared.file();
        if file.certificates.is_none() {
            return;
        }
        let renewed = issue_all(&file.dir, SystemClock.now())
            .and_then(|renewed| shared.update(|file| file.certificates = Some(renewed)));
        if let Err(error) = renewed {
            log(&format!("certificates cannot be renewed: {error:#}"));
        }
    }
}

impl Drop for RunningBank {
    fn drop(&mut self) {
        self.renewal.abort();
        for unit in &self.units {
            unit.task.abort();
        }
        let alive =
            std::mem::take(&mut *self.shared.alive.lock().unwrap_or_else(PoisonError::into_inner));
        for (identity, signal) in alive.values() {
            identity.signal(*signal);
        }
        // Blocks, on purpose: whoever drops this may delete the directory next.
        let deadline = Instant::now() + Duration::from_secs(5);
        while alive.values().any(|(identity, _)| identity.is_alive()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        for (identity, _) in alive.values() {
            identity.signal(Signal::SIGKILL);
        }
    }
}

/// One line for whoever watches the bank, with the time.
pub(crate) fn log(text: &str) {
    use std::io::Write as _;

    let now = SystemClock.now().format("%Y-%m-%dT%H:%M:%S%.3fZ");
    // A terminal that went away must not take the bank along.
    writeln!(std::io::stderr(), "{now} {text}").ok();
}
