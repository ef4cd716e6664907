//! Ctrl-C: the run ends early, but in order: what was sent is resolved, audited and reported.

use std::time::Duration;

use tokio::sync::watch;

/// Ctrl-C came before there was anything to report.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Tells whoever asks that the run should end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop {
    sender: std::sync::Arc<watch::Sender<bool>>,
}

impl Stop {
    /// Nobody has asked to stop.
    pub fn new() -> Self {
        Self { sender: std::sync::Arc::new(watch::Sender::new(false)) }
    }

    /// Asks to stop at the first Ctrl-C or SIGTERM.
    pub fn on_signals(&self) -> anyhow::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};

        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let stop = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            stop.request();
        });
        Ok(())
    }

    /// Asks to stop.
    pub fn request(&self) {
        self.sender.send_replace(true);
    }

    /// Whether somebody asked.
    pub fn is_requested(&self) -> bool {
        *self.sender.borrow()
    }

    /// Waits until somebody asks.
    pub async fn requested(&self) {
        let mut receiver = self.sender.subscribe();
        // The sender lives as long as we do, so this ends only when it is asked for.
        receiver.wait_for(|stop| *stop).await.ok();
    }

    /// Waits, unless somebody asks to stop earlier.
    pub async fn sleep(&self, duration: Duration) {
        tokio::select! {
            () = self.requested() => {}
            () = tokio::time::sleep(duration) => {}
        }
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}
