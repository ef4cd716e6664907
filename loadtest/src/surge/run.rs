//! The steps of a surge, one after the other: capacity, then for each control the overload, the recovery and the slow
//! database; then everything without an outcome is asked for again, and the books are audited.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use chrono::{DateTime, Utc};
use kernel::{Clock as _, SystemClock};
use testkit::invariants::Report as Audit;
use tokio::task::JoinHandle;

use super::bars::bars;
use super::books::{Late, decisions};
use super::callers::{Accounts, Callers};
use super::load::Load;
use super::metrics::{Metrics, Sampler};
use super::mix::{Capacity, Mix};
use super::pinned::{Control, Pinned};
use super::report::{ModeReport, Outside, StepReport, SurgeReport};
use super::scenario::Scenario;
use super::tally::Tally;
use crate::audit::audit;
use crate::progress::say;
use crate::record::Recording;
use crate::seed::{self, Wanted};
use crate::stop::{Interrupted, Stop};
use crate::watch::{Cpu, Watch};

/// Everybody has an answer or none by so long after the deadline.
const GRACE: Duration = Duration::from_secs(2);
/// Between steps, so that one does not begin with what is left of another.
const PAUSE: Duration = Duration::from_secs(1);
const RESOLVE_LIMIT: Duration = Duration::from_mins(2);
/// Workers for each place in a batch: enough that every batch is full.
const WORKERS: u32 = 8;

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is asked.
    pub scenario: Scenario,
    /// Under which controls, one after the other.
    pub controls: Vec<Control>,
    /// How long each step takes.
    pub step_seconds: u32,
    /// How many accounts the load is spread over.
    pub accounts: u32,
    /// Where the binaries of the services are; beside this executable where not given.
    pub bin_dir: Option<PathBuf>,
}

/// A step whose calls have all been sent, and may not all have ended.
struct Sent {
    percent: u32,
    seconds: f64,
    tally: Arc<Tally>,
    /// By the clock that ids are made from.
    during: Range<DateTime<Utc>>,
    began: Instant,
    ended: Instant,
    cpu: JoinHandle<Cpu>,
}

/// The steps of one control; looked at once they are over.
#[derive(Default)]
struct Steps {
    overload: Vec<Sent>,
    recovery: Option<Sent>,
    slow: Vec<Sent>,
}

/// Runs a surge on a bank of its own, which is gone afterwards whatever happens.
pub async fn run(plan: &Plan, stop: &Stop) -> anyhow::Result<SurgeReport> {
    let started_at = SystemClock.now().format("%Y-%m-%d %H:%M:%S UTC").to_string();
    say("starting a bank of our own");
    let pins = &plan.scenario.capacity;
    let mut bank = tokio::select! {
        bank = Pinned::start(pins, plan.bin_dir.as_deref()) => bank?,
        () = stop.requested() => return Err(Interrupted.into()),
    };
    let surge = surge(&mut bank, plan, stop).await;
    let closed = bank.close().await;
    let report = surge?;
    closed?;
    Ok(SurgeReport { started_at, ..report })
}

async fn surge(bank: &mut Pinned, plan: &Plan, stop: &Stop) -> anyhow::Result<SurgeReport> {
    let wanted = Wanted { customers: None, accounts: Some(plan.accounts) };
    let numbers = seed::ensure(bank.target(), wanted, stop).await?;
    let accounts = Accounts::find(bank.target(), &numbers).await?;
    let callers = Callers::connect(bank.target()).await?;
    let (directory, deadline) = (bank.target().own_dir()?, plan.scenario.demand.deadline());
    let (load, recording) = Load::new(accounts, callers, deadline, &directory)?;

    bank.pin(Control::None, None).await?;
    let capacity = measure(bank, plan, &load, stop).await?;
    let mut modes = Vec::new();
    for control in &plan.controls {
        if !stop.is_requested() {
            let generator = Generator { plan, capacity, load: &load, stop };
            modes.push(Box::pin(mode(bank, *control, &generator)).await?);
        }
    }
    let troubles = load.troubles();
    let (resolved, unresolved, audit) = close_books(bank, &load, recording, &numbers).await?;
    let calm = plan.scenario.demand.recovery_percent;
    let controlled = modes.iter().find(|mode: &&ModeReport| mode.control == Control::All);
    let bars = controlled.map(|mode| bars(mode, calm, Some(&audit))).unwrap_or_default();
    let passed = audit.passed && unresolved == 0 && bars.iter().all(|bar| bar.passed);
    Ok(SurgeReport {
        passed,
        interrupted: stop.is_requested(),
        started_at: String::new(),
        pinned: describe(plan),
        capacity,
        deadline_ms: plan.scenario.demand.deadline_ms,
        step_seconds: plan.step_seconds,
        bars,
        modes,
        resolved,
        unresolved,
        troubles,
        audit: Some(audit),
    })
}

fn describe(plan: &Plan) -> String {
    let pins = &plan.scenario.capacity;
    format!(
        "{} lanes with batches of at most {}, {} connection(s) for reads, {} ms added to each round trip to the database \
         ({} ms while it is slow)",
        pins.lanes,
        pins.batch_max,
        pins.read_connections,
        pins.round_trip_ms,
        pins.slow_round_trip_ms
    )
}

async fn measure(
    bank: &Pinned,
    plan: &Plan,
    load: &Arc<Load>,
    stop: &Stop,
) -> anyhow::Result<Capacity> {
    load.reconnected(Callers::connect(bank.target()).await?);
    let pins = &plan.scenario.capacity;
    let workers = [pins.lanes * pins.batch_max * WORKERS, pins.read_connections * WORKERS];
    let length = Duration::from_secs(plan.step_seconds.into());
    let cards = plan.scenario.demand.card_authorization_percent;
    let capacity = load.flat_out(workers, cards, length, stop).await;
    say(&format!(
        "pinned capacity: {:.0} writes and {:.0} reads per second",
        capacity.writes_per_s, capacity.reads_per_s
    ));
    if stop.is_requested() {
        return Err(Interrupted.into());
    }
    let some = capacity.writes_per_s > 1.0 && capacity.reads_per_s > 1.0;
    ensure!(some, "the bank does nothing: {}", load.troubles().join("; "));
    Ok(capacity)
}

/// All steps under one control.
async fn mode(
    bank: &mut Pinned,
    control: Control,
    generator: &Generator<'_>,
) -> anyhow::Result<ModeReport> {
    let Generator { plan, capacity, load, .. } = generator;
    say(&format!("control {}", control.name()));
    bank.pin(control, Some((&plan.scenario.buckets, capacity))).await?;
    load.reconnected(Callers::connect(bank.target()).await?);
    let looking = Sampler::start(Metrics::of(bank.target())?);
    let steps = generator.all(bank).await;
    let samples = looking.finish().await;
    // Told by the books before anything is asked for again.
    let decided = decisions(bank.target(), load.ids.run()).await?;
    let steps = steps?;
    let deadline = plan.scenario.demand.deadline();
    let report = async |sent: Sent| {
        let (before, after) = (samples.at(sent.began), samples.at(sent.ended + PAUSE));
        let outside = Outside {
            books: Late::of(&decided, &sent.during, deadline),
            lane_expired: after.expired_since(&before),
            lane_late: after.late_since(&before),
            write_limit: limit(control, samples.at(sent.ended).write_limit),
            read_limit: limit(control, samples.at(sent.ended).read_limit),
            cpu: sent.cpu.await.unwrap_or_default(),
        };
        StepReport::of(sent.percent, sent.seconds, &sent.tally.counted(), &outside)
    };
    let mut mode = ModeReport { control, steps: Vec::new(), recovery: None, slow: Vec::new() };
    for sent in steps.overload {
        mode.steps.push(report(sent).await);
    }
    if let Some(sent) = steps.recovery {
        mode.recovery = Some(report(sent).await);
    }
    for sent in steps.slow {
        mode.slow.push(report(sent).await);
    }
    Ok(mode)
}

/// The service says how many calls might be under way also where that refuses nobody.
fn limit(control: Control, seen: Option<f64>) -> Option<f64> {
    seen.filter(|_| control == Control::All)
}

/// What all steps have in common.
struct Generator<'a> {
    plan: &'a Plan,
    capacity: Capacity,
    load: &'a Arc<Load>,
    stop: &'a Stop,
}

impl Generator<'_> {
    async fn all(&self, bank: &Pinned) -> anyhow::Result<Steps> {
        let demand = &self.plan.scenario.demand;
        let mut steps = Steps::default();
        let length = self.plan.step_seconds;
        for percent in &demand.steps_percent {
            if self.stop.is_requested() {
                return Ok(steps);
            }
            // Before the last one ends nothing is waited for, so that what comes after it begins at once.
            if let Some(before) = steps.overload.last() {
                self.settle(before).await;
            }
            steps.overload.push(self.send(bank, *percent, length).await?);
        }
        if self.stop.is_requested() {
            return Ok(steps);
        }
        // Long enough to see that it stays well.
        let recovery = self.send(bank, demand.recovery_percent, length.max(5) + 10).await?;
        self.settle(&recovery).await;
        steps.recovery = Some(recovery);
        for slow in [false, true, false] {
            if self.stop.is_requested() {
                break;
            }
            bank.slow(slow);
            let seconds = if steps.slow.len() == 2 { length.max(5) + 10 } else { length };
            let sent = self.send(bank, demand.slow_percent, seconds).await;
            bank.slow(false);
            steps.slow.push(sent?);
        }
        if let Some(last) = steps.slow.last() {
            self.settle(last).await;
        }
        Ok(steps)
    }

    async fn send(&self, bank: &Pinned, percent: u32, seconds: u32) -> anyhow::Result<Sent> {
        let mix = Mix::of(&self.plan.scenario.demand, &self.capacity, percent);
        let watch = Watch::start(bank.target());
        let (began, at) = (Instant::now(), SystemClock.now());
        let length = Duration::from_secs(seconds.into());
        let tally = self.load.open(&mix, length, self.stop).await?;
        let (ended, until) = (Instant::now(), SystemClock.now());
        let cpu =
            tokio::spawn(async move { watch.finish().await.map(|w| w.cpu).unwrap_or_default() });
        let counted = tally.counted().all();
        say(&format!(
            "  {percent} % of the capacity, {:.0} per second for {seconds} s: {} answered, {} shed, {} expired",
            mix.total(),
            counted.good,
            counted.shed,
            counted.expired
        ));
        let seconds = ended.duration_since(began).min(length).as_secs_f64();
        Ok(Sent { percent, seconds, tally, during: at..until, began, ended, cpu })
    }

    /// Waits until every call of a step has ended, and a moment longer.
    async fn settle(&self, sent: &Sent) {
        let until = Instant::now() + self.plan.scenario.demand.deadline() + GRACE;
        while sent.tally.under_way() > 0 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.stop.sleep(PAUSE).await;
    }
}

/// Finds out what became of everything, and compares the record with the books.
async fn close_books(
    bank: &mut Pinned,
    load: &Arc<Load>,
    recording: Recording,
    numbers: &[i64],
) -> anyhow::Result<(u64, u64, Audit)> {
    say("asking again for what has no outcome");
    bank.unpin().await?;
    load.reconnected(Callers::connect(bank.target()).await?);
    let (resolved, unresolved) = load.resolve(RESOLVE_LIMIT).await;
    let record = recording.finish()?;
    say("auditing the books");
    let audit = audit(bank.target(), numbers, &[(record.as_path(), load.ids.run())]).await?;
    if !audit.passed {
        keep(&record)?;
    }
    Ok((resolved, unresolved, audit))
}

/// The bank is about to go; the evidence is not.
fn keep(record: &Path) -> anyhow::Result<()> {
    let place = PathBuf::from(record.file_name().unwrap_or_default());
    std::fs::copy(record, &place)?;
    say(&format!("the client's record is kept in {}", place.display()));
    Ok(())
}
