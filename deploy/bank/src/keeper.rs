//! The task that looks after one process. Whatever dies is started again in its old role.
//!
//! A process that dies again and again is started with growing pauses, 100 ms to 5 s, and without limit: a
//! bank whose disk is full today should work again when it is not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::running::{Shared, log};
use crate::unit::Unit;

const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Having lived that long, a process counts as healthy: its next death begins with the shortest pause.
const HEALTHY_AFTER: Duration = Duration::from_secs(10);
const READY_LIMIT: Duration = Duration::from_mins(1);

/// An order, and where its result is awaited.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) what: What,
    pub(crate) done: oneshot::Sender<anyhow::Result<()>>,
}

/// What a supervised process can be told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    Kill9,
    Restart,
    Stop,
}

/// Looks after one unit.
pub(crate) struct Keeper {
    unit: Unit,
    shared: Arc<Shared>,
    restart: bool,
    /// The next attempt to start, and the pause that led to it.
    attempt: Option<Attempt>,
}

#[derive(Clone, Copy)]
struct Attempt {
    at: Instant,
    pause: Duration,
}

impl Keeper {
    pub(crate) fn new(unit: Unit, shared: Arc<Shared>, restart: bool) -> Self {
        Self { unit, shared, restart, attempt: None }
    }

    pub(crate) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut launched = Instant::now();
        let mut pause = PAUSE_FIRST;
        loop {
            let due = self.attempt.map(|attempt| attempt.at);
            tokio::select! {
                how = self.unit.exited(), if self.unit.identity().is_some() => {
                    if launched.elapsed() >= HEALTHY_AFTER {
                        pause = PAUSE_FIRST;
                    }
                    self.note_death(&how.unwrap_or_else(|error| format!("{error:#}")), pause).await;
                }
                () = sleep_until(due), if due.is_some() => {
                    launched = Instant::now();
                    pause = self.launch_again().await;
                }
                order = orders.recv() => {
                    // All senders gone: the bank was dropped.
                    let Some(order) = order else { return };
                    let is_last = matches!(order.what, What::Stop);
                    launched = Instant::now();
                    // Nobody waits for the answer any more: nothing to tell.
                    order.done.send(self.obey(order.what).await).ok();
                    if is_last {
                        return;
                    }
                }
            }
        }
    }

    async fn obey(&mut self, what: What) -> anyhow::Result<()> {
        match what {
            // The select above sees the death, as with any other crash; here only the children of a
            // killed database node are left to their own.
            What::Kill9 => {
                self.unit.kill9().await?;
                self.shared.record(&self.unit)?;
                self.attempt = self.restart.then(|| Attempt::after(PAUSE_FIRST));
                Ok(())
            }
            What::Restart => {
                self.attempt = None;
                self.unit.stop().await?;
                self.unit.launch().await?;
                self.shared.record(&self.unit)?;
                self.unit.wait_ready(READY_LIMIT).await
            }
            What::Stop => {
                self.attempt = None;
                self.unit.stop().await?;
                self.shared.record(&self.unit)
            }
        }
    }

    async fn note_death(&mut self, how: &str, pause: Duration) {
        // It has ended: this only forgets it.
        self.unit.kill9().await.ok();
        self.attempt = self.restart.then(|| Attempt::after(pause));
        let next = if self.restart {
            format!("starting it again in {} ms", pause.as_millis())
        } else {
            String::new()
        };
        log(&format!("{} {how}; {next}", self.unit.name()));
        if let Err(error) = self.shared.record(&self.unit) {
            log(&format!("{error:#}"));
        }
    }

    /// Tries to start, and returns the pause before the next attempt should this process die too.
    async fn launch_again(&mut self) -> Duration {
        let pause = self.attempt.take().map_or(PAUSE_FIRST, |attempt| attempt.pause);
        let next = pause.saturating_mul(2).min(PAUSE_MAX);
        let launched = match self.unit.launch().await {
            Ok(()) => self.shared.record(&self.unit),
            Err(error) => Err(error),
        };
        if let (Ok(()), Some(process)) = (&launched, self.unit.identity()) {
            let (shared, name) = (Arc::clone(&self.shared), self.unit.name().to_owned());
            tokio::spawn(async move { shared.log_return(&name, process).await });
        }
        if let Err(error) = launched {
            log(&format!(
                "{}: {error:#}; trying again in {} ms",
                self.unit.name(),
                next.as_millis()
            ));
            self.attempt = Some(Attempt::after(next));
        }
        next
    }
}

impl Attempt {
    fn after(pause: Duration) -> Self {
        Self { at: Instant::now() + pause, pause }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
