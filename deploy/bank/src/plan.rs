//! What a bank will consist of, decided before anything is started: ports, paths, URLs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{Local, NaiveDate};
use kernel::{Clock as _, SystemClock};
use testkit::port;
use testkit::process::Identity;

use crate::error::Error;
use crate::file::{
    BankFile, DatabaseNode, NodeRole, ServiceDatabase, ServiceEntry, State, VERSION, boot_id,
};
use crate::keys::Keys;
use crate::options::{Options, SERVICES};

const REPLICAS_MAX: usize = 8;
/// The service that the scheme asks in ISO 8583.
const GATEWAY: &str = "card";

/// Refuses options that make no sense in themselves.
pub(crate) fn check(options: &Options) -> Result<(), Error> {
    if options.replicas.is_some_and(|replicas| replicas > REPLICAS_MAX) {
        return Err(Error::Usage(format!("--replicas must be between 0 and {REPLICAS_MAX}")));
    }
    if options.trace_ratio.is_some_and(|ratio| !(0.0..=1.0).contains(&ratio)) {
        return Err(Error::Usage("--trace-ratio must be between 0.0 and 1.0".to_owned()));
    }
    if options.otlp.as_ref().is_some_and(|url| !url.starts_with("http")) {
        return Err(Error::Usage("--otlp must be a URL such as http://127.0.0.1:4317".to_owned()));
    }
    if options.base_port.is_some_and(|port| !(1_024..=65_000).contains(&port)) {
        return Err(Error::Usage("--base-port must be between 1024 and 65000".to_owned()));
    }
    Ok(())
}

/// The executables of all services.
pub(crate) fn find_binaries(options: &Options) -> Result<BTreeMap<&'static str, PathBuf>, Error> {
    let directory = match &options.bin_dir {
        Some(directory) => directory.clone(),
        None => std::env::current_exe()?.parent().map(Path::to_owned).unwrap_or_default(),
    };
    let mut found = BTreeMap::new();
    for service in SERVICES {
        let binary = directory.join(service);
        if !binary.is_file() {
            return Err(Error::Environment(format!(
                "the binary of {service} is not in {}: build it with cargo build --workspace --bins, \
                 or say --bin-dir",
                directory.display()
            )));
        }
        // Processes are started in another working directory.
        found.insert(service, binary.canonicalize()?);
    }
    Ok(found)
}

/// The new `bank.json`, as far as it is known before anything runs.
pub(crate) fn plan(
    options: &Options,
    dir: &Path,
    previous: Option<&BankFile>,
    keys: &Keys,
    binaries: &BTreeMap<&'static str, PathBuf>,
) -> Result<BankFile, Error> {
    let replicas = replicas(options, previous)?;
    let ports = ports(options, replicas, previous)?;
    let (node_ports, service_ports) = ports.split_at(replicas + 1);
    let (service_ports, gateway_ports) = service_ports.split_at(2 * SERVICES.len());
    let node = |(index, port): (usize, &u16)| plan_node(dir, index, *port, keys);
    let service = |(name, ports): (&&str, &[u16])| {
        let database = plan_database(name, node_ports, keys);
        let binary = binaries.get(name).cloned().unwrap_or_default();
        let scheme = if options.unprotected { "http" } else { "https" };
        let endpoint = |index: usize| {
            format!("{scheme}://127.0.0.1:{}", ports.get(index).copied().unwrap_or_default())
        };
        let endpoints = [endpoint(0), endpoint(1)];
        let gateway = gateway_ports.first().filter(|_| **name == *GATEWAY);
        let gateway = gateway.map(|port| format!("127.0.0.1:{port}"));
        ((*name).to_owned(), plan_service(dir, name, (endpoints, gateway), (binary, database)))
    };
    Ok(BankFile {
        version: VERSION,
        dir: dir.to_owned(),
        state: State::Starting,
        boot_id: boot_id(),
        supervisor: Identity::own(),
        first_business_date: first_business_date(options, previous)?,
        nodes: node_ports.iter().enumerate().map(node).collect(),
        services: SERVICES.iter().zip(service_ports.chunks(2)).map(service).collect(),
        certificates: None,
    })
}

fn replicas(options: &Options, previous: Option<&BankFile>) -> Result<usize, Error> {
    let had = previous.map(|file| file.nodes.len().saturating_sub(1));
    match (options.replicas, had) {
        (Some(wanted), Some(had)) if wanted < had => Err(Error::Usage(format!(
            "the bank has {had} replicas, and {wanted} were asked for: replicas can be added, not removed"
        ))),
        (wanted, had) => Ok(wanted.or(had).unwrap_or(1)),
    }
}

fn first_business_date(options: &Options, previous: Option<&BankFile>) -> Result<NaiveDate, Error> {
    let opened_on = previous.map(|file| file.first_business_date);
    match (options.first_business_date, opened_on) {
        (Some(wanted), Some(opened_on)) if wanted != opened_on => Err(Error::Usage(format!(
            "the bank in this directory was opened on {opened_on}, not on {wanted}"
        ))),
        (wanted, opened_on) => {
            let today = || SystemClock.now().with_timezone(&Local).date_naive();
            Ok(wanted.or(opened_on).unwrap_or_else(today))
        }
    }
}

/// One port for each node, then gRPC and operations for each service, then that of the scheme.
fn ports(
    options: &Options,
    replicas: usize,
    previous: Option<&BankFile>,
) -> Result<Vec<u16>, Error> {
    let count = replicas + 2 + 2 * SERVICES.len();
    if let Some(base) = options.base_port {
        let ports: Vec<u16> = (base..=u16::MAX).take(count).collect();
        if let Some(busy) = ports.iter().find(|port| !port::is_free(**port)) {
            return Err(Error::Environment(format!(
                "port {busy} of 127.0.0.1 is in use: choose another --base-port, or leave it out"
            )));
        }
        return Ok(ports);
    }
    let mut wanted: Vec<Option<u16>> = vec![None; count];
    if let Some(previous) = previous {
        for (slot, node) in wanted.iter_mut().zip(&previous.nodes) {
            *slot = Some(node.port);
        }
        let port_of = |url: &str| url.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        // A service that is new since then has none.
        let known = SERVICES.iter().flat_map(|name| match previous.services.get(*name) {
            Some(entry) => [port_of(&entry.grpc), port_of(&entry.operations)],
            None => [None, None],
        });
        let gateway = previous.services.get(GATEWAY).and_then(|entry| entry.iso8583.as_deref());
        let known = known.chain([gateway.and_then(port_of)]);
        for (slot, port) in wanted.iter_mut().skip(replicas + 1).zip(known) {
            *slot = port;
        }
    }
    let mut fresh = port::free(count)?;
    let choose = |old: Option<u16>| old.filter(|port| port::is_free(*port)).or_else(|| fresh.pop());
    Ok(wanted.into_iter().filter_map(choose).collect())
}

fn plan_node(dir: &Path, index: usize, port: u16, keys: &Keys) -> DatabaseNode {
    let (name, role) = match index {
        0 => ("primary".to_owned(), NodeRole::Primary),
        number => (format!("replica{number}"), NodeRole::Replica),
    };
    DatabaseNode {
        role,
        host: "127.0.0.1".to_owned(),
        port,
        data_dir: dir.join("postgres").join(&name),
        log: dir.join("log").join(format!("postgres-{name}.log")),
        process: None,
        admin_url: url("postgres", &keys.admin_password, port, "postgres"),
        name,
    }
}

fn plan_database(service: &str, nodes: &[u16], keys: &Keys) -> ServiceDatabase {
    let secrets = keys.databases.services.iter().find(|secrets| secrets.service == service);
    let (owner, app) = secrets
        .map(|secrets| (secrets.owner_password.as_str(), secrets.app_password.as_str()))
        .unwrap_or_default();
    let urls = |role: &str, password: &str| {
        nodes.iter().map(|port| url(role, password, *port, service)).collect::<Vec<_>>()
    };
    ServiceDatabase {
        name: service.to_owned(),
        owner_url: urls(&format!("{service}_owner"), owner).into_iter().next().unwrap_or_default(),
        app_urls: urls(&format!("{service}_app"), app),
        auditor_urls: urls("auditor", &keys.databases.auditor_password),
    }
}

fn plan_service(
    dir: &Path,
    name: &str,
    ([grpc, operations], iso8583): ([String; 2], Option<String>),
    (binary, database): (PathBuf, ServiceDatabase),
) -> ServiceEntry {
    ServiceEntry {
        grpc,
        operations,
        iso8583,
        process: None,
        binary,
        config: dir.join("config").join(format!("{name}.toml")),
        log: dir.join("log").join(format!("{name}.log")),
        audit_heads: dir.join("audit").join(format!("{name}.heads.jsonl")),
        database,
    }
}

fn url(role: &str, password: &str, port: u16, database: &str) -> String {
    format!("postgres://{role}:{password}@127.0.0.1:{port}/{database}")
}
