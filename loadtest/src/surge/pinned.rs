//! A bank of our own whose deposit service can do only so much, whatever processors there are.
//!
//! Its way to the database is made long by proxies, one before each node; its batches are made small and few. All of it
//! stands in the service's own configuration file, which is written anew and read at a restart. Postgres replicates and
//! commits as ever, but does not wait for disks: how long those take changes from minute to minute.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use testkit::proxy::Proxy;
use toml::{Table, Value};

use super::mix::Capacity;
use super::scenario::{Buckets, Pins};
use crate::lab::Lab;
use crate::target::Target;

const SERVICE: &str = "deposit";

/// What refuses calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Control {
    /// Nothing.
    None,
    /// Token buckets, set to what the bank can do.
    Buckets,
    /// Token buckets, and the limit of calls under way that follows queueing time.
    All,
}

impl Control {
    /// As the bank's settings call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Buckets => "buckets",
            Self::All => "all",
        }
    }
}

/// The bank, and what lies between its deposit service and the database.
#[derive(Debug)]
pub struct Pinned {
    lab: Lab,
    /// The configuration as the bank wrote it.
    original: String,
    proxies: Vec<Proxy>,
    pins: Pins,
}

impl Pinned {
    /// A bank of our own, not pinned yet.
    pub async fn start(pins: &Pins, bin_dir: Option<&Path>) -> anyhow::Result<Self> {
        let lab = Lab::without_disks(bin_dir).await?;
        let original = std::fs::read_to_string(config_of(&lab)?)?;
        Ok(Self { lab, original, proxies: Vec::new(), pins: pins.clone() })
    }

    /// The bank, with the processes that it has now.
    pub fn target(&self) -> &Target {
        &self.lab.target
    }

    /// Pins the capacity, and lets this control what gets in. The buckets need to know what the capacity is.
    pub async fn pin(
        &mut self,
        control: Control,
        buckets: Option<(&Buckets, &Capacity)>,
    ) -> anyhow::Result<()> {
        let mut config: Table = toml::from_str(&self.original)?;
        if self.proxies.is_empty() {
            self.proxies = proxies(&config, self.pins.each_way())?;
        }
        for (node, proxy) in nodes(&mut config)?.iter_mut().zip(&self.proxies) {
            let url = node.as_str().context("a node without a URL")?;
            *node = with_port(url, proxy.port())?.into();
        }
        let pins = &self.pins;
        set(&mut config, "lanes", "lanes", pins.lanes);
        set(&mut config, "lanes", "batch_max", pins.batch_max);
        set(&mut config, "database", "read_pool_size", pins.read_connections);
        set(&mut config, "traffic", "control", control.name());
        set(&mut config, "traffic", "queue_target_ms", pins.queue_target_ms);
        // One batch under way and one that gathers: with fewer, places in the batches would stay empty.
        set(&mut config, "traffic", "in_flight_min", 2 * pins.lanes * pins.batch_max);
        if let Some((buckets, capacity)) = buckets {
            let traffic = config.entry("traffic").or_insert_with(|| Table::new().into());
            let traffic = traffic.as_table_mut().context("[traffic] is no section")?;
            traffic.extend(rates(buckets, capacity));
        }
        self.restart(&toml::to_string(&config)?).await
    }

    /// Gives the service back what it had.
    pub async fn unpin(&mut self) -> anyhow::Result<()> {
        let original = self.original.clone();
        self.restart(&original).await
    }

    /// Makes the database slow, or as it was.
    pub fn slow(&self, slow: bool) {
        let each_way = if slow { self.pins.each_way_slow() } else { self.pins.each_way() };
        for proxy in &self.proxies {
            proxy.set_delay(each_way);
        }
    }

    /// Stops the bank, and removes it.
    pub async fn close(self) -> anyhow::Result<()> {
        let Self { lab, proxies, .. } = self;
        // The service ends in order only while it reaches its database.
        let closed = lab.close().await;
        drop(proxies);
        closed
    }

    async fn restart(&mut self, config: &str) -> anyhow::Result<()> {
        let path = config_of(&self.lab)?;
        // The file keeps its owner and its mode.
        std::fs::write(&path, config)
            .with_context(|| format!("cannot write {}", path.display()))?;
        self.lab.restart(SERVICE).await
    }
}

fn config_of(lab: &Lab) -> anyhow::Result<std::path::PathBuf> {
    Ok(bank::BankFile::load(&lab.target.dir)?.service(SERVICE)?.config.clone())
}

fn nodes(config: &mut Table) -> anyhow::Result<&mut Vec<Value>> {
    let nodes = config.get_mut("database").and_then(|database| database.get_mut("nodes"));
    nodes.and_then(Value::as_array_mut).context("the configuration names no nodes")
}

fn proxies(config: &Table, each_way: Duration) -> anyhow::Result<Vec<Proxy>> {
    let mut config = config.clone();
    let mut proxies = Vec::new();
    for node in nodes(&mut config)? {
        let (_, port, _) = parts(node.as_str().unwrap_or_default())?;
        proxies.push(Proxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), each_way)?);
    }
    Ok(proxies)
}

/// The URL of a node with another port.
fn with_port(url: &str, port: u16) -> anyhow::Result<String> {
    let (before, _, after) = parts(url)?;
    Ok(format!("{before}:{port}{after}"))
}

/// What stands before the port, the port, and what stands after it.
fn parts(url: &str) -> anyhow::Result<(&str, u16, &str)> {
    let found = || {
        let host = url.rfind('@')? + 1;
        let colon = host + url.get(host..)?.find(':')?;
        let digits = url.get(colon + 1..)?;
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        Some((url.get(..colon)?, digits.get(..end)?.parse().ok()?, digits.get(end..)?))
    };
    // Without the URL, which holds a password.
    found().context("the URL of a node has no port")
}

fn set(config: &mut Table, section: &str, key: &str, value: impl Into<Value>) {
    let section = config.entry(section).or_insert_with(|| Table::new().into());
    if let Some(section) = section.as_table_mut() {
        section.insert(key.to_owned(), value.into());
    }
}

/// The settings of the buckets.
fn rates(buckets: &Buckets, capacity: &Capacity) -> Table {
    let bucket = |of: f64, percent: u32| {
        let rate = whole(of, percent);
        let burst = (rate * i64::from(buckets.burst_ms) / 1_000).max(1);
        (Value::from(rate), Value::from(burst))
    };
    let mut traffic = Table::new();
    for (name, percent) in
        [("caller", buckets.caller_percent), ("service", buckets.service_percent)]
    {
        let (rate, burst) = bucket(capacity.total(), percent);
        traffic.insert(format!("{name}_rate"), rate);
        traffic.insert(format!("{name}_burst"), burst);
    }
    let mut classes = Table::new();
    for (name, of, percent) in [
        ("card_authorization", capacity.writes_per_s, buckets.card_authorization_percent),
        ("payment", capacity.writes_per_s, buckets.payment_percent),
        ("query", capacity.reads_per_s, buckets.query_percent),
    ] {
        let (rate, burst) = bucket(of, percent);
        let class = Table::from_iter([("rate".to_owned(), rate), ("burst".to_owned(), burst)]);
        classes.insert(name.to_owned(), class.into());
    }
    traffic.insert("classes".to_owned(), classes.into());
    traffic
}

#[expect(clippy::float_arithmetic, reason = "a rate, not money")]
#[expect(clippy::cast_possible_truncation, reason = "rates are far below 2^53")]
fn whole(of: f64, percent: u32) -> i64 {
    ((of * f64::from(percent) / 100.0).round() as i64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_gets_another_port_and_keeps_the_rest() {
        let url = "postgres://app:p%40ss:w@127.0.0.1:4000/deposit?x=1:2";

        assert_eq!(
            with_port(url, 5_000).unwrap(),
            "postgres://app:p%40ss:w@127.0.0.1:5000/deposit?x=1:2"
        );
        let without = with_port("postgres://app:secret@127.0.0.1/deposit", 1).unwrap_err();
        assert!(!without.to_string().contains("secret"), "{without}");
    }

    #[test]
    fn buckets_are_parts_of_what_serves_them() {
        let scenario = super::super::scenario::Scenario::built_in().unwrap();
        let capacity = Capacity { writes_per_s: 600.0, reads_per_s: 300.0 };

        let rates = rates(&scenario.buckets, &capacity);

        assert_eq!(rates["caller_rate"].as_integer(), Some(900));
        assert_eq!(rates["caller_burst"].as_integer(), Some(135));
        assert_eq!(rates["service_rate"].as_integer(), Some(990));
        let classes = rates["classes"].as_table().unwrap();
        let rate = |class: &str| classes[class]["rate"].as_integer().unwrap();
        assert_eq!([rate("card_authorization"), rate("payment"), rate("query")], [360, 270, 255]);
    }
}
