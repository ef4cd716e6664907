//! V3: per product and currency, deposit balances equal the general ledger's control account (总分核对); and posting
//! by posting, what deposit booked is what accounting booked, on the same business date.
//!
//! What is still in deposit's outbox counts as in transit. What was booked after deposit's snapshot, and has
//! reached accounting's already, is recognised by looking again.

use std::collections::{BTreeMap, HashSet};

use prost::Message as _;
use proto::accounting::v1::EventBatch;
use sqlx::PgConnection;
use sqlx::types::Uuid;
use sqlx::types::chrono::NaiveDate;
use tokio_stream::StreamExt as _;

use super::chart::Control;
use super::{Check, Findings, Snapshot};

const POSTED_MOVEMENTS: &str = include_str!("sql/posted_movements.sql");
const CONTROL_JOURNALS: &str = include_str!("sql/control_journals.sql");
const PRODUCT_BALANCES: &str = include_str!("sql/product_balances.sql");
const CONTROL_BALANCES: &str = include_str!("sql/control_balances.sql");
const MOVED_BY: &str = include_str!("sql/moved_by.sql");
const BOOKED_BY: &str = include_str!("sql/booked_by.sql");
const POSTED_NOW: &str =
    "SELECT request_id FROM outcomes WHERE request_id = ANY($1) AND result = 'POSTED'";

/// By product and currency, minor units; a credit balance is positive.
type Totals = BTreeMap<(String, String), i128>;

pub(super) async fn check(snapshot: &mut Snapshot, controls: &[Control]) -> anyhow::Result<Check> {
    let mut findings = Findings::default();
    let in_transit = in_transit(&mut snapshot.deposit).await?;
    let accounts: Vec<String> = controls.iter().map(|c| c.gl_account.clone()).collect();
    let mut differences = compare_postings(snapshot, &accounts, &mut findings).await?;

    let missing = std::mem::take(&mut differences.missing);
    let (on_the_way, lost): (Vec<_>, Vec<_>) =
        missing.into_iter().partition(|posting| in_transit.contains(&posting.id));
    for posting in lost {
        findings.add(posting.describe("deposit posted it, accounting has no journal"));
    }
    let late = differences.report_foreign(snapshot.deposit_now.as_mut(), &mut findings).await?;

    let on_the_way: Vec<Uuid> = on_the_way.iter().map(|posting| posting.id).collect();
    let mut sub_ledger = balances(&mut snapshot.deposit).await?;
    subtract(&mut sub_ledger, moved_by(&mut snapshot.deposit, &on_the_way).await?);
    let mut ledger = control_balances(&mut snapshot.accounting, controls).await?;
    subtract(&mut ledger, booked_by(&mut snapshot.accounting, controls, &late).await?);
    compare_totals(&sub_ledger, &ledger, controls, &mut findings);
    Ok(findings.into_check(
        "V3",
        "deposit balances equal the control accounts, and each posting has its journal",
    ))
}

/// The postings that the outbox still holds.
async fn in_transit(deposit: &mut PgConnection) -> anyhow::Result<HashSet<Uuid>> {
    let payloads: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT payload FROM outbox").fetch_all(deposit).await?;
    let mut postings = HashSet::new();
    for payload in payloads {
        // A row that nobody can read carries no posting; V6 reports it when it grows old.
        let Ok(batch) = EventBatch::decode(payload.as_slice()) else { continue };
        postings.extend(batch.events.iter().filter_map(|e| Uuid::from_slice(&e.posting_id).ok()));
    }
    Ok(postings)
}

/// What one side says of one posting: what it debited and credited on deposit accounts, or on their control
/// accounts.
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
async fn compare_postings(
    snapshot: &mut Snapshot,
    controls: &[String],
    findings: &mut Findings,
) -> anyhow::Result<Differences> {
    let mut posted = sqlx::query_as::<_, Posting>(POSTED_MOVEMENTS).fetch(&mut snapshot.deposit);
    let mut booked = sqlx::query_as::<_, Posting>(CONTROL_JOURNALS)
        .bind(controls)
        .fetch(&mut snapshot.accounting);
    let mut differences = Differences::default();
    let (mut ours, mut theirs) = tokio::try_join!(posted.try_next(), booked.try_next())?;
    loop {
        let (mut advance_ours, mut advance_theirs) = (false, false);
        match (ours, theirs) {
            (None, None) => return Ok(differences),
            (Some(a), Some(b)) if a.id == b.id => {
                if a != b {
                    findings.add(a.describe(&format!(
                        "its journal of {} has debit {} credit {} on control accounts",
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
        deposit_now: Option<&mut PgConnection>,
        findings: &mut Findings,
    ) -> anyhow::Result<Vec<Uuid>> {
        let ids: Vec<Uuid> = self.foreign.iter().map(|posting| posting.id).collect();
        let late: HashSet<Uuid> = match deposit_now {
            Some(now) if !ids.is_empty() => {
                let found: Vec<Uuid> =
                    sqlx::query_scalar(POSTED_NOW).bind(&ids).fetch_all(now).await?;
                found.into_iter().collect()
            }
            _ => HashSet::new(),
        };
        for posting in self.foreign.iter().filter(|posting| !late.contains(&posting.id)) {
            findings.add(posting.describe("accounting has a journal, deposit posted nothing"));
        }
        Ok(late.into_iter().collect())
    }
}

async fn balances(deposit: &mut PgConnection) -> anyhow::Result<Totals> {
    totals(sqlx::query_as(PRODUCT_BALANCES).fetch_all(deposit).await?)
}

async fn moved_by(deposit: &mut PgConnection, ids: &[Uuid]) -> anyhow::Result<Totals> {
    if ids.is_empty() {
        return Ok(Totals::new());
    }
    totals(sqlx::query_as(MOVED_BY).bind(ids).fetch_all(deposit).await?)
}

async fn control_balances(
    accounting: &mut PgConnection,
    controls: &[Control],
) -> anyhow::Result<Totals> {
    by_product(sqlx::query_as(CONTROL_BALANCES).fetch_all(accounting).await?, controls)
}

async fn booked_by(
    accounting: &mut PgConnection,
    controls: &[Control],
    ids: &[Uuid],
) -> anyhow::Result<Totals> {
    if ids.is_empty() {
        return Ok(Totals::new());
    }
    by_product(sqlx::query_as(BOOKED_BY).bind(ids).fetch_all(accounting).await?, controls)
}

/// Sums come as text, because the sum of bigints is numeric.
fn totals(rows: Vec<(String, String, String)>) -> anyhow::Result<Totals> {
    rows.into_iter()
        .map(|(product, currency, sum)| Ok(((product, currency), sum.parse()?)))
        .collect()
}

/// From ledger accounts to the products that they control; other accounts do not matter here.
fn by_product(rows: Vec<(String, String, String)>, controls: &[Control]) -> anyhow::Result<Totals> {
    let mut totals = Totals::new();
    for (gl_account, currency, sum) in rows {
        let Some(control) = controls.iter().find(|c| c.gl_account == gl_account) else { continue };
        let sum: i128 = sum.parse()?;
        *totals.entry((control.product.clone(), currency)).or_default() += sum;
    }
    Ok(totals)
}

fn subtract(from: &mut Totals, what: Totals) {
    for (key, sum) in what {
        *from.entry(key).or_default() -= sum;
    }
}

fn compare_totals(
    sub_ledger: &Totals,
    ledger: &Totals,
    controls: &[Control],
    findings: &mut Findings,
) {
    let keys: std::collections::BTreeSet<_> = sub_ledger.keys().chain(ledger.keys()).collect();
    for key in keys {
        findings.examined(1);
        let (product, currency) = key;
        let (ours, theirs) =
            (sub_ledger.get(key).copied().unwrap_or(0), ledger.get(key).copied().unwrap_or(0));
        let Some(control) = controls.iter().find(|c| c.product == *product) else {
            findings.add(format!("product {product}: the chart has no control account for it"));
            continue;
        };
        if ours != theirs {
            findings.add(format!(
                "product {product} in {currency}: balances sum to {ours}, control account {} says {theirs}",
                control.gl_account
            ));
        }
    }
}
