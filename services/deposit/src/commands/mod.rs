//! The writes: one file is one use case. Each is a value that `api` parses, and a pure `decide` over the loaded
//! [`Books`]; `posting` runs them in batches.
//!
//! Round trips of a batch, whatever its size: begin, gate, lock accounts, probe, save, commit; one or two more where
//! holds, reversals or openings are in it. Locks: owners, then accounts, each in order of its key.

mod card_payment;
mod cash;
mod close_account;
mod close_owner;
mod freeze;
mod hold;
mod loan_money;
mod open_account;
mod posting;
mod reverse;
mod transfer;

pub use card_payment::{CreditCardPayment, DebitCardPayment};
pub use cash::{DepositCash, WithdrawCash};
pub use close_account::CloseAccount;
pub use close_owner::CloseOwner;
pub use freeze::{FreezeAccount, FreezeScope, UnfreezeAccount};
pub use hold::{CaptureHold, ExpireHold, PlaceHold, ReleaseHold};
pub use loan_money::{CollectFromAccount, SettleToAccount};
pub use open_account::{OpenAccount, Standing};
pub use posting::PostingBook;
pub use reverse::ReversePosting;
pub use transfer::Transfer;

use std::sync::Arc;

use kernel::{AccountNumber, Currency, CustomerId, HoldId, Money, RequestId};
use platform::fingerprint;
use uuid::Uuid;

use crate::domain::{Account, Asker, Books, Decision, Event, EventKind, Kind, Outcome, Rejection};

/// A request to change something, well-formed and not yet decided.
#[derive(Debug, Clone)]
pub struct Command {
    /// Chosen by the caller; the same id always gets the same answer.
    pub request_id: RequestId,
    /// Stands for the content, and for whom it is asked: the same id with another fingerprint is refused.
    pub fingerprint: i64,
    /// For whom it is asked.
    pub asker: Asker,
    /// Who asks, for the audit log; `None` for our own jobs.
    pub caller: Option<Arc<str>>,
    /// What is asked.
    pub action: Action,
}

/// What can be asked.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each variant is the type of the same name")]
pub enum Action {
    CaptureHold(CaptureHold),
    CloseAccount(CloseAccount),
    CloseOwner(CloseOwner),
    CollectFromAccount(CollectFromAccount),
    CreditCardPayment(CreditCardPayment),
    DebitCardPayment(DebitCardPayment),
    DepositCash(DepositCash),
    ExpireHold(ExpireHold),
    FreezeAccount(FreezeAccount),
    OpenAccount(OpenAccount),
    PlaceHold(PlaceHold),
    ReleaseHold(ReleaseHold),
    ReversePosting(ReversePosting),
    SettleToAccount(SettleToAccount),
    Transfer(Transfer),
    UnfreezeAccount(UnfreezeAccount),
    WithdrawCash(WithdrawCash),
}

/// What a command names, so that it can be loaded and locked before it is decided.
#[derive(Debug, Default)]
pub struct Needs {
    /// Accounts to lock.
    pub accounts: Vec<AccountNumber>,
    /// Holds to load; their accounts are locked too.
    pub holds: Vec<HoldId>,
    /// Postings to load; their accounts are locked too.
    pub postings: Vec<Uuid>,
    /// Owners to lock.
    pub owners: Vec<CustomerId>,
    /// Accounts whose owner is to be locked before them.
    pub owned_accounts: Vec<AccountNumber>,
    /// How many account numbers to draw.
    pub numbers: usize,
}

/// What a posted command did, for its outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Posted {
    /// Debited, reserved on, or ended.
    pub debit: Option<AccountNumber>,
    /// Credited or opened.
    pub credit: Option<AccountNumber>,
    /// Minor units moved or reserved.
    pub amount_minor: i64,
    /// Of the amount, or of the account.
    pub currency: Option<Currency>,
    /// The hold or posting that it ended.
    pub subject_id: Option<Uuid>,
}

impl Command {
    /// The same, asked for by a channel on behalf of a customer.
    #[must_use]
    pub fn on_behalf_of(self, customer: CustomerId) -> Self {
        let fingerprint = fingerprint::on_behalf_of(self.fingerprint, customer.as_uuid());
        Self { fingerprint, asker: Asker::Customer(customer), ..self }
    }

    /// Whether it goes into the audit log: what changes the standing of an account or owner, and moves no money.
    pub fn is_audited(&self) -> bool {
        matches!(
            self.action,
            Action::CloseAccount(_)
                | Action::CloseOwner(_)
                | Action::FreezeAccount(_)
                | Action::UnfreezeAccount(_)
        )
    }

    /// How much it asks to move or reserve, where it says so.
    pub fn amount(&self) -> Option<Money> {
        match &self.action {
            Action::DepositCash(c) => Some(c.amount.money()),
            Action::WithdrawCash(c) => Some(c.amount.money()),
            Action::Transfer(c) => Some(c.amount.money()),
            Action::PlaceHold(c) => Some(c.amount.money()),
            Action::CaptureHold(c) => Some(c.amount.money()),
            Action::CollectFromAccount(c) => Some(c.amount.money()),
            Action::CreditCardPayment(c) => Some(c.amount.money()),
            Action::DebitCardPayment(c) => Some(c.amount.money()),
            Action::SettleToAccount(c) => Some(c.amount.money()),
            Action::OpenAccount(c) => Some(Money::new(c.opening_deposit_minor, c.currency)),
            Action::CloseAccount(_)
            | Action::CloseOwner(_)
            | Action::ExpireHold(_)
            | Action::FreezeAccount(_)
            | Action::ReleaseHold(_)
            | Action::ReversePosting(_)
            | Action::UnfreezeAccount(_) => None,
        }
    }

    /// Adds what this command names.
    pub fn needs(&self, needs: &mut Needs) {
        match &self.action {
            Action::CaptureHold(c) => c.needs(needs),
            Action::CloseAccount(c) => c.needs(needs),
            Action::CloseOwner(c) => c.needs(needs),
            Action::CollectFromAccount(c) => needs.accounts.push(c.account),
            Action::CreditCardPayment(c) => needs.accounts.push(c.account),
            Action::DebitCardPayment(c) => c.needs(needs),
            Action::DepositCash(c) => needs.accounts.push(c.account),
            Action::ExpireHold(c) => needs.holds.push(c.hold_id),
            Action::FreezeAccount(c) => needs.accounts.push(c.account),
            Action::OpenAccount(c) => c.needs(needs),
            Action::PlaceHold(c) => needs.accounts.push(c.account),
            Action::ReleaseHold(c) => c.needs(needs),
            Action::ReversePosting(c) => c.needs(needs),
            Action::SettleToAccount(c) => needs.accounts.push(c.account),
            Action::Transfer(c) => c.needs(needs),
            Action::UnfreezeAccount(c) => needs.accounts.push(c.account),
            Action::WithdrawCash(c) => needs.accounts.push(c.account),
        }
    }

    /// Decides, exactly as if the command were alone, and records the decision. A request id that is already
    /// decided gets its first outcome; with other content it is refused, and the refusal is not recorded.
    pub fn decide(&self, books: &mut Books) -> Outcome {
        if let Some(first) = books.decided(self.request_id) {
            return self.replay(first);
        }
        let (kind, result) = self.run(books);
        let asked = self.asked();
        let (posted, decision) = match result {
            Ok(posted) => (posted, Decision::Posted),
            Err(rejection) => (asked, Decision::Refused(rejection)),
        };
        let outcome = Outcome {
            request_id: self.request_id,
            fingerprint: self.fingerprint,
            kind,
            decision,
            debit_account: posted.debit,
            credit_account: posted.credit,
            amount_minor: posted.amount_minor,
            currency: posted.currency.unwrap_or(Currency::CNY),
            subject_id: posted.subject_id,
            business_date: books.business_date(),
            decided_at: books.now(),
        };
        books.decide(outcome.clone());
        outcome
    }

    fn replay(&self, first: &Outcome) -> Outcome {
        let mut outcome = first.clone();
        if first.fingerprint != self.fingerprint && first.kind != Kind::Fenced {
            outcome.decision = Decision::Refused(Rejection::RequestIdReused);
        }
        outcome
    }

    fn run(&self, books: &mut Books) -> (Kind, Result<Posted, Rejection>) {
        let asker = self.asker;
        let by = (self.request_id, asker);
        match &self.action {
            Action::CaptureHold(c) => (Kind::HoldCaptured, c.decide(by, books)),
            Action::CloseAccount(c) => (Kind::AccountClosed, c.decide(asker, books)),
            Action::CloseOwner(c) => (Kind::OwnerClosed, c.decide(books)),
            Action::CollectFromAccount(c) => (Kind::LoanCollection, c.decide(by, books)),
            Action::CreditCardPayment(c) => (Kind::CardCredit, c.decide(by, books)),
            Action::DebitCardPayment(c) => (Kind::CardDebit, c.decide(by, books)),
            Action::DepositCash(c) => (Kind::CashDeposit, c.decide(by, books)),
            Action::ExpireHold(c) => (Kind::HoldReleased, c.decide(asker, books)),
            Action::FreezeAccount(c) => (Kind::AccountFrozen, c.decide(asker, books)),
            Action::OpenAccount(c) => (Kind::AccountOpened, c.decide(by, books)),
            Action::PlaceHold(c) => (Kind::HoldPlaced, c.decide(by, books)),
            Action::ReleaseHold(c) => (Kind::HoldReleased, c.decide(by, books)),
            Action::ReversePosting(c) => (Kind::Reversal, c.decide(by, books)),
            Action::SettleToAccount(c) => (Kind::LoanSettlement, c.decide(by, books)),
            Action::Transfer(c) => (Kind::Transfer, c.decide(by, books)),
            Action::UnfreezeAccount(c) => (Kind::AccountUnfrozen, c.decide(asker, books)),
            Action::WithdrawCash(c) => (Kind::CashWithdrawal, c.decide(by, books)),
        }
    }

    /// What a refused outcome remembers of the request.
    fn asked(&self) -> Posted {
        let amount = |debit, credit, money: kernel::PositiveMoney| Posted {
            debit,
            credit,
            amount_minor: money.minor(),
            currency: Some(money.currency()),
            subject_id: None,
        };
        let on = |debit| Posted { debit: Some(debit), ..Posted::default() };
        let of = |subject_id| Posted { subject_id: Some(subject_id), ..Posted::default() };
        match &self.action {
            Action::DepositCash(c) => amount(None, Some(c.account), c.amount),
            Action::WithdrawCash(c) => amount(Some(c.account), None, c.amount),
            Action::CollectFromAccount(c) => amount(Some(c.account), None, c.amount),
            Action::SettleToAccount(c) => amount(None, Some(c.account), c.amount),
            Action::CreditCardPayment(c) => amount(None, Some(c.account), c.amount),
            Action::DebitCardPayment(c) => Posted {
                subject_id: c.hold_id.map(HoldId::as_uuid),
                ..amount(Some(c.account), None, c.amount)
            },
            Action::Transfer(c) => amount(Some(c.debit), Some(c.credit), c.amount),
            Action::PlaceHold(c) => amount(Some(c.account), None, c.amount),
            Action::CaptureHold(c) => {
                Posted { subject_id: Some(c.hold_id.as_uuid()), ..amount(None, c.credit, c.amount) }
            }
            Action::ReleaseHold(c) => of(c.hold_id.as_uuid()),
            Action::ExpireHold(c) => of(c.hold_id.as_uuid()),
            Action::ReversePosting(c) => of(c.posting.as_uuid()),
            Action::FreezeAccount(c) => on(c.account),
            Action::UnfreezeAccount(c) => on(c.account),
            Action::CloseAccount(c) => on(c.account),
            Action::CloseOwner(c) => of(c.customer_id.as_uuid()),
            Action::OpenAccount(c) => {
                Posted { currency: Some(c.currency), ..of(c.customer_id.as_uuid()) }
            }
        }
    }
}

/// The account that money of a loan or a card moves on: it must be this customer's, and one that the asker may know of.
/// Any other is answered as one that does not exist.
fn account_of(
    customer_id: CustomerId,
    number: AccountNumber,
    asker: Asker,
    books: &Books,
) -> Result<Account, Rejection> {
    let account = books.own_account(number, Asker::Customer(customer_id))?;
    if asker.covers(account.customer_id) {
        Ok(account.clone())
    } else {
        Err(Rejection::AccountUnknown)
    }
}

/// A movement that was decided, on one account of ours.
struct Moved {
    id: RequestId,
    kind: EventKind,
    minor: i64,
}

impl Moved {
    fn book(self, account: Account, books: &mut Books) -> Posted {
        let currency = account.currency;
        books.tell(Event {
            posting: self.id,
            kind: self.kind,
            product: account.product,
            counter_product: None,
            currency,
            amount_minor: self.minor,
            reversal: false,
        });
        books.put_moved(account, self.id);
        Posted { amount_minor: self.minor, currency: Some(currency), ..Posted::default() }
    }
}
