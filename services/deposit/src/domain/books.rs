//! The part of the books that one batch touches, loaded and locked, and what the batch changes in it.
//!
//! Every change goes through the verbs here, so that each movement has its entry, each posting its event, and each
//! request its outcome; `store` writes [`Changes`] and nothing else.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use kernel::{AccountNumber, BusinessDate, Currency, CustomerId, HoldId, RequestId};
use uuid::Uuid;

use super::{Account, Asker, Decision, Hold, HoldStatus, Kind, Outcome, Product, Rejection};

/// One movement on one account, as it will be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub account: AccountNumber,
    /// Position in the account's gapless sequence.
    pub sequence: i64,
    /// Signed: positive is a credit.
    pub amount_minor: i64,
    /// The balance that it leaves.
    pub balance_after_minor: i64,
    /// The posting that it is part of.
    pub request_id: RequestId,
}

/// What accounting is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Cash was paid in.
    CashDeposited,
    /// Cash was paid out.
    CashWithdrawn,
    /// Money moved between two accounts.
    Transferred,
    /// Reserved money went to clearing.
    HoldCaptured,
    /// Money of a loan came in.
    LoanSettledToAccount,
    /// Money for a loan went out.
    LoanSettledFromAccount,
    /// A payment by card went out.
    CardDebited,
    /// A payment by card came back.
    CardCredited,
}

/// A movement of money in the words that accounting rules are written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The posting.
    pub posting: RequestId,
    /// What happened.
    pub kind: EventKind,
    /// Of the account debited, or of the only one.
    pub product: &'static Product,
    /// Of the account credited, where there are two.
    pub counter_product: Option<&'static Product>,
    /// Of the amount.
    pub currency: Currency,
    /// Positive.
    pub amount_minor: i64,
    /// Undoes an event of the same kind.
    pub reversal: bool,
}

/// A customer as an owner of accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Who.
    pub customer_id: CustomerId,
    /// How many accounts are open.
    pub open_accounts: i32,
    /// Nothing more is opened.
    pub closed: bool,
}

/// What a batch writes.
#[derive(Debug, Default)]
pub struct Changes {
    /// New decisions.
    pub outcomes: Vec<Outcome>,
    /// New movements.
    pub entries: Vec<Entry>,
    /// What accounting is told.
    pub events: Vec<Event>,
    /// Accounts opened in this batch, in their final state.
    pub opened: Vec<Account>,
    /// Accounts that existed and changed.
    pub accounts: Vec<Account>,
    /// Holds placed in this batch, in their final state.
    pub placed: Vec<Hold>,
    /// Holds that existed and changed.
    pub holds: Vec<Hold>,
    /// Owners that changed.
    pub owners: Vec<Owner>,
    /// Posting undone, and the request that undid it.
    pub reversals: Vec<(Uuid, RequestId)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Loaded,
    Changed,
    New,
}

/// The loaded part of the books.
#[derive(Debug)]
pub struct Books {
    business_date: BusinessDate,
    now: DateTime<Utc>,
    accounts: HashMap<AccountNumber, (Account, Mark)>,
    holds: HashMap<HoldId, (Hold, Mark)>,
    owners: HashMap<CustomerId, (Owner, Mark)>,
    decided: HashMap<RequestId, Outcome>,
    /// Postings undone before this batch, or in it.
    reversed: HashMap<Uuid, RequestId>,
    /// Numbers for accounts to be opened.
    numbers: Vec<AccountNumber>,
    changes: Changes,
}

impl Books {
    /// Books in which nothing is loaded yet.
    pub fn new(business_date: BusinessDate, now: DateTime<Utc>) -> Self {
        Self {
            business_date,
            now,
            accounts: HashMap::new(),
            holds: HashMap::new(),
            owners: HashMap::new(),
            decided: HashMap::new(),
            reversed: HashMap::new(),
            numbers: Vec::new(),
            changes: Changes::default(),
        }
    }

    /// Puts in an account that was read under its lock.
    pub fn load_account(&mut self, account: Account) {
        self.accounts.insert(account.number, (account, Mark::Loaded));
    }

    /// Puts in a hold whose account is locked.
    pub fn load_hold(&mut self, hold: Hold) {
        self.holds.insert(hold.id, (hold, Mark::Loaded));
    }

    /// Puts in an owner that was read under its lock.
    pub fn load_owner(&mut self, owner: Owner) {
        self.owners.insert(owner.customer_id, (owner, Mark::Loaded));
    }

    /// Puts in a decision that stands.
    pub fn load_outcome(&mut self, outcome: Outcome) {
        self.decided.insert(outcome.request_id, outcome);
    }

    /// Puts in that a posting is undone.
    pub fn load_reversal(&mut self, posting: Uuid, by: RequestId) {
        self.reversed.insert(posting, by);
    }

    /// Puts in numbers for accounts to be opened.
    pub fn load_numbers(&mut self, numbers: Vec<AccountNumber>) {
        self.numbers = numbers;
    }

    /// The business date of everything decided here.
    pub fn business_date(&self) -> BusinessDate {
        self.business_date
    }

    /// The instant of everything decided here.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The decision on a request id, from an earlier batch or this one.
    pub fn decided(&self, request: RequestId) -> Option<&Outcome> {
        self.decided.get(&request)
    }

    /// An account as it stands.
    ///
    /// # Errors
    /// [`Rejection::AccountUnknown`].
    pub fn account(&self, number: AccountNumber) -> Result<&Account, Rejection> {
        self.accounts.get(&number).map(|(account, _)| account).ok_or(Rejection::AccountUnknown)
    }

    /// An account that whoever asks may debit, look into, or pay cash into. Of all others it is not said that they
    /// exist.
    ///
    /// # Errors
    /// [`Rejection::AccountUnknown`].
    pub fn own_account(&self, number: AccountNumber, asker: Asker) -> Result<&Account, Rejection> {
        let account = self.account(number)?;
        if asker.covers(account.customer_id) { Ok(account) } else { Err(Rejection::AccountUnknown) }
    }

    /// An account after money has arrived on it, which may be anybody's. What keeps money from arriving on somebody
    /// else's account is not the payer's to know.
    ///
    /// # Errors
    /// As [`Account::credit`] on an own account; [`Rejection::AccountUnknown`] for whatever it is on another.
    pub fn credited(
        &self,
        number: AccountNumber,
        (amount_minor, currency): (i64, Currency),
        asker: Asker,
    ) -> Result<Account, Rejection> {
        let mut account = self.account(number)?.clone();
        match account.credit(amount_minor, currency) {
            Err(_) if !asker.covers(account.customer_id) => Err(Rejection::AccountUnknown),
            credited => credited.map(|()| account),
        }
    }

    /// A hold on an own account that has not ended.
    ///
    /// # Errors
    /// [`Rejection::HoldUnknown`], also for a hold on an account of somebody else; [`Rejection::HoldEnded`].
    pub fn own_active_hold(&self, id: HoldId, asker: Asker) -> Result<Hold, Rejection> {
        let (hold, _) = self.holds.get(&id).ok_or(Rejection::HoldUnknown)?;
        self.own_account(hold.account, asker).map_err(|_| Rejection::HoldUnknown)?;
        if hold.status == HoldStatus::Active { Ok(hold.clone()) } else { Err(Rejection::HoldEnded) }
    }

    /// A decision on a posting that debited an own account or, where nothing was debited, credited one.
    pub fn own_posting(&self, request: RequestId, asker: Asker) -> Option<&Outcome> {
        let outcome = self.decided(request)?;
        let account = outcome.debit_account.or(outcome.credit_account);
        let own = account.is_some_and(|number| self.own_account(number, asker).is_ok());
        (own || asker == Asker::Bank).then_some(outcome)
    }

    /// An owner, who may be new.
    pub fn owner(&self, customer_id: CustomerId) -> Owner {
        let known = self.owners.get(&customer_id).map(|(owner, _)| owner.clone());
        known.unwrap_or(Owner { customer_id, open_accounts: 0, closed: false })
    }

    /// Which request undid the posting, if one did.
    pub fn reversed_by(&self, posting: Uuid) -> Option<RequestId> {
        self.reversed.get(&posting).copied()
    }

    /// The next free account number.
    pub fn take_number(&mut self) -> Option<AccountNumber> {
        self.numbers.pop()
    }

    /// Replaces an account by its state after one movement, and writes the movement's entry.
    pub fn put_moved(&mut self, account: Account, request: RequestId) {
        let before = self.accounts.get(&account.number).map_or(0, |(was, _)| was.balance_minor);
        self.changes.entries.push(Entry {
            account: account.number,
            sequence: account.last_sequence,
            // Neither overflows: the account has just gone from the one to the other.
            amount_minor: account.balance_minor.wrapping_sub(before),
            balance_after_minor: account.balance_minor,
            request_id: request,
        });
        self.put_account(account);
    }

    /// Replaces an account by its new state, or adds one. For changes that move no money.
    pub fn put_account(&mut self, account: Account) {
        let mark = self.accounts.get(&account.number).map_or(Mark::New, |(_, mark)| changed(*mark));
        self.accounts.insert(account.number, (account, mark));
    }

    /// Replaces a hold by its new state, or adds one.
    pub fn put_hold(&mut self, hold: Hold) {
        let mark = self.holds.get(&hold.id).map_or(Mark::New, |(_, mark)| changed(*mark));
        self.holds.insert(hold.id, (hold, mark));
    }

    /// Replaces an owner by its new state, or adds one.
    pub fn put_owner(&mut self, owner: Owner) {
        self.owners.insert(owner.customer_id, (owner, Mark::Changed));
    }

    /// Tells accounting.
    pub fn tell(&mut self, event: Event) {
        self.changes.events.push(event);
    }

    /// Notes that a posting is undone.
    pub fn mark_reversed(&mut self, posting: Uuid, by: RequestId) {
        self.reversed.insert(posting, by);
        self.changes.reversals.push((posting, by));
    }

    /// Takes the place of a request that has not arrived: when it does, it finds itself refused.
    pub fn fence(&mut self, request_id: RequestId, currency: Currency, reversal: RequestId) {
        self.decide(Outcome {
            request_id,
            fingerprint: 0,
            kind: Kind::Fenced,
            decision: Decision::Refused(Rejection::ReversedBeforePosted),
            debit_account: None,
            credit_account: None,
            amount_minor: 0,
            currency,
            subject_id: Some(reversal.as_uuid()),
            business_date: self.business_date,
            decided_at: self.now,
        });
    }

    /// Records a decision.
    pub fn decide(&mut self, outcome: Outcome) {
        self.decided.insert(outcome.request_id, outcome.clone());
        self.changes.outcomes.push(outcome);
    }

    /// What is to be written. Accounts and owners come sorted, as locks are taken.
    pub fn into_changes(self) -> Changes {
        let mut changes = self.changes;
        for (account, mark) in self.accounts.into_values() {
            match mark {
                Mark::Loaded => {}
                Mark::Changed => changes.accounts.push(account),
                Mark::New => changes.opened.push(account),
            }
        }
        for (hold, mark) in self.holds.into_values() {
            match mark {
                Mark::Loaded => {}
                Mark::Changed => changes.holds.push(hold),
                Mark::New => changes.placed.push(hold),
            }
        }
        let touched = self.owners.into_values().filter(|(_, mark)| *mark != Mark::Loaded);
        changes.owners.extend(touched.map(|(owner, _)| owner));
        changes.accounts.sort_unstable_by_key(|account| account.number);
        changes.owners.sort_unstable_by_key(|owner| owner.customer_id);
        changes
    }
}

/// What was loaded has changed; what is new stays new.
fn changed(mark: Mark) -> Mark {
    if mark == Mark::New { Mark::New } else { Mark::Changed }
}
