//! What a bank has approved and nobody has cleared yet.
//!
//! The authorizations are read from the card service's database with the auditor's role, as nobody but the bank could; a
//! real scheme knows its own. Card numbers are not there: each is asked for with `RevealCard`, in the name of its holder,
//! which leaves a line in the audit log. A card that is not ACTIVE shows its number to nobody, so what it bought is left out
//! and counted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use kernel::{Clock as _, Currency, SystemClock};
use scheme::clearing::{ClearingKind, Part, Record};
use scheme::{Pan, institution};
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;
use tonic::Code;
use uuid::Uuid;

use super::file::{References, fee};
use crate::client::Client;
use crate::ids::Ids;
use crate::progress::Progress;
use crate::seed::insist;
use crate::stop::{Interrupted, Stop};
use crate::target::Target;

const DEADLINE: Duration = Duration::from_secs(30);
const AT_ONCE: usize = 32;

const NOT_CLEARED: &str = "SELECT card_id, customer_id, kind, amount_minor - cleared_minor AS amount_minor,
        currency, acquirer, terminal, retrieval_reference, trace_number, transmitted_at, approval_code
    FROM authorizations
    WHERE status IN ('APPROVED', 'PARTLY_CLEARED') AND amount_minor > cleared_minor
        AND card_id IS NOT NULL AND customer_id IS NOT NULL
    ORDER BY authorization_id
    LIMIT $1";

#[derive(Debug, sqlx::FromRow)]
struct Approved {
    card_id: Uuid,
    customer_id: Uuid,
    kind: String,
    amount_minor: i64,
    currency: String,
    acquirer: String,
    terminal: String,
    retrieval_reference: String,
    trace_number: String,
    transmitted_at: DateTime<Utc>,
    approval_code: Option<String>,
}

/// What can be cleared.
#[derive(Debug)]
pub struct Due {
    /// One for each approval.
    pub records: Vec<Record>,
    /// Approvals whose card shows its number to nobody.
    pub left_out: usize,
}

/// What is approved and not cleared, at most so many, the oldest first.
pub async fn due(target: &Target, at_most: u32, stop: &Stop) -> anyhow::Result<Due> {
    let mut card = PgConnection::connect(&target.books.card_url).await?;
    let approved: Vec<Approved> =
        sqlx::query_as(NOT_CLEARED).bind(i64::from(at_most)).fetch_all(&mut card).await?;
    card.close().await.ok();
    let holders: HashMap<Uuid, Uuid> =
        approved.iter().map(|one| (one.card_id, one.customer_id)).collect();
    let pans = pans(target, holders, stop).await?;
    let references = References::new(SystemClock.now());
    let mut due = Due { records: Vec::with_capacity(approved.len()), left_out: 0 };
    for one in approved {
        match pans.get(&one.card_id) {
            Some(pan) => due.records.push(one.record(pan.clone(), &references)?),
            None => due.left_out += 1,
        }
    }
    Ok(due)
}

impl Approved {
    fn record(self, pan: Pan, references: &References) -> anyhow::Result<Record> {
        Ok(Record {
            scheme_reference: references.next(),
            kind: match self.kind.as_str() {
                "CASH" => ClearingKind::Cash,
                "REFUND" => ClearingKind::Refund,
                _ => ClearingKind::Purchase,
            },
            pan,
            amount_minor: self.amount_minor,
            currency: Currency::parse(self.currency.trim_end())?,
            acquirer: institution(&self.acquirer).context("an acquirer that is none")?,
            terminal: self.terminal.trim_end().to_owned(),
            retrieval_reference: self.retrieval_reference.trim_end().to_owned(),
            trace_number: self.trace_number,
            transmitted_at: self.transmitted_at,
            approval_code: self.approval_code,
            part: Part::Whole,
            fee_minor: fee(self.amount_minor),
        })
    }
}

async fn pans(
    target: &Target,
    holders: HashMap<Uuid, Uuid>,
    stop: &Stop,
) -> anyhow::Result<HashMap<Uuid, Pan>> {
    let client = Arc::new(Client::connect(target, DEADLINE).await?);
    let ids = Arc::new(Ids::new(SystemClock.now(), rand::random()));
    let mut progress = Progress::new("asking for card numbers", u64::try_from(holders.len())?);
    let mut waiting = holders.into_iter();
    let mut running: JoinSet<anyhow::Result<Option<(Uuid, Pan)>>> = JoinSet::new();
    let (mut found, mut asked) = (HashMap::new(), 0);
    loop {
        if stop.is_requested() {
            return Err(Interrupted.into());
        }
        while running.len() < AT_ONCE {
            let Some((card, holder)) = waiting.next() else { break };
            let (client, request_id) = (Arc::clone(&client), ids.next());
            running.spawn(async move {
                let show = || async {
                    match client.reveal(request_id, card, holder).await {
                        Ok(shown) => Ok(Some((card, shown.pan))),
                        // Not ACTIVE any more.
                        Err(status) if status.code() == Code::FailedPrecondition => Ok(None),
                        Err(status) => Err(status),
                    }
                };
                insist("asking for a card number", show).await
            });
        }
        let Some(ended) = running.join_next().await else { break };
        found.extend(ended??);
        asked += 1;
        progress.at(asked, "");
    }
    progress.finish(&format!("{asked}"));
    Ok(found)
}
