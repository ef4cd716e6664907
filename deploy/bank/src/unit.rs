//! One supervised process: a Postgres node or a service. Both start, become ready, end and stop.

use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use testkit::http;
use testkit::postgres::Node;
use testkit::process::{Identity, Program, Running, Signal, how_it_ended, last_words};
use testkit::trust::Trust;

use crate::file::ServiceEntry;

/// Longer than the services' own limit for draining, so that they normally end by themselves.
const SERVICE_STOP_LIMIT: Duration = Duration::from_secs(10);
const PROBE_LIMIT: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(20);

/// What a supervising task looks after.
#[derive(Debug)]
pub(crate) enum Unit {
    Node(Box<Node>),
    Service(Box<Service>),
}

impl Unit {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Node(node) => node.name(),
            Self::Service(service) => service.name(),
        }
    }

    pub(crate) fn is_node(&self) -> bool {
        matches!(self, Self::Node(_))
    }

    pub(crate) fn identity(&self) -> Option<Identity> {
        match self {
            Self::Node(node) => node.identity(),
            Self::Service(service) => service.identity(),
        }
    }

    /// The signal that ends it at once and leaves nothing behind.
    pub(crate) fn force_signal(&self) -> Signal {
        if self.is_node() { Signal::SIGQUIT } else { Signal::SIGKILL }
    }

    /// Starts the process without waiting for it.
    pub(crate) async fn launch(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Node(node) => node.launch().await,
            Self::Service(service) => service.launch(),
        }
    }

    /// Waits until the launched process takes requests; fails at once when it ends instead.
    pub(crate) async fn wait_ready(&mut self, limit: Duration) -> anyhow::Result<()> {
        match self {
            Self::Node(node) => node.wait_ready(limit).await,
            Self::Service(service) => service.wait_ready(limit).await,
        }
    }

    /// Waits until the process ends by itself, and says how it did.
    pub(crate) async fn exited(&mut self) -> anyhow::Result<String> {
        match self {
            Self::Node(node) => node.exited().await,
            Self::Service(service) => match &mut service.running {
                Some(running) => Ok(how_it_ended(running.exited().await?)),
                None => bail!("{} is not running", service.program.name),
            },
        }
    }

    /// Forgets a process that has ended, or kills it as a crash would.
    pub(crate) async fn kill9(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Node(node) => node.kill9().await,
            Self::Service(service) => match service.running.take() {
                Some(mut running) => running.kill9().await,
                None => Ok(()),
            },
        }
    }

    /// Stops it in order.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Node(node) => node.stop().await,
            Self::Service(service) => match service.running.take() {
                Some(mut running) => running.stop(SERVICE_STOP_LIMIT).await.map(drop),
                None => Ok(()),
            },
        }
    }
}

/// A service binary with its configuration.
#[derive(Debug)]
pub(crate) struct Service {
    program: Program,
    address: String,
    operations: String,
    /// Absent where the bank runs unprotected. Without a name of its own, as it must not expire.
    trust: Option<Trust>,
    running: Option<Running>,
}

impl Service {
    pub(crate) fn new(name: &str, entry: &ServiceEntry, trust: Option<Trust>) -> Self {
        let mut program = Program::new(name, &entry.binary, &entry.log);
        program.args =
            vec!["serve".to_owned(), "--config".to_owned(), entry.config.display().to_string()];
        let (address, operations) = (entry.grpc.clone(), entry.operations.clone());
        Self { program, address, operations, trust, running: None }
    }

    pub(crate) fn name(&self) -> &str {
        &self.program.name
    }

    /// Where it takes calls.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn identity(&self) -> Option<Identity> {
        self.running.as_ref().map(Running::identity)
    }

    pub(crate) fn launch(&mut self) -> anyhow::Result<()> {
        self.running = Some(self.program.spawn()?);
        Ok(())
    }

    async fn wait_ready(&mut self, limit: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + limit;
        while !self.is_ready().await? {
            if Instant::now() >= deadline {
                return Err(self.too_late(limit));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Whether it takes requests; an error when the process has ended instead.
    async fn is_ready(&mut self) -> anyhow::Result<bool> {
        let (name, log) = (&self.program.name, &self.program.log);
        let running = self.running.as_mut().with_context(|| format!("{name} is not running"))?;
        if let Some(status) = running.try_exited()? {
            let how = how_it_ended(status);
            bail!("{name} {how} while starting: {}", last_words(log));
        }
        Ok(is_ready(&self.operations, self.trust.as_ref()).await)
    }

    fn too_late(&self, limit: Duration) -> anyhow::Error {
        let (name, log) = (&self.program.name, &self.program.log);
        let seconds = limit.as_secs();
        anyhow!("{name} is not ready after {seconds} s: {}", last_words(log))
    }
}

/// Waits until all services take requests, and says when each did. Fails as soon as one of them has ended.
pub(crate) async fn wait_all_ready(
    services: &mut [Service],
    limit: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let started = Instant::now();
    let mut ready: Vec<Option<Duration>> = vec![None; services.len()];
    loop {
        for (service, ready) in services.iter_mut().zip(&mut ready) {
            if ready.is_none() && service.is_ready().await? {
                *ready = Some(started.elapsed());
            }
        }
        if let Some(times) = ready.iter().copied().collect() {
            return Ok(times);
        }
        let late = services.iter().zip(&ready).find(|(_, ready)| ready.is_none());
        if let Some((service, _)) = late.filter(|_| started.elapsed() >= limit) {
            return Err(service.too_late(limit));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Whether a service says that it takes requests.
pub(crate) async fn is_ready(operations: &str, trust: Option<&Trust>) -> bool {
    let url = format!("{operations}/readyz");
    http::get(&url, trust, PROBE_LIMIT).await.is_ok_and(|(code, _)| code == 200)
}
