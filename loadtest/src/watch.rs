//! Looks at the bank from outside while it is under load: how old its outbox gets, what memory and processor time its
//! processes take. Read from Postgres and /proc; the bank does not notice.

#![expect(clippy::float_arithmetic, reason = "statistics, not money")]

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use serde::Serialize;
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinHandle;

use crate::meter::{histogram, millis};
use crate::stop::Stop;
use crate::target::Target;

const OUTBOX_EVERY: Duration = Duration::from_millis(200);
/// Proportional memory makes the kernel walk page tables, so it is asked for rarely.
const MEMORY_EVERY: u32 = 15;
/// The oldest row by number, through the primary key: exact enough, and cheap however many rows wait.
const OUTBOX_AGE: &str =
    "SELECT coalesce((SELECT extract(epoch FROM clock_timestamp() - enqueued_at) * 1000000
    FROM outbox ORDER BY batch_number LIMIT 1), 0)::bigint";
const OUTBOX_ROWS: &str = "SELECT count(*) FROM outbox";
/// Clock ticks per second in /proc; Linux has had no other value for decades.
const TICKS: f64 = 100.0;

/// What was seen from outside.
#[derive(Debug, Clone)]
pub struct Watched {
    /// How old the oldest outbox row was at each look, microseconds.
    pub outbox_age: Histogram<u64>,
    /// The highest memory of any look.
    pub memory: Memory,
    /// Processor time of the whole run.
    pub cpu: Cpu,
}

/// Proportional set size, megabytes: memory that is shared counts once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Memory {
    /// All services.
    pub services: f64,
    /// All database nodes.
    pub postgres: f64,
    /// Both.
    pub total: f64,
}

/// Processors kept busy on average: 1.0 is one core.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cpu {
    /// All services.
    pub services: f64,
    /// The primary.
    pub primary: f64,
    /// The replicas.
    pub replicas: f64,
    /// This generator.
    pub generator: f64,
}

/// The looking task.
#[derive(Debug)]
pub struct Watch {
    done: Stop,
    task: JoinHandle<anyhow::Result<Watched>>,
}

impl Watch {
    /// Starts to look at a bank.
    pub fn start(target: &Target) -> Self {
        let done = Stop::new();
        let task = tokio::spawn(look(target.clone(), done.clone()));
        Self { done, task }
    }

    /// Stops looking.
    pub async fn finish(self) -> anyhow::Result<Watched> {
        self.done.request();
        self.task.await?
    }
}

/// Waits until the outboxes are empty; how long that took, or `None` where they were not before `limit`.
pub async fn drained(target: &Target, limit: Duration) -> anyhow::Result<Option<Duration>> {
    let mut deposit = connect(target).await?;
    let loan = PgConnection::connect(&target.books.loan_url).await;
    let mut loan = loan.context("cannot connect to the loan database as the auditor")?;
    let started = Instant::now();
    loop {
        let mut rows: i64 = sqlx::query_scalar(OUTBOX_ROWS).fetch_one(&mut deposit).await?;
        rows += sqlx::query_scalar::<_, i64>(OUTBOX_ROWS).fetch_one(&mut loan).await?;
        if rows == 0 {
            return Ok(Some(started.elapsed()));
        }
        if started.elapsed() >= limit {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn connect(target: &Target) -> anyhow::Result<PgConnection> {
    let connected = PgConnection::connect(&target.books.deposit_url).await;
    connected.context("cannot connect to the deposit database as the auditor")
}

async fn look(target: Target, done: Stop) -> anyhow::Result<Watched> {
    let mut deposit = connect(&target).await?;
    let mut outbox_age = histogram()?;
    let mut memory = Memory::default();
    let (started, before) = (Instant::now(), Ticks::of(&target));
    let mut looks = 0;
    while !done.is_requested() {
        // The database may be away for a moment when somebody drills failures: no age then.
        let age: Result<i64, _> = sqlx::query_scalar(OUTBOX_AGE).fetch_one(&mut deposit).await;
        match age {
            Ok(age) => outbox_age.saturating_record(age.max(0).unsigned_abs()),
            Err(_) => {
                if let Ok(again) = connect(&target).await {
                    deposit = again;
                }
            }
        }
        if looks % MEMORY_EVERY == MEMORY_EVERY - 1 {
            let now = {
                let target = target.clone();
                tokio::task::spawn_blocking(move || Memory::of(&target)).await?
            };
            if now.total > memory.total {
                memory = now;
            }
        }
        looks += 1;
        done.sleep(OUTBOX_EVERY).await;
    }
    let cpu = Ticks::of(&target).since(&before, started.elapsed());
    let last = tokio::task::spawn_blocking(move || Memory::of(&target)).await?;
    if last.total > memory.total {
        memory = last;
    }
    Ok(Watched { outbox_age, memory, cpu })
}

impl Memory {
    fn of(target: &Target) -> Self {
        let services = target.services.iter().map(|(_, pid)| proportional_mb(*pid)).sum();
        let nodes: HashSet<i32> = target.nodes.iter().map(|(_, pid)| *pid).collect();
        let backends = processes().into_iter().filter(|process| nodes.contains(&process.parent));
        let mut postgres: f64 = nodes.iter().map(|pid| proportional_mb(*pid)).sum();
        postgres += backends.map(|process| proportional_mb(process.pid)).sum::<f64>();
        Self { services, postgres, total: services + postgres }
    }
}

/// Processor time used so far.
struct Ticks {
    services: u64,
    primary: u64,
    replicas: u64,
    generator: u64,
}

impl Ticks {
    fn of(target: &Target) -> Self {
        let all = processes();
        let own =
            |pid: i32| all.iter().find(|process| process.pid == pid).map_or(0, |p| p.own_ticks);
        // A node's ended backends are in the ticks of the children that its main process has waited for.
        let tree = |pid: i32| {
            let main = all.iter().find(|process| process.pid == pid);
            let living = all.iter().filter(|process| process.parent == pid).map(|p| p.own_ticks);
            main.map_or(0, |p| p.own_ticks + p.children_ticks) + living.sum::<u64>()
        };
        let (primary, replicas): (Vec<_>, Vec<_>) =
            target.nodes.iter().partition(|(name, _)| name == "primary");
        Self {
            services: target.services.iter().map(|(_, pid)| own(*pid)).sum(),
            primary: primary.iter().map(|(_, pid)| tree(*pid)).sum(),
            replicas: replicas.iter().map(|(_, pid)| tree(*pid)).sum(),
            generator: i32::try_from(std::process::id()).map_or(0, own),
        }
    }

    fn since(&self, before: &Self, elapsed: Duration) -> Cpu {
        let cores = |now: u64, then: u64| {
            let ticks = u32::try_from(now.saturating_sub(then)).unwrap_or(u32::MAX);
            (f64::from(ticks) / TICKS / elapsed.as_secs_f64().max(0.001) * 100.0).round() / 100.0
        };
        Cpu {
            services: cores(self.services, before.services),
            primary: cores(self.primary, before.primary),
            replicas: cores(self.replicas, before.replicas),
            generator: cores(self.generator, before.generator),
        }
    }
}

struct Process {
    pid: i32,
    parent: i32,
    own_ticks: u64,
    children_ticks: u64,
}

/// All processes of the machine that can be read.
fn processes() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(process).collect()
}

fn process(pid: i32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may itself hold spaces and parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        own_ticks: number(11)? + number(12)?,
        children_ticks: number(13)? + number(14)?,
    })
}

/// Megabytes of memory; what is shared counts in parts. 0 where the process is gone.
fn proportional_mb(pid: i32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    (millis(kilobytes.unwrap_or(0)) * 1_000.0 / 1_024.0 * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_parent_processor_time_and_memory() {
        let own = i32::try_from(std::process::id()).unwrap();

        let process = process(own).unwrap();

        assert_eq!(process.pid, own);
        assert!(process.parent > 0);
        assert!(proportional_mb(own) > 0.1);
    }

    #[test]
    fn a_process_that_is_gone_takes_no_memory() {
        assert!(proportional_mb(i32::MAX).abs() < f64::EPSILON);
    }
}
