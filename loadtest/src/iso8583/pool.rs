//! Several signed-on connections, used in turn; one that has ended is opened again by whoever needs it next.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use scheme::Message;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::line::{Gateway, Line, NoAnswer};

/// Well within what the gateway takes for a dead connection.
const ECHO_EVERY: Duration = Duration::from_mins(1);

/// The connections.
#[derive(Debug)]
pub struct Pool {
    slots: Arc<Slots>,
    next: AtomicUsize,
    echo: JoinHandle<()>,
}

#[derive(Debug)]
struct Slots {
    gateway: Gateway,
    lines: Vec<Mutex<Option<Arc<Line>>>>,
}

impl Pool {
    /// So many connections, all of them signed on.
    pub async fn open(gateway: Gateway, count: usize) -> anyhow::Result<Self> {
        let mut lines = Vec::with_capacity(count);
        for _ in 0..count.max(1) {
            lines.push(Mutex::new(Some(Arc::new(Line::signed_on(&gateway).await?))));
        }
        let slots = Arc::new(Slots { gateway, lines });
        let echo = tokio::spawn(echo(Arc::clone(&slots)));
        Ok(Self { slots, next: AtomicUsize::new(0), echo })
    }

    /// Where they go.
    pub fn gateway(&self) -> &Gateway {
        &self.slots.gateway
    }

    /// Asks on the next connection in turn, and waits for the answer.
    pub async fn ask(&self, message: &Message, limit: Duration) -> Result<Message, NoAnswer> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.slots.lines.len();
        let line = self.slots.line(turn).await?;
        line.ask(message, limit).await
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.echo.abort();
    }
}

impl Slots {
    async fn line(&self, place: usize) -> Result<Arc<Line>, NoAnswer> {
        let mut slot = self.lines[place].lock().await;
        if let Some(line) = slot.as_ref().filter(|line| !line.has_ended()) {
            return Ok(Arc::clone(line));
        }
        let opened = Line::signed_on(&self.gateway).await;
        let line = Arc::new(opened.map_err(|error| NoAnswer::Lost(format!("{error:#}")))?);
        *slot = Some(Arc::clone(&line));
        Ok(line)
    }
}

/// Keeps silent connections from being closed. One that does not answer is noticed by whoever asks next.
async fn echo(slots: Arc<Slots>) {
    let mut ticks = tokio::time::interval(ECHO_EVERY);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        for slot in &slots.lines {
            let line = slot.lock().await.clone();
            if let Some(line) = line {
                line.manage(scheme::words::ECHO).await.ok();
            }
        }
    }
}
