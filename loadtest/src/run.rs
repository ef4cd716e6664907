//! One run: load for some seconds, then every request without an answer resolved, then the outbox drained.
//!
//! Requests come from a schedule (open loop, at a rate) or from workers that send the next when the last is answered
//! (closed loop, flat out). Queries always come from a schedule of their own.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use kernel::{Clock as _, SystemClock};
use sqlx::{Connection as _, PgConnection};
use testkit::invariants::RunIds;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::accounts::Accounts;
use crate::choice::Chooser;
use crate::client::{Client, Scheme};
use crate::driver::Driver;
use crate::ids::Ids;
use crate::iso8583::Pool;
use crate::meter::{Measured, Meter};
use crate::pools::Pools;
use crate::progress::Progress;
use crate::record::Recording;
use crate::scenario::Scenario;
use crate::schedule::{Schedule, Time, pace};
use crate::stop::Stop;
use crate::target::Target;
use crate::watch::{self, Watch, Watched};
use crate::{seed_cards, seed_loans};

const DEADLINE: Duration = Duration::from_secs(10);
/// How long an answer that did not come is asked for again.
const RESOLVE_LIMIT: Duration = Duration::from_mins(1);
const DRAIN_LIMIT: Duration = Duration::from_mins(1);
/// Connections to the gateway: a scheme has a few, with many requests on each.
const LINES: usize = 8;
const ACCOUNTS: &str = "SELECT account_number, last_sequence, customer_id FROM accounts";

/// How requests are paced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Open loop: so many a second, at equal distances or as independent arrivals.
    Rate {
        /// Requests per second.
        per_second: u32,
        /// Independent arrivals.
        poisson: bool,
    },
    /// Closed loop: as many as the bank takes, with so many in flight.
    Max {
        /// Requests that wait for their answer at any time.
        in_flight: u32,
    },
}

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is asked, of which accounts.
    pub scenario: Arc<Scenario>,
    /// How fast.
    pub pace: Pace,
    /// How long requests are sent.
    pub seconds: u32,
    /// Queries per second, on top.
    pub queries: u32,
    /// With a schedule: at most this many wait for an answer; beyond it the generator waits, and says so as lag.
    pub in_flight_max: u32,
}

/// What came of a run.
#[derive(Debug)]
pub struct Finished {
    /// What was run.
    pub plan: Plan,
    /// Latencies and counts.
    pub measured: Measured,
    /// Mutating requests that were sent.
    pub offered: u64,
    /// For how long requests were sent.
    pub sending: Duration,
    /// Requests without an answer that were resolved afterwards.
    pub resolved: u64,
    /// Requests that nobody could resolve; V5 fails.
    pub unresolved: u64,
    /// Outbox, memory and processor time.
    pub watched: Watched,
    /// How long the outbox took to empty after the last answer; `None` where it did not in 60 s.
    pub drained: Option<Duration>,
    /// The client's own record.
    pub record: PathBuf,
    /// How the ids of this run are recognised.
    pub ids: RunIds,
    /// How often the bank refused for which reason.
    pub refusals: BTreeMap<String, u64>,
    /// What came instead of answers: the first few kinds.
    pub troubles: Vec<String>,
    /// Whether Ctrl-C ended it early.
    pub interrupted: bool,
}

/// Runs a plan against a bank, on the accounts that were seeded.
pub async fn run(
    target: &Target,
    accounts: &[i64],
    plan: Plan,
    stop: &Stop,
) -> anyhow::Result<Finished> {
    let known = accounts_as_booked(target, accounts).await?;
    let mut client = Client::connect(target, DEADLINE).await?;
    let mut pools = Pools::default();
    if plan.scenario.needs_loans() {
        pools.loans = seed_loans::ensure(target, &known, stop).await?;
    }
    if plan.scenario.needs_cards() {
        pools.cards = seed_cards::ensure(target, &known, stop).await?;
        let lines = Pool::open(target.gateway()?, LINES).await?;
        client = client.with_scheme(Scheme::new(lines, pools.cards.clone(), DEADLINE));
    }
    let pools = Arc::new(pools);
    let ids = Arc::new(Ids::new(SystemClock.now(), rand::random()));
    let meter = Arc::new(Meter::new()?);
    let path = target.own_dir()?.join(format!("{}.record", ids.tag_text()));
    let recording = Recording::start(&path, Arc::clone(&meter))?;
    let shared = (Arc::clone(&pools), Arc::clone(&ids));
    let driver = Arc::new(Driver::new(client, known, shared, recording.recorder()));
    let watch = Watch::start(target);
    let generator = Generator {
        plan,
        driver: Arc::clone(&driver),
        ids: Arc::clone(&ids),
        pools,
        stop: stop.clone(),
    };
    let progress = tokio::spawn(show(
        Arc::clone(&meter),
        Arc::clone(&driver),
        generator.plan.seconds,
        stop.clone(),
    ));

    let sending = generator.send().await?;
    progress.abort();
    let (watched, drained) = tokio::try_join!(watch.finish(), watch::drained(target, DRAIN_LIMIT))?;
    let (resolved, unresolved) = driver.resolve(RESOLVE_LIMIT).await;
    let run_ids = ids.run();
    let record = recording.finish()?;
    Ok(Finished {
        plan: generator.plan,
        measured: meter.measured(),
        offered: driver.offered(),
        sending,
        resolved,
        unresolved,
        watched,
        drained,
        record,
        ids: run_ids,
        refusals: driver.refusals(),
        troubles: driver.troubles(),
        interrupted: stop.is_requested(),
    })
}

/// How many entries each account has before the run, so that a stale read is noticed; and whose it is, because a channel
/// must say for whom it calls.
pub(crate) async fn accounts_as_booked(
    target: &Target,
    accounts: &[i64],
) -> anyhow::Result<Accounts> {
    let mut deposit = PgConnection::connect(&target.books.deposit_url).await?;
    let rows: Vec<(i64, i64, Uuid)> = sqlx::query_as(ACCOUNTS).fetch_all(&mut deposit).await?;
    deposit.close().await.ok();
    let found: HashMap<i64, _> = rows.into_iter().map(|row| (row.0, row)).collect();
    let known: Vec<_> = accounts.iter().filter_map(|number| found.get(number).copied()).collect();
    ensure!(
        known.len() == accounts.len(),
        "{} of the {} seeded accounts are not in this bank: remove {} to seed anew",
        accounts.len() - known.len(),
        accounts.len(),
        target.dir.join("loadtest").display()
    );
    Ok(Accounts::new(known))
}

struct Generator {
    plan: Plan,
    driver: Arc<Driver>,
    ids: Arc<Ids>,
    pools: Arc<Pools>,
    stop: Stop,
}

impl Generator {
    /// Sends for as long as the plan says, then waits for the last answers. Answers how long was sent.
    async fn send(&self) -> anyhow::Result<Duration> {
        let end = Duration::from_secs(u64::from(self.plan.seconds));
        let queries = self.start_queries(end)?;
        match self.plan.pace {
            Pace::Rate { per_second, poisson } => {
                let chooser = self.chooser(0);
                let mut schedule = if poisson {
                    Schedule::poisson(per_second, self.chooser(1))
                } else {
                    Schedule::even(per_second)
                };
                let work = Work { chooser, pacing: self.pacing(end), orders: true };
                let pacer = thread("orders", move || work.run(&mut schedule))?;
                joined(pacer).await?;
            }
            Pace::Max { in_flight } => self.flat_out(in_flight, end).await?,
        }
        if let Some(queries) = queries {
            joined(queries).await?;
        }
        let sending = self.driver.now();
        let deadline = Instant::now() + DEADLINE + Duration::from_secs(5);
        while self.driver.in_flight() > 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(sending.min(end))
    }

    fn start_queries(&self, end: Duration) -> anyhow::Result<Option<std::thread::JoinHandle<()>>> {
        if self.plan.queries == 0 {
            return Ok(None);
        }
        let mut schedule = Schedule::even(self.plan.queries);
        let work = Work { chooser: self.chooser(2), pacing: self.pacing(end), orders: false };
        thread("queries", move || work.run(&mut schedule)).map(Some)
    }

    async fn flat_out(&self, in_flight: u32, end: Duration) -> anyhow::Result<()> {
        let mut workers = JoinSet::new();
        for worker in 0..in_flight {
            let mut chooser = self.chooser(u64::from(worker) + 16);
            let (driver, stop) = (Arc::clone(&self.driver), self.stop.clone());
            workers.spawn(async move {
                while driver.now() < end && !stop.is_requested() {
                    let order = chooser.order();
                    let now = driver.now();
                    if let Some(pause) = driver.order(order, now).await {
                        stop.sleep(pause).await;
                    }
                }
            });
        }
        while let Some(worker) = workers.join_next().await {
            worker?;
        }
        Ok(())
    }

    fn chooser(&self, worker: u64) -> Chooser {
        let seed = rand::random::<u64>() ^ worker;
        let accounts = self.driver.accounts.count();
        let (ids, pools) = (Arc::clone(&self.ids), Arc::clone(&self.pools));
        Chooser::new(Arc::clone(&self.plan.scenario), accounts, ids, pools, seed)
    }

    fn pacing(&self, end: Duration) -> Pacing {
        Pacing {
            driver: Arc::clone(&self.driver),
            stop: self.stop.clone(),
            end,
            in_flight_max: usize::try_from(self.plan.in_flight_max).unwrap_or(usize::MAX),
            runtime: Handle::current(),
        }
    }
}

/// What a pacing thread needs: a thread of its own, because a timer of the runtime is only exact to a millisecond.
struct Pacing {
    driver: Arc<Driver>,
    stop: Stop,
    end: Duration,
    in_flight_max: usize,
    runtime: Handle,
}

struct Work {
    chooser: Chooser,
    pacing: Pacing,
    orders: bool,
}

impl Work {
    fn run(mut self, schedule: &mut Schedule) {
        let Pacing { driver, stop, end, in_flight_max, runtime } = self.pacing;
        let time = RunTime(driver.started());
        pace(
            schedule,
            &time,
            end,
            || stop.is_requested(),
            |due| {
                // A bank that answers nothing at all must not exhaust our memory.
                while driver.in_flight() >= in_flight_max && !stop.is_requested() {
                    std::thread::sleep(Duration::from_millis(1));
                }
                let driver = Arc::clone(&driver);
                if self.orders {
                    let order = self.chooser.order();
                    runtime.spawn(async move { driver.order(order, due).await });
                    return;
                }
                let (operation, account) = self.chooser.query();
                let recent = driver.accounts.recent_count();
                let account = account
                    .or_else(|| driver.accounts.recent(self.chooser.below(recent.max(1))))
                    .unwrap_or(0);
                runtime.spawn(async move { driver.query(operation, account, due).await });
            },
        );
    }
}

struct RunTime(Instant);

impl Time for RunTime {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn wait_until(&self, due: Duration) {
        std::thread::sleep(due.saturating_sub(self.0.elapsed()));
    }
}

fn thread(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> anyhow::Result<std::thread::JoinHandle<()>> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder.spawn(work).with_context(|| format!("cannot start the {name} thread"))
}

async fn joined(thread: std::thread::JoinHandle<()>) -> anyhow::Result<()> {
    let ended = tokio::task::spawn_blocking(move || thread.join()).await?;
    ended.map_err(|_| anyhow::anyhow!("a generator thread has crashed"))
}

/// A line a second.
async fn show(meter: Arc<Meter>, driver: Arc<Driver>, seconds: u32, stop: Stop) {
    let mut progress = Progress::with_every_line("running", u64::from(seconds));
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.tick().await;
    while !stop.is_requested() {
        ticks.tick().await;
        let (second, writes, queries) = meter.latest();
        let (tps, p99_ms) = second.map_or((0, 0.0), |second| (second.posted, second.p99_ms));
        let message = format!(
            "offered {}  acked {}  tps {tps}  p99 {p99_ms:.1} ms  unknown {}  queries {}",
            driver.offered(),
            writes.done,
            writes.unknown + queries.unknown,
            queries.done,
        );
        progress.at(driver.now().as_secs(), &message);
    }
}
