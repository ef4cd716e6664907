//! Posting by posting: what a service booked is what accounting booked for it, on the same business date.
//!
//! What is still in the service's outbox counts as in transit. What was booked after the service's snapshot, and has
//! reached accounting's already, is recognised by looking again.

use std::collections::HashSet;

use prost::Message as _;
use proto::accounting::v1::EventBatch;
use sqlx::PgConnection;
use sqlx::types::Uuid;
use sqlx::types::chrono::NaiveDate;
use tokio_stream::StreamExt as _;

use super::Findings;

const CONTROL_JOURNALS: &str = include_str!("sql/control_journals.sql");

/// A service whose postings make journals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    /// As accounting calls it.
    pub(super) name: &'static str,
    /// Its postings, by id.
    pub(super) postings: &'static str,
    /// Which of some postings it has by now.
    pub(super) posted_now: &'static str,
}

/// Postings that only one side has, and need not be wrong for it.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    /// The service has them, and they are in its outbox.
    pub(super) on_the_way: Vec<Uuid>,
    /// Accounting has them, and the service has booked them after our snapshot.
    pub(super) late: Vec<Uuid>,
}

/// Compares what both sides say of some accounts, and reports what cannot be explained.
pub(super) async fn compare(
    source: Source,
    (books, now): (&mut PgConnection, Option<&mut PgConnection>),
    (accounting, accounts): (&mut PgConnection, &[String]),
    findings: &mut Findings,
) -> anyhow::Result<Unsettled> {
    let in_transit = in_transit(books).await?;
    let differences = walk(source, books, (accounting, accounts), findings).await?;
    let is_on_the_way = |posting: &&Posting| in_transit.contains(&posting.id);
    let (on_the_way, lost): (Vec<&Posting>, Vec<&Posting>) =
        differences.missing.iter().partition(is_on_the_way);
    for posting in lost {
        let what = format!("{} posted it, accounting has no journal", source.name);
        findings.add(posting.describe(&what));
    }
    let late = differences.report_foreign(source, now, findings).await?;
    Ok(Unsettled { on_the_way: on_the_way.iter().map(|posting| posting.id).collect(), late })
}

/// The postings that the outbox still holds.
async fn in_transit(books: &mut PgConnection) -> anyhow::Result<HashSet<Uuid>> {
    let payloads: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT payload FROM outbox").fetch_all(books).await?;
    let mut postings = HashSet::new();
    for payload in payloads {
        // A row that nobody can read carries no posting; V6 reports it when it grows old.
        let Ok(batch) = EventBatch::decode(payload.as_slice()) else { continue };
        postings.extend(batch.events.iter().filter_map(|e| Uuid::from_slice(&e.posting_id).ok()));
    }
    Ok(postings)
}

/// What one side says of one posting: what it debited and credited on the accounts that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
struct Posting {
    #[sqlx(rename = "posting_id")]
    id: Uuid,
    business_date: NaiveDate,
    debit_minor: i64,
    credit_minor: i64,
}

impl Posting {
    fn describe(&self, what: &str) -> String {
        format!(
            "posting {} of {}, debit {} credit {}: {what}",
            self.id, self.business_date, self.debit_minor, self.credit_minor
        )
    }
}

/// What only one side knows.
#[derive(Default)]
struct Differences {
    missing: Vec<Posting>,
    foreign: Vec<Posting>,
}

/// Walks both sides in order of the posting id, side by side.
async fn walk(
    source: Source,
    books: &mut PgConnection,
    (accounting, accounts): (&mut PgConnection, &[String]),
    findings: &mut Findings,
) -> anyhow::Result<Differences> {
    let mut posted = sqlx::query_as::<_, Posting>(source.postings).fetch(books);
    let mut booked = sqlx::query_as::<_, Posting>(CONTROL_JOURNALS)
        .bind(accounts)
        .bind(source.name)
        .fetch(accounting);
    let mut differences = Differences::default();
    let (mut ours, mut theirs) = tokio::try_join!(posted.try_next(), booked.try_next())?;
    loop {
        let (mut advance_ours, mut advance_theirs) = (false, false);
        match (ours, theirs) {
            (None, None) => return Ok(differences),
            (Some(a), Some(b)) if a.id == b.id => {
                if a != b {
                    findings.add(a.describe(&format!(
                        "its journal of {} has debit {} credit {} on the accounts that follow from it",
                        b.business_date, b.debit_minor, b.credit_minor
                    )));
                }
                (advance_ours, advance_theirs) = (true, true);
            }
            (Some(a), b) if b.is_none_or(|b| a.id < b.id) => {
                differences.missing.push(a);
                advance_ours = true;
            }
            (_, b) => {
                differences.foreign.extend(b);
                advance_theirs = true;
            }
        }
        findings.examined(1);
        if advance_ours {
            ours = posted.try_next().await?;
        }
        if advance_theirs {
            theirs = booked.try_next().await?;
        }
    }
}

impl Differences {
    /// Reports journals that no posting explains, and answers the ids of those that were only posted later
    /// than our snapshot.
    async fn report_foreign(
        &self,
        source: Source,
        now: Option<&mut PgConnection>,
        findings: &mut Findings,
    ) -> anyhow::Result<Vec<Uuid>> {
        let ids: Vec<Uuid> = self.foreign.iter().map(|posting| posting.id).collect();
        let late: HashSet<Uuid> = match now {
            Some(now) if !ids.is_empty() => {
                let found: Vec<Uuid> =
                    sqlx::query_scalar(source.posted_now).bind(&ids).fetch_all(now).await?;
                found.into_iter().collect()
            }
            _ => HashSet::new(),
        };
        for posting in self.foreign.iter().filter(|posting| !late.contains(&posting.id)) {
            let what = format!("accounting has a journal, {} posted nothing", source.name);
            findings.add(posting.describe(&what));
        }
        Ok(late.into_iter().collect())
    }
}
