//! Sends the calls of a surge: independent arrivals at times that do not depend on the bank, or flat out.
//!
//! Every write is recorded before it is sent, and again with its answer. Writes whose outcome nobody knows are kept, to
//! be asked for again once the surge is over.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use kernel::{Clock as _, SystemClock};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::callers::{Accounts, Answer, Callers};
use super::mix::{Capacity, Class, Flow, Mix, WELL_BEHAVED};
use super::tally::{Ended, Ending, Tally};
use crate::ids::Ids;
use crate::meter::Meter;
use crate::order::{Operation, Order};
use crate::record::{Event, FinalAnswer, Recorder, Recording};
use crate::stop::Stop;

const AMOUNT_MAX_MINOR: i64 = 10_000;
/// How many writes are asked for again at a time.
const RESOLVING: usize = 256;
const RESOLVE_DEADLINE: Duration = Duration::from_secs(10);
const RESOLVE_PAUSE: Duration = Duration::from_millis(200);
/// How many kinds of trouble are kept to be shown.
const TROUBLES_KEPT: usize = 8;

/// What all calls share.
#[derive(Debug)]
pub struct Load {
    /// The request ids of the whole surge.
    pub ids: Ids,
    accounts: Accounts,
    callers: Mutex<Arc<Callers>>,
    recorder: Recorder,
    began: Instant,
    deadline: Duration,
    unresolved: Mutex<Vec<(Flow, Order)>>,
    troubles: Mutex<BTreeMap<String, u64>>,
}

impl Load {
    /// Nothing sent yet; the record goes to `path`, in a directory of the bank.
    pub fn new(
        accounts: Accounts,
        callers: Callers,
        deadline: Duration,
        directory: &Path,
    ) -> anyhow::Result<(Arc<Self>, Recording)> {
        let ids = Ids::new(SystemClock.now(), rand::random());
        let path = directory.join(format!("{}.record", ids.tag_text()));
        // Calls are counted here, by class and caller; the recording thread has nothing to count.
        let recording = Recording::start(&path, Arc::new(Meter::new()?))?;
        let load = Self {
            ids,
            accounts,
            callers: Mutex::new(Arc::new(callers)),
            recorder: recording.recorder(),
            began: Instant::now(),
            deadline,
            unresolved: Mutex::default(),
            troubles: Mutex::default(),
        };
        Ok((Arc::new(load), recording))
    }

    /// Connections to a service that was started again.
    pub fn reconnected(&self, callers: Callers) {
        *self.callers.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(callers);
    }

    /// What came instead of answers: the first few kinds, each with how often.
    pub fn troubles(&self) -> Vec<String> {
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.iter().map(|(text, count)| format!("{count}× {text}")).collect()
    }

    /// Sends independent arrivals for so long, and answers where their calls are counted. Does not wait for the last
    /// answers: what is asked next is asked without a gap.
    pub async fn open(
        self: &Arc<Self>,
        mix: &Mix,
        length: Duration,
        stop: &Stop,
    ) -> anyhow::Result<Arc<Tally>> {
        let tally = Arc::new(Tally::new(self.deadline)?);
        let pacing = Pacing {
            load: Arc::clone(self),
            tally: Arc::clone(&tally),
            mix: mix.clone(),
            length,
            stop: stop.clone(),
            runtime: Handle::current(),
        };
        // A timer of the runtime is exact to a millisecond only, and ten calls are due in one.
        let thread = std::thread::Builder::new()
            .name("arrivals".to_owned())
            .spawn(move || pacing.run())
            .context("cannot start the thread of the arrivals")?;
        let ended = tokio::task::spawn_blocking(move || thread.join()).await?;
        ended.map_err(|_| anyhow::anyhow!("the thread of the arrivals has crashed"))?;
        Ok(tally)
    }

    /// Flat out: so many writers and readers, each sending its next call when the last is answered. Of the writes so many
    /// percent are card authorizations. Answers how much was done after a first second in which it settles.
    pub async fn flat_out(
        self: &Arc<Self>,
        [writers, readers]: [u32; 2],
        card_authorization_percent: u32,
        length: Duration,
        stop: &Stop,
    ) -> Capacity {
        let warm = Duration::from_secs(1);
        let began = Instant::now();
        let done = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let mut workers = JoinSet::new();
        for worker in 0..writers + readers {
            let (load, done, stop) = (Arc::clone(self), Arc::clone(&done), stop.clone());
            let reads = worker >= writers;
            workers.spawn(async move {
                let mut rng = SmallRng::seed_from_u64(rand::random());
                while began.elapsed() < warm + length && !stop.is_requested() {
                    let class = if reads {
                        Class::Query
                    } else if rng.random_range(0..100) < card_authorization_percent {
                        Class::CardAuthorization
                    } else {
                        Class::Payment
                    };
                    let flow = Flow { class, caller: rng.random_range(0..WELL_BEHAVED) };
                    let order = load.order(class, &mut rng);
                    let answer = load.send(flow, order, load.deadline).await;
                    let counts = warm <= began.elapsed() && began.elapsed() < warm + length;
                    if counts && matches!(answer, Answer::Done | Answer::Refused(_)) {
                        done[usize::from(reads)].fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        while workers.join_next().await.is_some() {}
        let rate = |place: usize| per_second(done[place].load(Ordering::Relaxed), length);
        Capacity { writes_per_s: rate(0), reads_per_s: rate(1) }
    }

    /// Asks again for everything without an outcome, until the bank has decided it. Answers how much was found out, and
    /// how much was not before `limit`.
    pub async fn resolve(self: &Arc<Self>, limit: Duration) -> (u64, u64) {
        let unresolved = &self.unresolved;
        let calls = std::mem::take(&mut *unresolved.lock().unwrap_or_else(PoisonError::into_inner));
        let deadline = Instant::now() + limit;
        let (mut resolved, mut left) = (0, 0);
        for some in calls.chunks(RESOLVING) {
            let mut asking = JoinSet::new();
            for (flow, order) in some {
                let (load, flow, order) = (Arc::clone(self), *flow, *order);
                asking.spawn(async move { load.resolve_one(flow, order, deadline).await });
            }
            while let Some(asked) = asking.join_next().await {
                if asked.unwrap_or(false) {
                    resolved += 1;
                } else {
                    left += 1;
                }
            }
        }
        (resolved, left)
    }

    async fn resolve_one(&self, flow: Flow, order: Order, deadline: Instant) -> bool {
        loop {
            let callers = self.callers();
            let answer = match callers.call(flow, &order, &self.accounts, RESOLVE_DEADLINE).await {
                Answer::Done => Some(FinalAnswer::Posted),
                Answer::Refused(reason) => Some(FinalAnswer::Refused(reason)),
                // The first attempt may have been decided all the same.
                Answer::Shed | Answer::Expired | Answer::Unknown(_) | Answer::Wrong(_) => None,
            };
            if let Some(answer) = answer {
                let request_id = order.request_id;
                self.recorder.note(Event::Answered { request_id, answer, sample: None });
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(RESOLVE_PAUSE).await;
        }
    }

    fn callers(&self) -> Arc<Callers> {
        Arc::clone(&self.callers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn order(&self, class: Class, rng: &mut SmallRng) -> Order {
        let accounts = self.accounts.count();
        let account = rng.random_range(0..accounts);
        // Any but the first.
        let counterparty = (account + rng.random_range(1..accounts.max(2))) % accounts;
        Order {
            request_id: self.ids.next(),
            operation: class.operation(),
            account,
            counterparty,
            amount_minor: rng.random_range(1..=AMOUNT_MAX_MINOR),
            subject: None,
        }
    }

    /// One call, recorded before and after where it writes.
    async fn send(&self, flow: Flow, order: Order, left: Duration) -> Answer {
        let writes = order.operation != Operation::GetBalance;
        if writes {
            self.recorder.note(Event::Sent { order, intended: self.began.elapsed() });
        }
        let answer = self.callers().call(flow, &order, &self.accounts, left).await;
        if let Answer::Wrong(text) | Answer::Unknown(text) = &answer {
            self.keep_trouble(format!("{}: {text}", order.operation.name()));
        }
        if writes {
            let last = match &answer {
                Answer::Done => FinalAnswer::Posted,
                Answer::Refused(reason) => FinalAnswer::Refused(reason.clone()),
                Answer::Shed | Answer::Wrong(_) => FinalAnswer::TurnedAway,
                Answer::Expired | Answer::Unknown(_) => {
                    let unresolved = &self.unresolved;
                    unresolved.lock().unwrap_or_else(PoisonError::into_inner).push((flow, order));
                    FinalAnswer::Unknown
                }
            };
            let request_id = order.request_id;
            self.recorder.note(Event::Answered { request_id, answer: last, sample: None });
        }
        answer
    }

    fn keep_trouble(&self, text: String) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        if troubles.len() < TROUBLES_KEPT || troubles.contains_key(&text) {
            *troubles.entry(text).or_default() += 1;
        }
    }
}

struct Pacing {
    load: Arc<Load>,
    tally: Arc<Tally>,
    mix: Mix,
    length: Duration,
    stop: Stop,
    runtime: Handle,
}

impl Pacing {
    fn run(self) {
        let mut rng = SmallRng::seed_from_u64(rand::random());
        let mean = Duration::from_secs(1).div_f64(self.mix.total().max(0.001));
        let began = Instant::now();
        let mut due = Duration::ZERO;
        loop {
            due += mean.mul_f64(exponential(&mut rng));
            if due >= self.length || self.stop.is_requested() {
                return;
            }
            std::thread::sleep(due.saturating_sub(began.elapsed()));
            let flow = self.mix.draw(&mut rng);
            let order = self.load.order(flow.class, &mut rng);
            let (load, tally) = (Arc::clone(&self.load), Arc::clone(&self.tally));
            tally.begin();
            self.runtime.spawn(async move {
                let lag = began.elapsed().saturating_sub(due);
                // The deadline counts from when the call was due. Late or not, it is sent.
                let left = load.deadline.saturating_sub(lag).max(Duration::from_millis(1));
                let answer = load.send(flow, order, left).await;
                let latency = began.elapsed().saturating_sub(due);
                let ending = match answer {
                    Answer::Done | Answer::Refused(_) => Ending::Answered,
                    Answer::Shed => Ending::Shed,
                    Answer::Expired => Ending::Expired,
                    Answer::Wrong(_) | Answer::Unknown(_) => Ending::Failed,
                };
                tally.end(&Ended { flow, ending, due, lag, latency });
            });
        }
    }
}

/// A random distance around a mean of 1, as between independent arrivals.
#[expect(clippy::float_arithmetic, reason = "time, not money")]
fn exponential(rng: &mut SmallRng) -> f64 {
    // 1 - u is in (0, 1], so the logarithm is finite.
    -(1.0 - rng.random::<f64>()).ln()
}

#[expect(clippy::float_arithmetic, reason = "a rate, not money")]
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn per_second(count: u64, length: Duration) -> f64 {
    count as f64 / length.as_secs_f64().max(0.001)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_come_at_the_rate_that_is_asked_for() {
        let mut rng = SmallRng::seed_from_u64(1);

        let sum: f64 = (0..100_000).map(|_| exponential(&mut rng)).sum();

        assert!((99_000.0..101_000.0).contains(&sum), "{sum}");
    }
}
