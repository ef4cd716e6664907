//! The invariants of authorizations, tried with random lives of a card: requests, reversals, completions, expiries and what
//! deposit answers, in any order, over several dates.
//!
//! Method: the decisions as the lane takes them, over books in memory, and beside them a deposit that knows nothing but what
//! it is asked. Numbered c1 to c5:
//! - c1 after each step a card counts what its approvals say that are not reversed, of the date and of the month;
//! - c2 what a request was answered it is answered again, whatever has become of it;
//! - c3 after each step what its holder owes is the sum of what accounting was told;
//! - c4 in the end nothing is reserved and no order is open, whatever was lost on the way;
//! - c5 in the end what the account paid and what is still owed is what was posted and not reversed.

#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails, as it should")]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use kernel::{BusinessDate, Currency, Money, PositiveMoney, RequestId};
use platform::protection::{SearchKey, Secret};
use proptest::prelude::*;
use uuid::Uuid;

use super::complete::Completion;
use super::ids::{approval_code, derived, derived_late};
use super::reverse::Reversal;
use super::samples::{Deposit, card};
use super::{EndOrder, FollowUp, Held, Proposal, expire, release};
use crate::domain::{
    Authorization, AuthorizationStatus as Status, Books, Bucket, Channel, Cvv2Seen, Decline,
    HeldCard, Kind, Limits, MessageKey, Order, OrderKind, OrderStatus, PinSeen, ResponseCode,
    Usage,
};

/// How deposit answers a hold.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Well,
    /// It reserves, and its answer is lost.
    Forgetful,
    /// It reserves nothing, and says nothing.
    Down,
}

#[derive(Debug, Clone)]
enum Step {
    /// A request comes, and money is reserved for it.
    Ask(usize, Mood),
    /// One of the requests that came is decided.
    Decide(usize),
    /// Whoever was about to decide it dies.
    Die(usize),
    Reverse(usize),
    Complete(usize, i64),
    /// One of the open orders is carried out.
    Drive(usize),
    /// Deposit carries it out, and nobody writes that down.
    Lose(usize),
    Collect,
    Expire,
    Sweep,
    Days(i64),
    /// Something else moves on the account.
    Balance(i64),
}

/// A request, and what it was answered first.
#[derive(Debug, Clone)]
struct Request {
    kind: Kind,
    channel: Channel,
    minor: i64,
    restricted: bool,
    post_now: bool,
}

fn requests() -> impl Strategy<Value = Request> {
    let kinds = prop_oneof![
        4 => Just(Kind::Purchase),
        2 => Just(Kind::Cash),
        2 => Just(Kind::Preauthorization),
        1 => Just(Kind::Refund),
        1 => Just(Kind::BalanceInquiry),
    ];
    let channels = prop_oneof![Just(Channel::Pos), Just(Channel::Online), Just(Channel::Atm)];
    (kinds, channels, 1..=400_i64, any::<bool>(), any::<bool>()).prop_map(
        |(kind, channel, minor, restricted, post_now)| Request {
            kind,
            channel,
            minor: if kind == Kind::BalanceInquiry { 0 } else { minor },
            restricted,
            post_now,
        },
    )
}

fn steps() -> impl Strategy<Value = Step> {
    let moods =
        prop_oneof![6 => Just(Mood::Well), 1 => Just(Mood::Forgetful), 1 => Just(Mood::Down)];
    prop_oneof![
        6 => (0..SLOTS, moods).prop_map(|(slot, mood)| Step::Ask(slot, mood)),
        8 => (0..8_usize).prop_map(Step::Decide),
        1 => (0..8_usize).prop_map(Step::Die),
        3 => (0..SLOTS).prop_map(Step::Reverse),
        3 => (0..SLOTS, 1..=460_i64).prop_map(|(slot, minor)| Step::Complete(slot, minor)),
        6 => (0..8_usize).prop_map(Step::Drive),
        2 => (0..8_usize).prop_map(Step::Lose),
        1 => Just(Step::Collect),
        1 => Just(Step::Expire),
        1 => Just(Step::Sweep),
        2 => (1..=12_i64).prop_map(Step::Days),
        1 => (0..=1_500_i64).prop_map(Step::Balance),
    ]
}

const SLOTS: usize = 6;
pub(super) const START: i64 = 1_769_000_000;

/// The bank: what a database would hold, and deposit.
struct Bank {
    key: SearchKey,
    now: DateTime<Utc>,
    card: HeldCard,
    authorizations: BTreeMap<RequestId, Authorization>,
    orders: BTreeMap<RequestId, Order>,
    told_minor: i64,
    deposit: Deposit,
    requests: Vec<Request>,
    ids: Vec<RequestId>,
    /// Came and are not decided.
    asked: Vec<Proposal>,
    answered: HashMap<RequestId, (ResponseCode, Option<String>)>,
}

impl Bank {
    fn new(requests: Vec<Request>) -> Self {
        let key = SearchKey::parse(&Secret::new("07".repeat(32))).unwrap();
        let deposit = Deposit { balance: 1_000, ..Deposit::default() };
        let held = HeldCard { card: card(), limits: Limits::new(), usage: Usage::default() };
        let mut bank = Self {
            key,
            now: DateTime::from_timestamp(START, 0).unwrap(),
            card: held,
            authorizations: BTreeMap::new(),
            orders: BTreeMap::new(),
            told_minor: 0,
            deposit,
            ids: Vec::new(),
            requests,
            asked: Vec::new(),
            answered: HashMap::new(),
        };
        bank.renew_ids();
        bank
    }

    /// Requests of another day are other requests.
    fn renew_ids(&mut self) {
        let millis = u64::try_from(self.now.timestamp_millis()).unwrap();
        let id = |slot: usize| {
            let random = [u8::try_from(slot).unwrap(); 10];
            let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
            RequestId::from_uuid(id).unwrap()
        };
        self.ids = (0..SLOTS).map(id).collect();
    }

    fn today(&self) -> NaiveDate {
        self.now.date_naive()
    }

    fn late(&self, cause: RequestId, purpose: &'static str) -> RequestId {
        derived_late(&self.key, cause.as_uuid(), purpose, self.now).unwrap()
    }

    /// Decides as a batch does: load, decide, save.
    fn decide<T>(&mut self, how: impl FnOnce(&mut Books) -> T) -> T {
        let mut books = Books::new(BusinessDate::from_date(self.today()), self.now);
        books.load_card(self.card.clone());
        for authorization in self.authorizations.values() {
            books.load_authorization(authorization.clone());
        }
        for order in self.orders.values() {
            books.load_order(order.clone());
        }
        let answer = how(&mut books);
        let changes = books.into_changes();
        for (_, bucket, counter) in changes.usage {
            self.card.usage.load(bucket, counter);
        }
        for card in changes.cards {
            self.card.card = card;
        }
        for authorization in changes.authorized.into_iter().chain(changes.authorizations) {
            self.authorizations.insert(authorization.id, authorization);
        }
        for order in changes.ordered {
            // The constraints of the table.
            assert_eq!(order.kind == OrderKind::Release, order.amount_minor == 0, "{order:?}");
            let made = self.now - order.id.made_at();
            assert!(made < TimeDelta::days(4), "deposit would not take an id {made} old");
            self.orders.entry(order.id).or_insert(order);
        }
        for order in changes.ended {
            assert!((0..=order.amount_minor).contains(&order.moved_minor), "{order:?}");
            let before = self.orders.insert(order.id, order);
            assert_eq!(before.unwrap().status, OrderStatus::Pending, "an order ends once");
        }
        for booking in changes.bookings {
            let minor = booking.principal_minor;
            self.told_minor += if booking.reversal { -minor } else { minor };
        }
        answer
    }

    fn propose(&self, slot: usize) -> Proposal {
        let (id, wanted) = (self.ids[slot], self.requests[slot].clone());
        let card = &self.card.card;
        let reserves = !matches!(wanted.kind, Kind::Refund | Kind::BalanceInquiry);
        let hold = derived(&self.key, id.as_uuid(), "hold").unwrap().as_uuid();
        let days = if wanted.kind == Kind::Preauthorization { 30 } else { 7 };
        Proposal {
            authorization: Authorization {
                id,
                fingerprint: i64::try_from(slot).unwrap() + 1,
                card_id: Some(card.id),
                customer_id: Some(card.customer_id),
                account: Some(card.account),
                hold_id: reserves.then_some(hold),
                amount_minor: wanted.minor,
                currency: Currency::CNY,
                cleared_minor: 0,
                matched_minor: 0,
                counted_minor: 0,
                kind: wanted.kind,
                channel: wanted.channel,
                restricted: wanted.restricted && reserves,
                posted_now: wanted.post_now || wanted.kind == Kind::Refund,
                status: Status::Declined,
                response_code: ResponseCode::DO_NOT_HONOUR,
                approval_code: None,
                merchant_category: if wanted.restricted { "7995" } else { "5411" }.to_owned(),
                key: MessageKey {
                    acquirer: String::new(),
                    terminal: String::new(),
                    retrieval_reference: String::new(),
                    trace_number: String::new(),
                    transmitted_at: self.now,
                },
                business_date: BusinessDate::from_date(self.today()),
                decided_at: self.now,
                expires_at: Some(self.now + TimeDelta::days(days)),
            },
            approval_code: approval_code(&self.key, id),
            pin: PinSeen::Right(1),
            cvv2: Cvv2Seen::Right,
            expiry: None,
            abroad: false,
            declined: None,
            held: Held::NotAsked,
            release_id: self.late(id, "release"),
            posting_id: self.late(id, "posting"),
        }
    }

    /// As `authorize` does before the lane.
    fn ask(&mut self, slot: usize, mood: Mood) {
        let mut proposal = self.propose(slot);
        let of = (&self.card.usage, &self.card.limits);
        proposal.declined = proposal.presented().check(&self.card.card, of, self.today()).err();
        let asked = &proposal.authorization;
        if let Some(hold) = asked.hold_id.filter(|_| proposal.declined.is_none()) {
            let placed = match mood {
                Mood::Down => Ok(()),
                Mood::Well | Mood::Forgetful => self.deposit.place(hold, asked.amount_minor),
            };
            (proposal.held, proposal.declined) = match (mood, placed) {
                (Mood::Well, Ok(())) => (Held::Placed(hold), None),
                (Mood::Well, Err(code)) => (Held::NotAsked, Some(Decline::from(code))),
                _ => {
                    let code = ResponseCode::ISSUER_UNAVAILABLE;
                    (Held::Unknown(hold), Some(Decline::from(code)))
                }
            };
        }
        self.asked.push(proposal);
    }

    fn settle(&mut self, proposal: &Proposal) {
        let decided = self.decide(|books| proposal.decide(books));
        let answer = (decided.response_code, decided.approval_code);
        let first = self.answered.entry(decided.id).or_insert_with(|| answer.clone());
        assert_eq!(*first, answer, "c2");
    }

    fn reverse(&mut self, slot: usize) {
        let id = self.ids[slot];
        let reversal = Reversal {
            only: None,
            authorization_id: id,
            hold: derived(&self.key, id.as_uuid(), "hold").unwrap(),
            release: self.late(id, "release"),
            opposite: self.late(id, "reversal"),
        };
        let first = self.decide(|books| reversal.decide(books));
        let again = self.decide(|books| reversal.decide(books));
        assert_eq!(first, again, "a reversal is answered the same again");
    }

    fn complete(&mut self, slot: usize, minor: i64) {
        let id = self.ids[slot];
        let amount = PositiveMoney::try_new(Money::new(minor, Currency::CNY)).unwrap();
        let posting_id = self.late(id, "completion");
        let completion = Completion { authorization_id: id, amount, posting_id };
        let first = self.decide(|books| completion.decide(books));
        let again = self.decide(|books| completion.decide(books));
        assert_eq!(first, again, "a completion is answered the same again");
    }

    fn pending(&self) -> Vec<Order> {
        let pending = |order: &&Order| order.status == OrderStatus::Pending;
        self.orders.values().filter(pending).cloned().collect()
    }

    fn drive(&mut self, order: &Order) {
        let said = self.deposit.ask(order);
        let cause = order.authorization_id.unwrap_or(order.id);
        let end = EndOrder {
            order_id: order.id,
            authorization_id: order.authorization_id,
            item_id: None,
            card_id: order.card_id,
            said,
            follow_up: FollowUp {
                rest: self.late(order.id, "remainder"),
                back: self.late(cause, "reversal"),
                again: (self.late(order.id, "again"), order.created_at),
            },
        };
        // Two processes at once: the second finds it ended.
        for _ in 0..2 {
            self.decide(|books| end.decide(books)).unwrap();
        }
    }

    fn expire(&mut self) {
        for id in self.authorizations.keys().copied().collect::<Vec<_>>() {
            let release = self.late(id, "release");
            self.decide(|books| expire::authorization(id, release, books));
        }
    }

    /// Who has not decided by now does not decide any more.
    fn sweep(&mut self) {
        self.asked.clear();
        let known: BTreeSet<_> =
            self.authorizations.values().filter_map(|one| one.hold_id).collect();
        let orphans: Vec<_> =
            self.deposit.holds.keys().copied().filter(|hold| !known.contains(hold)).collect();
        for hold in orphans {
            let id = derived_late(&self.key, hold, "orphan", self.now).unwrap();
            self.decide(|books| books.give_order(release(id, hold, None, books)));
        }
    }

    fn days(&mut self, days: i64) {
        self.sweep();
        self.now += TimeDelta::days(days);
        self.renew_ids();
    }

    fn collect(&mut self) {
        let id = derived_late(&self.key, Uuid::from_u128(3), "collect", self.now).unwrap();
        let millis = u64::try_from(self.now.timestamp_millis()).unwrap();
        let random = id.as_uuid().as_bytes()[6..].first_chunk::<10>().copied().unwrap();
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        let card = self.card.card.id;
        let open = self.pending().iter().any(|order| order.kind == OrderKind::Collect);
        let today = self.today();
        let once = |order: &Order| {
            order.kind == OrderKind::Collect && order.business_date.as_date() == today
        };
        if !open && !self.orders.values().any(once) {
            let id = RequestId::from_uuid(id).unwrap();
            self.decide(|books| expire::collect(id, card, books));
        }
    }

    fn take(&mut self, step: Step) {
        let of = |index: usize, len: usize| index.checked_rem(len);
        match step {
            Step::Ask(slot, mood) => self.ask(slot, mood),
            Step::Decide(index) => {
                if let Some(index) = of(index, self.asked.len()) {
                    let proposal = self.asked.remove(index);
                    self.settle(&proposal);
                }
            }
            Step::Die(index) => {
                if let Some(index) = of(index, self.asked.len()) {
                    self.asked.remove(index);
                }
            }
            Step::Reverse(slot) => self.reverse(slot),
            Step::Complete(slot, minor) => self.complete(slot, minor),
            Step::Drive(index) => {
                let pending = self.pending();
                if let Some(index) = of(index, pending.len()) {
                    self.drive(&pending[index]);
                }
            }
            Step::Lose(index) => {
                let pending = self.pending();
                if let Some(index) = of(index, pending.len()) {
                    self.deposit.ask(&pending[index]);
                }
            }
            Step::Collect => self.collect(),
            Step::Expire => self.expire(),
            Step::Sweep => self.sweep(),
            Step::Days(days) => self.days(days),
            Step::Balance(minor) => {
                // Not below what is reserved.
                let minor = minor.max(self.deposit.held());
                self.deposit.other += minor - self.deposit.balance;
                self.deposit.balance = minor;
            }
        }
    }

    /// c1 and c3.
    fn check(&self) {
        let today = self.today();
        let month = |day: NaiveDate| day.format("%Y-%m").to_string();
        for bucket in Bucket::CHANNELS.into_iter().chain([Bucket::RestrictedMerchants]) {
            let counts = |one: &&Authorization| {
                let here = Bucket::of(one.channel) == bucket
                    || (bucket == Bucket::RestrictedMerchants && one.restricted);
                here && one.counted_minor > 0 && one.status != Status::Reversed
            };
            let of: Vec<_> = self.authorizations.values().filter(counts).collect();
            let on = |one: &&&Authorization| one.business_date.as_date() == today;
            let within = |one: &&&Authorization| month(one.business_date.as_date()) == month(today);
            let used = self.card.usage.on(bucket, today);
            let sum = |minor: Vec<i64>| (minor.iter().sum::<i64>(), i32::try_from(minor.len()));
            let day = sum(of.iter().filter(on).map(|one| one.counted_minor).collect());
            let in_month = sum(of.iter().filter(within).map(|one| one.counted_minor).collect());
            assert_eq!((used.day_minor, Ok(used.day_count)), day, "c1 {bucket:?}");
            assert_eq!((used.month_minor, Ok(used.month_count)), in_month, "c1 {bucket:?}");
        }
        assert_eq!(self.card.card.receivable_minor, self.told_minor, "c3");
        assert!(self.told_minor >= 0, "c3");
    }

    /// Everything that time and the jobs bring.
    fn end(&mut self) {
        for _ in 0..3 {
            self.days(40);
            self.expire();
            for _ in 0..6 {
                for order in self.pending() {
                    self.drive(&order);
                    self.check();
                }
            }
        }
    }

    /// c4 and c5.
    fn check_end(&self) {
        assert_eq!(self.pending(), Vec::new(), "c4");
        assert_eq!(self.deposit.holds, BTreeMap::new(), "c4");
        let open = |one: &&Authorization| one.is_open() && one.kind != Kind::Refund;
        assert_eq!(self.authorizations.values().filter(open).collect::<Vec<_>>(), Vec::<&_>::new());
        let posted: i64 = self
            .authorizations
            .values()
            .filter(|one| one.status == Status::Cleared)
            .map(|one| if one.kind == Kind::Refund { -1 } else { 1 } * one.cleared_minor)
            .sum();
        let paid = 1_000 + self.deposit.other - self.deposit.balance;
        assert_eq!(paid + self.card.card.receivable_minor, posted, "c5");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_comes_in_whatever_order_counts_reserves_and_posts_what_was_decided(
        requests in proptest::collection::vec(requests(), SLOTS),
        steps in proptest::collection::vec(steps(), 1..60),
    ) {
        let mut bank = Bank::new(requests);
        for step in steps {
            bank.take(step);
            bank.check();
        }
        bank.end();
        bank.check_end();
    }
}
