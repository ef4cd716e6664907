//! The books of the business dates: orders to cut over and confirmations, decided one after another.
//!
//! Round trips: 3 to load (lock, decided requests, dates), 1 to 3 per request to save.
//! Locks: an advisory lock that lets one tx at a time change the dates; then the rows of the dates that change, which
//! waits for the batches that are being booked on them.
//! Replay: a request id gets its first outcome, refusals included; with other content it is refused.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kernel::{Clock, RequestId};
use platform::audit;
use platform::db::{Error, WriteTx};
use platform::lanes::Book;
use tokio::sync::Notify;

use super::{ConfirmCutOver, CutOver};
use crate::domain::{BusinessDays, DayDecision, DayOutcome, DayRequestKind, Rejection};
use crate::store::days;

/// A request about the business dates.
#[derive(Debug, Clone)]
pub struct DayCommand {
    /// Chosen by the caller.
    pub request_id: RequestId,
    /// Stands for the request's content.
    pub fingerprint: i64,
    /// Who asks, for the audit log.
    pub caller: Arc<str>,
    /// What is asked for.
    pub action: DayAction,
}

/// What may be asked for.
#[derive(Debug, Clone)]
pub enum DayAction {
    /// Leave the current date.
    CutOver(CutOver),
    /// Note that a source has finished a date.
    Confirm(ConfirmCutOver),
}

/// The business dates.
pub struct DayBook {
    clock: Arc<dyn Clock>,
    sources: Vec<String>,
    changed: Arc<Notify>,
}

impl DayBook {
    /// Closes a date once each of `sources` has confirmed it. `changed` is told of each commit.
    pub fn new(clock: Arc<dyn Clock>, sources: Vec<String>, changed: Arc<Notify>) -> Self {
        Self { clock, sources, changed }
    }

    async fn run(
        &self,
        tx: &mut WriteTx,
        dates: &mut BusinessDays,
        command: &DayCommand,
        now: DateTime<Utc>,
    ) -> Result<DayOutcome, Error> {
        let (kind, decision) = match &command.action {
            DayAction::CutOver(order) => {
                (DayRequestKind::CutOver, order.run(tx, dates, now).await?)
            }
            DayAction::Confirm(word) => {
                (DayRequestKind::Confirm, word.run(tx, dates, &self.sources, now).await?)
            }
        };
        let (request_id, fingerprint) = (command.request_id, command.fingerprint);
        let outcome = DayOutcome { request_id, fingerprint, kind, decision };
        days::record(tx.conn(), &outcome, now).await?;
        Ok(outcome)
    }
}

impl Book for DayBook {
    type Command = DayCommand;
    type Outcome = DayDecision;
    const NAME: &'static str = "days";

    fn lane_key(_: &DayCommand) -> u64 {
        0
    }

    async fn post(
        &self,
        tx: &mut WriteTx,
        commands: &[DayCommand],
    ) -> Result<Vec<DayDecision>, Error> {
        let now = self.clock.now();
        days::lock(tx.conn()).await?;
        let ids: Vec<RequestId> = commands.iter().map(|command| command.request_id).collect();
        let decided = days::find_decided(tx.conn(), &ids).await?;
        let mut decided: HashMap<RequestId, DayOutcome> =
            decided.into_iter().map(|outcome| (outcome.request_id, outcome)).collect();
        let none = || Error::Inconsistent("no business date was opened".to_owned());
        let mut dates = days::find(tx.conn()).await?.ok_or_else(none)?;
        let mut decisions = Vec::with_capacity(commands.len());
        let mut done = Vec::new();
        for command in commands {
            let outcome = if let Some(first) = decided.get(&command.request_id) {
                *first
            } else {
                let outcome = self.run(tx, &mut dates, command, now).await?;
                done.push((Arc::clone(&command.caller), outcome));
                outcome
            };
            decided.insert(command.request_id, outcome);
            decisions.push(if outcome.fingerprint == command.fingerprint {
                outcome.decision
            } else {
                DayDecision::Refused(Rejection::RequestIdReused)
            });
        }
        write_audit_log(tx, &done, now).await?;
        Ok(decisions)
    }

    fn committed(&self) {
        self.changed.notify_one();
    }
}

/// Remembers who moved the business date; a refusal moves nothing.
async fn write_audit_log(
    tx: &mut WriteTx,
    done: &[(Arc<str>, DayOutcome)],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let dated: Vec<_> = done
        .iter()
        .filter_map(|(caller, outcome)| {
            Some((caller, outcome, outcome.decision.date()?.to_string()))
        })
        .collect();
    let events: Vec<_> = dated
        .iter()
        .map(|(caller, outcome, date)| audit::Event {
            actor: caller,
            action: outcome.kind.code(),
            subject: date,
            details: outcome.decision.code(),
        })
        .collect();
    audit::append(tx, &events, now).await
}
