//! The port on which the scheme asks in ISO 8583: connections, sign-on, deadlines, answers.
//!
//! A message is decided by the code that decides the RPC it stands for, under that RPC's policy: who may ask, and how
//! much is let in. What is particular here is that an asker cannot be told "I do not know": an authorization without an
//! outcome in time is reversed by the gateway itself and answered 91, and where even that has no outcome, nothing is
//! answered. So what was answered 91 reserves nothing in the end.
//!
//! A connection that sends garbage, sends slowly, or does not read its answers is closed; no other one notices.
//!
//! Read in this order: `session` (one connection), `desk` (one message), `parse` (what a message says), `together` (one
//! question that comes twice at once), `meter`.

mod desk;
mod meter;
mod parse;
mod session;
mod together;

use std::sync::Arc;
use std::time::Duration;

use platform::config::ServerConfig;
use platform::policy::PolicyTable;
use platform::tls::{Credentials, Guest, Line, Listener};
use platform::traffic::Traffic;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::commands::Context;
use crate::config;
use desk::Desk;
use session::{Session, Settings};

/// Who asks where nobody has to prove who they are.
const UNPROVEN: &str = "scheme/unproven";

/// A gateway that listens.
pub struct Gateway {
    listener: Listener,
    desk: Arc<Desk>,
    settings: Settings,
    drain: Duration,
}

/// What a gateway works with.
pub struct Parts {
    /// How messages are decided.
    pub context: Context,
    /// How much is let in.
    pub traffic: Traffic,
    /// Whether anything can be decided yet.
    pub ready: Arc<dyn Fn() -> bool + Send + Sync>,
    /// The contract, for the policies of what messages stand for.
    pub contract: &'static [u8],
    /// What it proves itself with; not used where it speaks plain text.
    pub credentials: Option<Arc<Credentials>>,
}

/// Tells what the metrics are.
pub fn describe() {
    meter::describe();
}

impl Gateway {
    /// Listens. Connections wait until [`Self::run`].
    ///
    /// # Errors
    /// The address cannot be listened on, or is none for plain text; there is no certificate; the contract has no policy
    /// for what messages stand for.
    pub async fn bind(
        config: &config::Gateway,
        server: &ServerConfig,
        parts: Parts,
    ) -> anyhow::Result<Self> {
        let Parts { context, traffic, ready, contract, credentials } = parts;
        let credentials = if config.plain {
            tracing::warn!("PLAIN: the scheme is not encrypted, and whoever connects is believed");
            None
        } else {
            Some(credentials.ok_or_else(|| anyhow::anyhow!("the gateway has no certificate"))?)
        };
        let listener =
            Listener::bind("iso8583", config.listen, credentials, config.connections_max).await?;
        let policies = PolicyTable::from_descriptors(contract, "bank.card.v1.CardService")?;
        let desk = Desk::new(context, traffic, &policies, ready, config)?;
        let settings = Settings {
            in_flight_max: config.in_flight_max,
            idle: Duration::from_secs(config.idle_max_s),
            frame: Duration::from_millis(config.frame_max_ms),
            write: Duration::from_millis(config.write_max_ms),
        };
        let drain = Duration::from_millis(server.drain_ms);
        Ok(Self { listener, desk: Arc::new(desk), settings, drain })
    }

    /// Answers until `stop`, then lets what is under way finish within `server.drain_ms`.
    pub async fn run(mut self, stop: CancellationToken) {
        tracing::info!(address = %self.listener.address(), "answering the scheme");
        let sessions = TaskTracker::new();
        loop {
            let (line, guest) = tokio::select! {
                () = stop.cancelled() => break,
                next = self.listener.accept(UNPROVEN) => match next {
                    Some(next) => next,
                    None => break,
                },
            };
            self.welcome(&sessions, line, guest, stop.clone());
        }
        // No new connections.
        drop(self.listener);
        sessions.close();
        let ended = async {
            sessions.wait().await;
            self.desk.finish().await;
        };
        if tokio::time::timeout(self.drain, ended).await.is_err() {
            tracing::warn!("messages of the scheme were under way when the time to drain was up");
        }
    }

    fn welcome(&self, sessions: &TaskTracker, line: Line, guest: Guest, stop: CancellationToken) {
        let caller = Arc::clone(&guest.identity().name);
        if !self.desk.admits(guest.identity()) {
            meter::closed("role");
            tracing::info!(%caller, "only the scheme is answered here");
            return;
        }
        tracing::info!(%caller, "the scheme has connected");
        let session = Session::new(Arc::clone(&self.desk), guest, self.settings);
        sessions.spawn(async move {
            let why = session.run(line, stop).await;
            meter::closed(why);
            tracing::info!(%caller, why, "a connection of the scheme has ended");
        });
    }
}
