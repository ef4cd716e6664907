//! Cards to run the load on, made through the bank's own front door: a teller issues and activates them, their holders look
//! at what is on them.
//!
//! Number, expiry and CVV2 are remembered in the bank's directory, in a file that only its owner can read, beside the
//! passwords of the same bank: it is a laboratory's. The next run uses those that are still good.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use kernel::{Clock as _, SystemClock};
use proto::card::v1::IssueCardRequest;
use scheme::Pan;
use sqlx::{Connection as _, PgConnection};
use testkit::environment::write_private;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::accounts::Accounts;
use crate::cards::{Cards, LoadCard};
use crate::client::{CARD_PRODUCT, Client};
use crate::ids::Ids;
use crate::iso8583::{Card, ZoneKeys};
use crate::progress::{Progress, say};
use crate::seed::insist;
use crate::stop::{Interrupted, Stop};
use crate::target::Target;

/// As many as are needed so that none meets its limits in a run of minutes.
const CARDS: u32 = 20_000;
/// A card for at least so many accounts.
const ACCOUNTS_FOR_EACH: u32 = 10;
/// One card in so many has a PIN, and pays with it where it is there. Even, so that it is at a terminal.
const ONE_PIN_IN: usize = 20;
const PIN: &str = "2580";
/// Cards of one call.
const PER_CALL: usize = 500;
const CALLS_AT_ONCE: usize = 4;
const CARDS_AT_ONCE: usize = 64;
const DEADLINE: Duration = Duration::from_secs(30);

const FIND: &str = "SELECT card_id, pin_sealed IS NOT NULL FROM cards
    WHERE card_id = ANY($1) AND status = 'ACTIVE'";

/// A line of the file.
#[derive(Debug, Clone)]
struct Kept {
    id: Uuid,
    account_number: i64,
    card: Card,
}

/// The cards of a bank; seeds some first where there are too few.
pub async fn ensure(target: &Target, accounts: &Accounts, stop: &Stop) -> anyhow::Result<Cards> {
    let path = target.own_dir()?.join("cards.txt");
    let keys = ZoneKeys::of(&target.card_config)?;
    let wanted = (accounts.count() / ACCOUNTS_FOR_EACH).clamp(1, CARDS);
    let found = usable(target, load(&path)?, accounts, &keys).await?;
    if found.len() >= usize::try_from(wanted)? {
        return Ok(Cards::new(found));
    }
    let seeder = Seeder::new(target, accounts, &keys).await?;
    let kept = seeder.run(wanted, stop).await?;
    save(&path, &kept)?;
    Ok(Cards::new(usable(target, kept, accounts, &keys).await?))
}

fn load(path: &Path) -> anyhow::Result<Vec<Kept>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let lines: Option<Vec<Kept>> = text.lines().map(Kept::parse).collect();
    lines.with_context(|| format!("{} is damaged: remove it to seed anew", path.display()))
}

fn save(path: &Path, kept: &[Kept]) -> anyhow::Result<()> {
    let lines: Vec<String> = kept.iter().map(Kept::line).collect();
    write_private(path, &(lines.join("\n") + "\n"))
}

impl Kept {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let mut word = || words.next();
        Some(Self {
            id: Uuid::parse_str(word()?).ok()?,
            account_number: word()?.parse().ok()?,
            card: Card {
                pan: Pan::parse(word()?).ok()?,
                expiry: word()?.to_owned(),
                cvv2: word()?.to_owned(),
            },
        })
    }

    fn line(&self) -> String {
        let Self { id, account_number, card } = self;
        format!("{id} {account_number} {} {} {}", card.pan.expose(), card.expiry, card.cvv2)
    }
}

/// Those that can still be used, on accounts that this run uses.
async fn usable(
    target: &Target,
    kept: Vec<Kept>,
    accounts: &Accounts,
    keys: &ZoneKeys,
) -> anyhow::Result<Vec<LoadCard>> {
    if kept.is_empty() {
        return Ok(Vec::new());
    }
    let places: HashMap<i64, u32> =
        (0..accounts.count()).map(|index| (accounts.number(index), index)).collect();
    let ids: Vec<Uuid> = kept.iter().map(|one| one.id).collect();
    let mut connection = PgConnection::connect(&target.books.card_url).await?;
    let rows: Vec<(Uuid, bool)> =
        sqlx::query_as(FIND).bind(&ids).fetch_all(&mut connection).await?;
    connection.close().await.ok();
    let active: HashMap<Uuid, bool> = rows.into_iter().collect();
    let mut cards = Vec::with_capacity(active.len());
    for Kept { id, account_number, card } in kept {
        let (Some(account), Some(has_pin)) = (places.get(&account_number), active.get(&id)) else {
            continue;
        };
        let format = if keys.has(0) { 0 } else { 4 };
        let pin = if *has_pin && keys.has(format) {
            Some(keys.present(format, PIN, &card.pan)?)
        } else {
            None
        };
        cards.push(LoadCard { id, account: *account, card, pin });
    }
    Ok(cards)
}

struct Seeder<'a> {
    client: Arc<Client>,
    ids: Arc<Ids>,
    accounts: &'a Accounts,
    keys: &'a ZoneKeys,
}

impl<'a> Seeder<'a> {
    async fn new(
        target: &Target,
        accounts: &'a Accounts,
        keys: &'a ZoneKeys,
    ) -> anyhow::Result<Self> {
        let client = Arc::new(Client::connect(target, DEADLINE).await?);
        let ids = Arc::new(Ids::new(SystemClock.now(), rand::random()));
        Ok(Self { client, ids, accounts, keys })
    }

    async fn run(self, count: u32, stop: &Stop) -> anyhow::Result<Vec<Kept>> {
        let started = Instant::now();
        let issued = self.issue(count, stop).await?;
        let kept = self.finish(issued, stop).await?;
        let seconds = started.elapsed().as_secs();
        say(&format!("seeded {} active cards in {seconds} s", kept.len()));
        Ok(kept)
    }

    /// Answers card and account, in the order of the accounts.
    async fn issue(&self, count: u32, stop: &Stop) -> anyhow::Result<Vec<(Uuid, u32)>> {
        let mut progress = Progress::new("issuing cards", u64::from(count));
        // Spread evenly over the accounts.
        let distance = (self.accounts.count() / count).max(1);
        let places: Vec<u32> = (0..count).map(|number| number.saturating_mul(distance)).collect();
        let mut waiting = places.chunks(PER_CALL);
        let mut running = JoinSet::new();
        let mut issued = Vec::new();
        loop {
            if stop.is_requested() {
                return Err(Interrupted.into());
            }
            while running.len() < CALLS_AT_ONCE {
                let Some(some) = waiting.next() else { break };
                let items: Vec<_> = some.iter().map(|account| self.request(*account)).collect();
                let (client, some) = (Arc::clone(&self.client), some.to_vec());
                running.spawn(async move {
                    let results = insist("issuing cards", || client.issue(items.clone())).await?;
                    results
                        .into_iter()
                        .zip(some)
                        .map(|(r, account)| {
                            let refusal = &r.refusal_reason;
                            ensure!(
                                refusal.is_empty(),
                                "the bank refused to issue a card: {refusal}"
                            );
                            Ok((Uuid::parse_str(&r.card_id)?, account))
                        })
                        .collect::<anyhow::Result<Vec<_>>>()
                });
            }
            let Some(ended) = running.join_next().await else { break };
            issued.extend(ended??);
            progress.at(u64::try_from(issued.len())?, "");
        }
        progress.finish(&format!("{}", issued.len()));
        issued.sort_unstable_by_key(|(_, account)| *account);
        Ok(issued)
    }

    /// Activates each, looks at what is on it, and sets the PIN of a few.
    async fn finish(&self, issued: Vec<(Uuid, u32)>, stop: &Stop) -> anyhow::Result<Vec<Kept>> {
        let mut progress = Progress::new("activating cards", u64::try_from(issued.len())?);
        let mut waiting = issued.into_iter().enumerate();
        let mut running: JoinSet<anyhow::Result<(usize, Kept, Uuid)>> = JoinSet::new();
        let mut kept = Vec::new();
        loop {
            if stop.is_requested() {
                return Err(Interrupted.into());
            }
            while running.len() < CARDS_AT_ONCE {
                let Some((place, (id, account))) = waiting.next() else { break };
                let owner = self.accounts.owner(account);
                let account_number = self.accounts.number(account);
                let (client, ids) = (Arc::clone(&self.client), Arc::clone(&self.ids));
                running.spawn(async move {
                    let (first, second) = (ids.next(), ids.next());
                    insist("activating a card", || client.activate(first, id)).await?;
                    let shown = || client.reveal(second, id, owner);
                    let card = insist("showing a card", shown).await?;
                    Ok((place, Kept { id, account_number, card }, owner))
                });
            }
            let Some(ended) = running.join_next().await else { break };
            let (place, one, owner) = ended??;
            if place % ONE_PIN_IN == 0 && (self.keys.has(4) || self.keys.has(0)) {
                let (pin, request_id) = (self.keys.sent(PIN, &one.card.pan)?, self.ids.next());
                let set = || self.client.set_pin(request_id, (one.id, owner), pin.clone());
                insist("setting a PIN", set).await?;
            }
            kept.push((place, one));
            progress.at(u64::try_from(kept.len())?, "");
        }
        progress.finish(&format!("{}", kept.len()));
        kept.sort_unstable_by_key(|(place, _)| *place);
        Ok(kept.into_iter().map(|(_, one)| one).collect())
    }

    fn request(&self, account: u32) -> IssueCardRequest {
        IssueCardRequest {
            request_id: self.ids.next().to_string(),
            customer_id: self.accounts.owner(account).to_string(),
            account_number: self.accounts.number(account).to_string(),
            product_code: CARD_PRODUCT.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seeded_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cards.txt");
        let pan = Pan::with_check_digit("621234000000001").unwrap();
        let card = Card { pan, expiry: "3011".to_owned(), cvv2: "123".to_owned() };
        let kept = Kept { id: Uuid::from_u128(5), account_number: 77, card };
        save(&path, &[kept.clone(), kept]).unwrap();

        let found = load(&path).unwrap();

        assert_eq!(found.len(), 2);
        assert_eq!((found[1].id, found[1].account_number), (Uuid::from_u128(5), 77));
        assert_eq!(found[1].card.cvv2, "123");
        std::fs::write(&path, "nothing").unwrap();
        assert!(load(&path).unwrap_err().to_string().contains("damaged"));
    }

    #[test]
    fn a_bank_without_cards_has_none() {
        assert!(load(Path::new("/nowhere/cards.txt")).unwrap().is_empty());
    }
}
