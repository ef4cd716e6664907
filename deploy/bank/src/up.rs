//! The order in which a bank comes up: nothing is touched before everything that can be checked was checked,
//! and what failed half-way is taken down again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use kernel::{Clock as _, SystemClock};
use testkit::environment::require_free_bytes;
use testkit::postgres::{Binaries, Cluster, ClusterOptions, create_databases};
use testkit::process::{Program, how_it_ended, last_words};

use crate::error::Error;
use crate::file::{BankFile, State};
use crate::home::Home;
use crate::keys::Keys;
use crate::options::Options;
use crate::running::{RunningBank, Shared, Started, Up, log};
use crate::unit::{Service, Unit, wait_all_ready};
use crate::{certificates, leftovers, plan, service_config};

const ADMIN_LIMIT: Duration = Duration::from_secs(10);
const READY_LIMIT: Duration = Duration::from_mins(1);
const MIB: u64 = 1 << 20;

/// Brings a bank up and supervises it from then on.
///
/// When this fails, everything it started is stopped, and a directory that it created is removed again.
pub async fn up(options: &Options) -> Result<RunningBank, Error> {
    plan::check(options)?;
    let binaries = plan::find_binaries(options)?;
    Binaries::find()?;
    let home = Home::claim(&options.dir)?;
    require_free_bytes(&home.dir, options.min_free_mb.saturating_mul(MIB))?;
    let previous = BankFile::find(&home.dir)?;
    if let Some(previous) = &previous {
        let stopped = leftovers::stop(previous).await?;
        if stopped > 0 {
            log(&format!("stopped {stopped} processes that an earlier supervisor left behind"));
        }
    }
    leftovers::remove_scratch(&home.dir).await?;
    let keys = Keys::load_or_generate(&home.dir)?;
    let mut file = plan::plan(options, &home.dir, previous.as_ref(), &keys, &binaries)?;
    if !options.unprotected {
        file.certificates = Some(certificates::issue_all(&home.dir, SystemClock.now())?);
    }
    // Before anything is started, because it refuses settings that make no sense.
    service_config::write(&file, &keys, options)?;
    file.save()?;
    let shared = Arc::new(Shared::new(file));
    // Home goes last: whatever is dropped on the way out ends before the directory goes.
    match start(options, &keys, &shared).await {
        Ok((units, started)) => {
            shared.update(|file| file.state = State::Ready)?;
            let mut home = home;
            home.keep();
            Ok(RunningBank::supervise(Up { shared, home, units, started }, options.restart))
        }
        Err(error) => {
            shared.update(BankFile::set_stopped)?;
            let error = Error::from(error);
            // A new directory is about to go, and its logs with it.
            if home.is_kept() { Err(error.with_place(&home.dir.join("log"))) } else { Err(error) }
        }
    }
}

async fn start(
    options: &Options,
    keys: &Keys,
    shared: &Shared,
) -> anyhow::Result<(Vec<Unit>, Vec<Started>)> {
    let file = shared.file();
    let mut started = Vec::new();
    let mut clock = Instant::now();
    let mut took = || std::mem::replace(&mut clock, Instant::now()).elapsed();

    let cluster = Cluster::bring_up_unsealed(cluster_options(options, &file, keys)).await?;
    // Aborted when a step below fails; awaited before the bank counts as ready.
    let mut sealing = tokio::task::JoinSet::new();
    sealing.spawn(cluster.seal());
    let primary = cluster.primary()?;
    create_databases(primary, ADMIN_LIMIT, &keys.databases).await?;
    let cluster_took = took();
    let mut units = Vec::new();
    for node in cluster.into_nodes() {
        let address = format!("127.0.0.1:{}", node.port());
        let what = format!("postgres {}", node.name());
        started.push(Started { what, address, took: cluster_took });
        units.push(Unit::Node(Box::new(node)));
    }
    units.iter().try_for_each(|unit| shared.record(unit))?;

    migrate(&file).await?;
    started.push(Started { what: "migrations".to_owned(), address: String::new(), took: took() });

    let services = start_services(&file, shared).await?;
    for (service, took) in services {
        let (what, address) = (service.name().to_owned(), service.address().to_owned());
        started.push(Started { what, address, took });
        units.push(Unit::Service(Box::new(service)));
    }
    while let Some(sealed) = sealing.join_next().await {
        sealed??;
    }
    // Stopping and the table go by this order: services first, then nodes.
    units.sort_by_key(Unit::is_node);
    Ok((units, started))
}

fn cluster_options(options: &Options, file: &BankFile, keys: &Keys) -> ClusterOptions {
    ClusterOptions {
        directory: file.dir.join("postgres"),
        log_dir: file.dir.join("log"),
        replicas: file.nodes.len().saturating_sub(1),
        settings: options.postgres.clone(),
        ports: file.nodes.iter().map(|node| node.port).collect(),
        admin_password: keys.admin_password.clone(),
        replication_password: keys.replication_password.clone(),
    }
}

/// Runs every service's migrations, all at once.
async fn migrate(file: &BankFile) -> anyhow::Result<()> {
    let mut running = Vec::new();
    for (name, entry) in &file.services {
        let mut program = Program::new(name, &entry.binary, &entry.log);
        program.args =
            vec!["migrate".to_owned(), "--owner-url".to_owned(), entry.database.owner_url.clone()];
        running.push((program.spawn()?, name, entry));
    }
    for (mut migration, name, entry) in running {
        let status = migration.exited().await?;
        if !status.success() {
            let how = how_it_ended(status);
            bail!("the migration of {name} {how}: {}", last_words(&entry.log));
        }
    }
    Ok(())
}

async fn start_services(
    file: &BankFile,
    shared: &Shared,
) -> anyhow::Result<Vec<(Service, Duration)>> {
    let mut services = Vec::new();
    let trust = file.anonymous_trust()?;
    for (name, entry) in &file.services {
        let mut service = Service::new(name, entry, trust.clone());
        service.launch()?;
        shared.update(|file| file.set_process(name, service.identity()))?;
        services.push(service);
    }
    let times = wait_all_ready(&mut services, READY_LIMIT).await?;
    Ok(services.into_iter().zip(times).collect())
}
