//! Customers and accounts to run the load on, made through the bank's own front door.
//!
//! What was seeded is remembered in the bank's directory, so that the next run uses it again. A seeding that was
//! interrupted is not remembered: what it made stays in the bank and does no harm.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use kernel::{Clock as _, SystemClock};
use proto::customer::v1::{CustomerKind, DocumentKind, RegisterCustomerRequest};
use proto::deposit::v1::OpenAccountRequest;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::client::{CURRENCY, Client, PRODUCT};
use crate::ids::Ids;
use crate::progress::{Progress, say};
use crate::stop::{Interrupted, Stop};
use crate::target::Target;

/// Items of one call; more are refused.
const PER_CALL: u32 = 1_000;
/// Calls at a time: enough to keep the bank busy while answers travel.
const CALLS_AT_ONCE: usize = 6;
const DEADLINE: Duration = Duration::from_secs(30);
/// How long one call is repeated before seeding gives up.
const PATIENCE: Duration = Duration::from_mins(1);
/// Below 100,000 a figure says more about caches than about a bank.
const ACCOUNTS: u32 = 200_000;
/// 10,000.00: far more than a run takes away from an account on average.
const OPENING_DEPOSIT_MINOR: i64 = 1_000_000;

/// How much to seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Customers, each with at least one account.
    pub customers: u32,
    /// Accounts, spread evenly over the customers.
    pub accounts: u32,
}

/// How much was asked for; what was not said follows from what is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Customers, if new ones must be made.
    pub customers: Option<u32>,
    /// Accounts to spread the load over.
    pub accounts: Option<u32>,
}

impl Wanted {
    /// What is made where nothing fits.
    fn size(self) -> Size {
        let accounts = self.accounts.unwrap_or(ACCOUNTS);
        let customers = self.customers.unwrap_or(accounts / 2);
        Size { customers: customers.clamp(1, accounts.max(1)), accounts }
    }
}

/// What was seeded; the account numbers are in `accounts.txt` beside it, one a line.
#[derive(Debug, Serialize, Deserialize)]
struct Seed {
    #[serde(flatten)]
    size: Size,
    currency: String,
    opening_deposit_minor: i64,
    seeded_at: String,
}

/// The seeded account numbers of a bank, as many as wanted; seeds first where there are too few.
pub async fn ensure(target: &Target, wanted: Wanted, stop: &Stop) -> anyhow::Result<Vec<i64>> {
    let dir = target.own_dir()?;
    if let Some((seed, mut accounts)) = load(&dir)? {
        let seeded = seed.size.accounts;
        let used = wanted.accounts.unwrap_or(seeded);
        if used <= seeded {
            say(&format!("using {used} of the {seeded} accounts that were seeded before"));
            accounts.truncate(usize::try_from(used)?);
            return Ok(accounts);
        }
        say(&format!("{seeded} accounts were seeded before, {used} are asked for: seeding anew"));
    }
    let size = wanted.size();
    let accounts = Seeder::new(target).await?.run(size, stop).await?;
    save(&dir, size, &accounts)?;
    Ok(accounts)
}

fn load(dir: &Path) -> anyhow::Result<Option<(Seed, Vec<i64>)>> {
    let path = dir.join("seed.json");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let damaged = || format!("{} is damaged: remove it to seed anew", path.display());
    let seed: Seed = serde_json::from_str(&text).with_context(damaged)?;
    let list = dir.join("accounts.txt");
    let text = std::fs::read_to_string(&list)
        .with_context(|| format!("cannot read {}", list.display()))?;
    let numbers: Result<Vec<i64>, _> = text.lines().map(str::parse).collect();
    let numbers = numbers.with_context(|| format!("{} is damaged", list.display()))?;
    ensure!(u32::try_from(numbers.len()) == Ok(seed.size.accounts), damaged());
    Ok(Some((seed, numbers)))
}

/// The list first: without `seed.json` it does not count.
fn save(dir: &Path, size: Size, accounts: &[i64]) -> anyhow::Result<()> {
    let seed = Seed {
        size,
        currency: CURRENCY.to_owned(),
        opening_deposit_minor: OPENING_DEPOSIT_MINOR,
        seeded_at: SystemClock.now().to_rfc3339(),
    };
    let mut list = String::with_capacity(accounts.len().saturating_mul(17));
    for number in accounts {
        list.push_str(&number.to_string());
        list.push('\n');
    }
    write(&dir.join("accounts.txt"), &list)?;
    write(&dir.join("seed.json"), &serde_json::to_string_pretty(&seed)?)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

struct Seeder {
    client: Arc<Client>,
    ids: Ids,
}

impl Seeder {
    async fn new(target: &Target) -> anyhow::Result<Self> {
        let client = Client::connect(target, DEADLINE).await?;
        let ids = Ids::new(SystemClock.now(), rand::random());
        Ok(Self { client: Arc::new(client), ids })
    }

    async fn run(self, size: Size, stop: &Stop) -> anyhow::Result<Vec<i64>> {
        let started = Instant::now();
        let customers = self.customers(size.customers, stop).await?;
        let accounts = self.accounts(&customers, size.accounts, stop).await?;
        let seconds = started.elapsed().as_secs();
        say(&format!(
            "seeded {} customers and {} accounts in {seconds} s",
            size.customers, size.accounts
        ));
        Ok(accounts)
    }

    async fn customers(&self, count: u32, stop: &Stop) -> anyhow::Result<Vec<String>> {
        let tag = self.ids.tag_text();
        let batches = chunks(count).map(|numbers| {
            let items: Vec<_> = numbers.map(|number| self.customer(&tag, number)).collect();
            let client = Arc::clone(&self.client);
            async move {
                let call = || client.register(items.clone());
                let results = insist("registering customers", call).await?;
                results.into_iter().map(|r| accepted(r.customer_id, &r.refusal_reason)).collect()
            }
        });
        all("customers", count, batches, stop).await
    }

    async fn accounts(
        &self,
        customers: &[String],
        count: u32,
        stop: &Stop,
    ) -> anyhow::Result<Vec<i64>> {
        let batches = chunks(count).map(|numbers| {
            let owner = |number: u32| {
                let place = usize::try_from(number).unwrap_or(0) % customers.len().max(1);
                customers.get(place).cloned().unwrap_or_default()
            };
            let items: Vec<_> = numbers.map(|number| self.account(owner(number))).collect();
            let client = Arc::clone(&self.client);
            async move {
                let call = || client.open(items.clone());
                let results = insist("opening accounts", call).await?;
                results
                    .into_iter()
                    .map(|r| Ok(accepted(r.account_number, &r.refusal_reason)?.parse()?))
                    .collect()
            }
        });
        all("accounts", count, batches, stop).await
    }

    fn customer(&self, tag: &str, number: u32) -> RegisterCustomerRequest {
        RegisterCustomerRequest {
            request_id: self.ids.next().to_string(),
            kind: CustomerKind::Person.into(),
            name: format!("Load Test {number}"),
            document_kind: DocumentKind::IdentityCard.into(),
            // The tag keeps the documents of two seedings apart.
            document_number: format!("LT{tag}{number:08}"),
            phone: String::new(),
        }
    }

    fn account(&self, customer_id: String) -> OpenAccountRequest {
        OpenAccountRequest {
            request_id: self.ids.next().to_string(),
            customer_id,
            product_code: PRODUCT.to_owned(),
            currency_code: CURRENCY.to_owned(),
            opening_deposit_minor: OPENING_DEPOSIT_MINOR,
        }
    }
}

/// Runs some calls at a time; the results come in the order of the calls.
async fn all<T: Send + 'static, F>(
    what: &str,
    count: u32,
    batches: impl Iterator<Item = F>,
    stop: &Stop,
) -> anyhow::Result<Vec<T>>
where
    F: Future<Output = anyhow::Result<Vec<T>>> + Send + 'static,
{
    let mut progress = Progress::new(&format!("seeding {what}"), u64::from(count));
    let mut waiting = batches.enumerate();
    let mut running = JoinSet::new();
    let mut done: Vec<(usize, Vec<T>)> = Vec::new();
    let mut ready = 0;
    loop {
        if stop.is_requested() {
            return Err(Interrupted.into());
        }
        while running.len() < CALLS_AT_ONCE {
            let Some((place, batch)) = waiting.next() else { break };
            running.spawn(async move { (place, batch.await) });
        }
        let Some(ended) = running.join_next().await else { break };
        let (place, batch) = ended?;
        let batch = batch?;
        ready += u64::try_from(batch.len())?;
        done.push((place, batch));
        progress.at(ready, "");
    }
    progress.finish(&format!("{ready}"));
    done.sort_unstable_by_key(|(place, _)| *place);
    Ok(done.into_iter().flat_map(|(_, batch)| batch).collect())
}

/// Repeats a call under the same request ids until the bank has decided it.
pub(crate) async fn insist<T, F>(what: &str, mut call: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = Result<T, Status>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = match call().await {
            Ok(results) => return Ok(results),
            Err(status) => status,
        };
        let may_pass = matches!(
            status.code(),
            Code::Unavailable
                | Code::ResourceExhausted
                | Code::DeadlineExceeded
                | Code::Aborted
                | Code::Cancelled
                | Code::Internal
                | Code::Unknown
        );
        if !may_pass || Instant::now() >= deadline {
            bail!("{what}: the bank answered {:?}: {}", status.code(), status.message());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn accepted(id: String, refusal: &str) -> anyhow::Result<String> {
    ensure!(refusal.is_empty(), "the bank refused to seed: {refusal}");
    Ok(id)
}

/// Numbers from 0, as many as one call takes.
fn chunks(count: u32) -> impl Iterator<Item = std::ops::Range<u32>> {
    let starts = (0..count).step_by(usize::try_from(PER_CALL).unwrap_or(1));
    starts.map(move |start| start..start.saturating_add(PER_CALL).min(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seeded_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let size = Size { customers: 1, accounts: 3 };
        save(dir.path(), size, &[5, 6, 7]).unwrap();

        let (seed, accounts) = load(dir.path()).unwrap().unwrap();

        assert_eq!(seed.size, size);
        assert_eq!(accounts, [5, 6, 7]);
    }

    #[test]
    fn a_bank_without_a_seed_has_none() {
        assert!(load(tempfile::tempdir().unwrap().path()).unwrap().is_none());
    }

    #[test]
    fn a_list_that_does_not_fit_its_seed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        save(dir.path(), Size { customers: 1, accounts: 3 }, &[5, 6]).unwrap();

        assert!(load(dir.path()).unwrap_err().to_string().contains("damaged"));
    }

    #[test]
    fn what_was_not_said_has_a_default_that_fits() {
        let size = |customers, accounts| Wanted { customers, accounts }.size();

        assert_eq!(size(None, None), Size { customers: 100_000, accounts: 200_000 });
        assert_eq!(size(None, Some(3)), Size { customers: 1, accounts: 3 });
        assert_eq!(size(Some(9), Some(3)), Size { customers: 3, accounts: 3 });
    }

    #[test]
    fn calls_are_full_but_for_the_last() {
        let lengths: Vec<usize> = chunks(2_500).map(|range| range.len()).collect();

        assert_eq!(lengths, [1_000, 1_000, 500]);
    }
}
