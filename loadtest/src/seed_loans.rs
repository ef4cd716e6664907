//! Approved loans to run the load on, made through the bank's own front door: one teller applies, another approves.
//!
//! Their ids are remembered in the bank's directory, and how they stand is read from its books, so that the next run
//! uses them again for as long as they can be paid out further.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use kernel::{Clock as _, SystemClock};
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::accounts::Accounts;
use crate::client::{Client, Terms};
use crate::ids::Ids;
use crate::loans::{Loan, Loans};
use crate::progress::{Progress, say};
use crate::seed::insist;
use crate::stop::{Interrupted, Stop};
use crate::target::Target;

/// More than are in use at any time: one request in twenty-two concerns a loan.
const LOANS: u32 = 1_000;
/// A loan for at least so many accounts.
const ACCOUNTS_FOR_EACH: u32 = 10;
/// 500,000.00: what is paid out and back in small parts does not use it up.
const TERMS: Terms = Terms { amount_minor: 50_000_000, term_months: 12, due_day: 28 };
const CALLS_AT_ONCE: usize = 32;
const DEADLINE: Duration = Duration::from_secs(30);

/// Those of some ids that can be paid out further: approved, or paid out and before their first due date.
const FIND: &str = "SELECT loan_id, account_number, amount_minor - disbursed_minor, principal_minor
    FROM loans
    WHERE loan_id = ANY($1)
      AND (status = 'APPROVED' OR (status = 'ACTIVE' AND NOT EXISTS (
          SELECT FROM instalments AS first, business_day
          WHERE first.loan_id = loans.loan_id AND first.number = 1
            AND first.due_on <= business_day.business_date)))";

/// The loans of a bank; seeds some first where there are too few.
pub async fn ensure(target: &Target, accounts: &Accounts, stop: &Stop) -> anyhow::Result<Loans> {
    let path = target.own_dir()?.join("loans.txt");
    let wanted = (accounts.count() / ACCOUNTS_FOR_EACH).clamp(1, LOANS);
    let found = usable(target, &load(&path)?, accounts).await?;
    if found.len() >= usize::try_from(wanted)? {
        return Ok(Loans::new(found));
    }
    let seeded = seed(target, accounts, wanted, stop).await?;
    let ids: Vec<String> = seeded.iter().map(|loan| loan.id.to_string()).collect();
    std::fs::write(&path, ids.join("\n"))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Loans::new(seeded))
}

fn load(path: &Path) -> anyhow::Result<Vec<Uuid>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let ids: Result<Vec<Uuid>, _> = text.lines().map(Uuid::parse_str).collect();
    ids.with_context(|| format!("{} is damaged: remove it to seed anew", path.display()))
}

/// As the books have them, on accounts that this run uses.
async fn usable(target: &Target, ids: &[Uuid], accounts: &Accounts) -> anyhow::Result<Vec<Loan>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let places: HashMap<i64, u32> =
        (0..accounts.count()).map(|index| (accounts.number(index), index)).collect();
    let mut connection = PgConnection::connect(&target.books.loan_url).await?;
    let rows: Vec<(Uuid, i64, i64, i64)> =
        sqlx::query_as(FIND).bind(ids).fetch_all(&mut connection).await?;
    connection.close().await.ok();
    let loan = |(id, number, undisbursed_minor, principal_minor): (Uuid, i64, i64, i64)| {
        let account = *places.get(&number)?;
        Some(Loan { id, account, undisbursed_minor, principal_minor })
    };
    Ok(rows.into_iter().filter_map(loan).collect())
}

async fn seed(
    target: &Target,
    accounts: &Accounts,
    count: u32,
    stop: &Stop,
) -> anyhow::Result<Vec<Loan>> {
    let started = Instant::now();
    let client = Arc::new(Client::connect(target, DEADLINE).await?);
    let ids = Ids::new(SystemClock.now(), rand::random());
    let mut progress = Progress::new("seeding loans", u64::from(count));
    // Spread evenly over the accounts.
    let distance = (accounts.count() / count).max(1);
    let mut waiting = (0..count).map(|number| number.saturating_mul(distance));
    let mut running = JoinSet::new();
    let mut done = Vec::new();
    loop {
        if stop.is_requested() {
            return Err(Interrupted.into());
        }
        while running.len() < CALLS_AT_ONCE {
            let Some(account) = waiting.next() else { break };
            let whose = (accounts.owner(account), accounts.number(account));
            let request_ids = [ids.next(), ids.next()];
            let client = Arc::clone(&client);
            running.spawn(async move {
                let id = approved(&client, request_ids, whose).await?;
                anyhow::Ok(Loan {
                    id,
                    account,
                    undisbursed_minor: TERMS.amount_minor,
                    principal_minor: 0,
                })
            });
        }
        let Some(ended) = running.join_next().await else { break };
        done.push(ended??);
        progress.at(u64::try_from(done.len())?, "");
    }
    progress.finish(&format!("{}", done.len()));
    let seconds = started.elapsed().as_secs();
    say(&format!("seeded {} approved loans in {seconds} s", done.len()));
    Ok(done)
}

async fn approved(
    client: &Client,
    [application, decision]: [Uuid; 2],
    whose: (Uuid, i64),
) -> anyhow::Result<Uuid> {
    let apply = || client.apply(application, whose, TERMS);
    let loan = insist("applying for a loan", apply).await?;
    insist("approving a loan", || client.approve(decision, &loan)).await?;
    Uuid::parse_str(&loan.loan_id).context("a loan whose id cannot be read")
}
