//! Load, decide, save: for a whole batch in one database transaction.
//!
//! Load takes its locks first and looks for decisions afterwards: a batch that runs again because the answer to its commit
//! was lost waits for that commit, and then finds it. What has no card yet (a reversal that comes first) is kept apart by
//! the primary key: of two that insert the same one begins anew.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use kernel::{CardId, Clock, RequestId};
use platform::audit;
use platform::db::{self, WriteTx};
use platform::lanes::Book;
use platform::outbox::RelayWaker;
use platform::protection::data_keys;
use tokio::sync::Notify;
use uuid::Uuid;

use super::{Action, Answer, Command, Entry, Facts};
use crate::domain::{Authorization, Books, Changes, Decision, Outcome, Products, kind_code};
use crate::domain::{Bucket, OrderStatus};
use crate::events;
use crate::signals::Tally;
use crate::store::{save, write};

/// The card books as the lanes see them.
pub struct CardBook {
    products: Arc<Products>,
    clock: Arc<dyn Clock>,
    relay: RelayWaker,
    woken: Arc<Notify>,
}

/// What a batch names.
#[derive(Default)]
struct Needs {
    cards: Vec<CardId>,
    authorizations: Vec<Uuid>,
    /// Those of them whose orders matter.
    with_orders: Vec<Uuid>,
    orders: Vec<Uuid>,
    items: Vec<Uuid>,
    requests: Vec<Uuid>,
}

impl CardBook {
    /// Books of cards made from these products. `woken` is told when there may be orders.
    pub fn new(
        products: Arc<Products>,
        clock: Arc<dyn Clock>,
        relay: RelayWaker,
        woken: Arc<Notify>,
    ) -> Self {
        Self { products, clock, relay, woken }
    }

    async fn load(&self, tx: &mut WriteTx, entries: &[Entry]) -> Result<Books, db::Error> {
        let mut needs = Needs::default();
        for entry in entries {
            entry.needs(&mut needs);
        }
        let conn = tx.conn();
        write::enter_business_day(conn).await?;
        // A request of the scheme names its card: what else is known by its authorization only.
        needs.cards.extend(write::cards_of(conn, &needs.with_orders).await?);
        let cards = write::lock_cards(conn, &mut needs.cards, &self.products).await?;
        let authorizations = write::find_authorizations(conn, &needs.authorizations).await?;
        if authorizations.iter().any(|of| needs.missed(of)) {
            return Err(db::Error::Overtaken);
        }
        let orders = write::find_orders(conn, &needs.with_orders, &needs.orders).await?;
        let items = write::lock_items(conn, &needs.items).await?;
        let (business_date, decided) = write::find_decided(conn, needs.requests).await?;

        let mut books = Books::new(business_date, self.clock.now());
        for card in cards {
            books.load_card(card);
        }
        for authorization in authorizations {
            books.load_authorization(authorization);
        }
        for order in orders {
            books.load_order(order);
        }
        for item in items {
            books.load_item(item);
        }
        for outcome in decided {
            books.load_outcome(outcome);
        }
        Ok(books)
    }

    async fn save(
        &self,
        tx: &mut WriteTx,
        entries: &[Entry],
        books: Books,
        answers: &[Answer],
    ) -> Result<(), db::Error> {
        let (business_date, now) = (books.business_date(), books.now());
        let changes = books.into_changes();
        hold_keys(tx, &changes).await?;
        let told = events::of(&changes.bookings, self.clock.as_ref());
        let payload = events::encode(business_date, now, &told);
        save::save(tx.conn(), &changes).await?;
        save::tell(tx.conn(), &told, (business_date, now), payload).await?;
        write_audit_log(tx, (entries, answers), &changes, now).await?;
        let (tally, orders) = (tally(answers, &changes), !changes.ordered.is_empty());
        let woken = Arc::clone(&self.woken);
        tx.after_commit(move || {
            tally.count();
            if orders {
                woken.notify_one();
            }
        });
        Ok(())
    }
}

impl Book for CardBook {
    type Command = Entry;
    type Outcome = Answer;
    const NAME: &'static str = "card";

    fn lane_key(entry: &Entry) -> u64 {
        // The last 62 bits of an id are random: any 64 that contain them spread well. What is about one authorization has
        // one key.
        let of = |id: RequestId| id.as_uuid().as_u64_pair().1;
        match entry {
            Entry::Manage(command, _) => of(command.request_id),
            Entry::Authorize(proposal) => of(proposal.authorization.id),
            Entry::Reverse(reverse) => of(reverse.authorization_id),
            Entry::Complete(complete) => of(complete.authorization_id),
            Entry::EndOrder(end) => of(end.authorization_id.unwrap_or(end.order_id)),
            Entry::Expire(id, _) | Entry::Release(id, _) | Entry::Collect(id, _) => of(*id),
            Entry::ExpireCard(card) => card.as_uuid().as_u64_pair().1,
            Entry::Post(post) => post.item_id.as_u64_pair().1,
        }
    }

    async fn post(&self, tx: &mut WriteTx, entries: &[Entry]) -> Result<Vec<Answer>, db::Error> {
        let mut books = self.load(tx, entries).await?;
        let mut answers = Vec::with_capacity(entries.len());
        for entry in entries {
            let answer = entry.decide(&mut books);
            answers.push(answer.map_err(|why| db::Error::Inconsistent(why.0))?);
        }
        self.save(tx, entries, books, &answers).await?;
        Ok(answers)
    }

    fn committed(&self) {
        self.relay.wake();
    }
}

impl Entry {
    fn needs(&self, needs: &mut Needs) {
        match self {
            Self::Manage(command, facts) => {
                needs.requests.push(command.request_id.as_uuid());
                needs.cards.extend(command.card());
                if let Facts::New(Ok(card)) = facts {
                    needs.cards.push(card.id);
                }
            }
            Self::Authorize(proposal) => {
                needs.cards.extend(proposal.authorization.card_id);
                needs.authorizations.push(proposal.authorization.id.as_uuid());
            }
            Self::Reverse(reverse) => needs.follow(reverse.authorization_id),
            Self::Complete(complete) => needs.follow(complete.authorization_id),
            Self::Expire(id, _) => needs.follow(*id),
            Self::EndOrder(end) => {
                needs.orders.push(end.order_id.as_uuid());
                needs.cards.extend(end.card_id);
                needs.items.extend(end.item_id);
                if let Some(id) = end.authorization_id {
                    needs.follow(id);
                }
            }
            Self::ExpireCard(card) => needs.cards.push(*card),
            Self::Release(id, _) => needs.orders.push(id.as_uuid()),
            Self::Collect(id, card) => {
                needs.orders.push(id.as_uuid());
                needs.cards.push(*card);
            }
            Self::Post(post) => {
                needs.items.push(post.item_id);
                needs.cards.extend(post.card_id);
                needs.follow(post.authorization_id);
            }
        }
    }

    fn decide(&self, books: &mut Books) -> Result<Answer, super::Contradiction> {
        match self {
            Self::Manage(command, facts) => Ok(Answer::Decided(command.decide(facts, books))),
            Self::Authorize(proposal) => Ok(Answer::Authorized(proposal.decide(books))),
            Self::Reverse(reverse) => Ok(Answer::Followed(reverse.decide(books))),
            Self::Complete(complete) => Ok(Answer::Followed(complete.decide(books))),
            Self::EndOrder(end) => end.decide(books).map(|()| Answer::Done),
            Self::Expire(id, release_id) => {
                super::expire::authorization(*id, *release_id, books);
                Ok(Answer::Done)
            }
            Self::ExpireCard(id) => {
                super::expire::card(*id, books);
                Ok(Answer::Done)
            }
            Self::Release(id, hold_id) => {
                books.give_order(super::release(*id, *hold_id, None, books));
                Ok(Answer::Done)
            }
            Self::Collect(id, card) => {
                super::expire::collect(*id, *card, books);
                Ok(Answer::Done)
            }
            Self::Post(post) => {
                post.decide(books);
                Ok(Answer::Done)
            }
        }
    }
}

impl Needs {
    /// Whether another process decided it after its card was looked for: the card is not locked. The cards are sorted.
    fn missed(&self, of: &Authorization) -> bool {
        of.card_id.is_some_and(|card| self.cards.binary_search(&card).is_err())
            && self.with_orders.contains(&of.id.as_uuid())
    }

    /// An authorization with its card and orders.
    fn follow(&mut self, id: RequestId) {
        self.authorizations.push(id.as_uuid());
        self.with_orders.push(id.as_uuid());
    }
}

/// Keeps the keys that sealed what is written from being destroyed meanwhile.
async fn hold_keys(tx: &mut WriteTx, changes: &Changes) -> Result<(), db::Error> {
    let numbers = changes.issued.iter().map(|card| card.pan_sealed.as_slice());
    let pins = changes.cards.iter().filter_map(|card| card.pin.sealed.as_deref());
    data_keys::hold(tx, numbers.chain(pins)).await
}

/// The commands that this batch did, and not those that it found done; each once, however often it was sent.
fn done_now<'a>(
    entries: &'a [Entry],
    changes: &'a Changes,
) -> impl Iterator<Item = (&'a Command, &'a Outcome)> {
    let done = changes.outcomes.iter().filter(|outcome| outcome.decision == Decision::Done);
    done.filter_map(|outcome| {
        let by_this = |entry: &'a Entry| match entry {
            Entry::Manage(command, _) => Some(command).filter(|command| {
                command.request_id == outcome.request_id
                    && command.fingerprint == outcome.fingerprint
            }),
            _ => None,
        };
        entries.iter().find_map(by_this).map(|command| (command, outcome))
    })
}

/// Who is shown a card's number: with every answer, and not with the first only.
fn shown<'a>(
    entries: &'a [Entry],
    answers: &'a [Answer],
) -> impl Iterator<Item = (&'a Command, &'a Outcome)> {
    entries.iter().zip(answers).filter_map(|asked| match asked {
        (Entry::Manage(command, _), Answer::Decided(outcome))
            if matches!(command.action, Action::Reveal(_))
                && outcome.decision == Decision::Done =>
        {
            Some((command, outcome))
        }
        _ => None,
    })
}

/// Remembers who changed a card, or saw its number. Payments stand in the authorizations.
async fn write_audit_log(
    tx: &mut WriteTx,
    (entries, answers): (&[Entry], &[Answer]),
    changes: &Changes,
    now: DateTime<Utc>,
) -> Result<(), db::Error> {
    let mut lines = Vec::new();
    // Verifying a PIN changes nothing.
    let elsewhere = |action: &Action| matches!(action, Action::VerifyPin(_) | Action::Reveal(_));
    let done = done_now(entries, changes).filter(|(command, _)| !elsewhere(&command.action));
    for (command, outcome) in done.chain(shown(entries, answers)) {
        let subject = outcome.card_id.map(|id| id.to_string()).unwrap_or_default();
        let actor = command.caller.as_deref().unwrap_or("service/card");
        lines.push((actor, outcome.kind.code(), subject, command.audited()));
    }
    let events: Vec<_> = lines
        .iter()
        .map(|(actor, action, subject, details)| audit::Event { actor, action, subject, details })
        .collect();
    audit::append(tx, &events, now).await
}

fn tally(answers: &[Answer], changes: &Changes) -> Tally {
    let mut tally = Tally::default();
    for decided in &changes.authorized {
        let channel = Bucket::of(decided.channel).code();
        tally.authorized(kind_code(decided.kind), channel, decided.response_code.as_str());
    }
    for outcome in &changes.outcomes {
        match outcome.decision {
            Decision::Done => tally.done(outcome.kind.code()),
            Decision::Refused(why) => tally.refused(outcome.kind.code(), why.code()),
        }
    }
    for order in &changes.ended {
        let result = match &order.status {
            OrderStatus::Refused(_) => "refused",
            OrderStatus::Pending | OrderStatus::Done => "done",
        };
        tally.order_ended(order.kind.code(), result, (order.currency, order.moved_minor));
    }
    let decided = changes.authorized.len().saturating_add(changes.outcomes.len());
    let asked = answers
        .iter()
        .filter(|answer| matches!(answer, Answer::Authorized(_) | Answer::Decided(_)))
        .count();
    for _ in decided..asked {
        tally.replayed();
    }
    tally
}
