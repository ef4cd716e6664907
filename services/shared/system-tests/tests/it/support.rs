//! Verbs: what customers and staff do at the bank.

use kernel::{RequestId, SystemClock};
use proto::common::v1::{Money, ReadConsistency, read_consistency::Freshness};
use proto::customer::v1 as customer;
use proto::deposit::v1 as pb;
use tonic::{Code, Status};
use tonic_types::StatusExt;

pub use crate::bank_under_test::{
    Acting, Bank, CHANNEL, PATIENCE, binaries, eventually, in_minutes,
};

pub const TELLER: &str = "teller/1";
pub const SECOND_TELLER: &str = "teller/2";
pub const OPERATOR: &str = "operator/1";
pub const AUDITOR: &str = "auditor/1";

impl Bank {
    /// Registers a person, who is PENDING.
    pub async fn register(&self) -> String {
        let answer = self.customer(CHANNEL).register_customer(person()).await.unwrap();
        answer.into_inner().customer.unwrap().customer_id
    }

    /// Registers and activates a person.
    pub async fn register_active(&self) -> String {
        let id = self.register().await;
        self.customer(TELLER).activate_customer(activate(&id)).await.unwrap();
        id
    }

    /// Freezes a customer.
    pub async fn freeze_customer(&self, customer_id: &str) {
        let request = customer::FreezeCustomerRequest {
            request_id: request_id(),
            customer_id: customer_id.into(),
            reason: "lost papers".into(),
        };
        self.customer(TELLER).freeze_customer(request).await.unwrap();
    }

    /// Closes a customer, if the bank agrees.
    pub async fn close_customer(&self, customer_id: &str) -> Result<customer::Customer, Status> {
        let request = customer::CloseCustomerRequest {
            request_id: request_id(),
            customer_id: customer_id.into(),
            reason: "moves abroad".into(),
        };
        let answer = self.customer(TELLER).close_customer(request).await?;
        Ok(answer.into_inner().customer.unwrap())
    }

    /// Opens a current account in CNY, if the bank agrees. Returns its number.
    pub async fn open(&self, customer_id: &str, opening_minor: i64) -> Result<String, Status> {
        let request = open(customer_id, opening_minor);
        let answer = self.channel_for(customer_id).open_account(request).await?;
        let number = answer.into_inner().posting.unwrap().credit_account_number;
        self.opened(&number, customer_id);
        Ok(number)
    }

    /// Accounts of one new customer with these balances.
    pub async fn accounts(&self, balances: &[i64]) -> Vec<String> {
        let owner = self.register_active().await;
        let mut numbers = Vec::new();
        for minor in balances {
            numbers.push(self.open(&owner, *minor).await.unwrap());
        }
        numbers
    }

    /// Moves money, if the bank agrees.
    pub async fn transfer(&self, from: &str, to: &str, minor: i64) -> Result<pb::Posting, Status> {
        let answer = self.channel_of(from).transfer(transfer(from, to, minor)).await?;
        Ok(answer.into_inner().posting.unwrap())
    }

    /// The balance on the primary: booked, held, available.
    pub async fn balance(&self, account: &str) -> (i64, i64, i64) {
        let request =
            pb::GetBalanceRequest { account_number: account.into(), consistency: Some(primary()) };
        let answer = self.channel_of(account).get_balance(request).await.unwrap().into_inner();
        let minor = |money: Option<Money>| money.unwrap().amount_minor;
        (minor(answer.balance), minor(answer.held), minor(answer.available))
    }

    /// The statement on the primary, newest first.
    pub async fn statement(&self, account: &str) -> Vec<pb::Entry> {
        let request = pb::ListEntriesRequest {
            account_number: account.into(),
            consistency: Some(primary()),
            ..Default::default()
        };
        self.channel_of(account).list_entries(request).await.unwrap().into_inner().entries
    }
}

/// A new request id.
pub fn request_id() -> String {
    RequestId::generate(&SystemClock).to_string()
}

/// An amount of CNY.
pub fn cny(amount_minor: i64) -> Money {
    Money { currency_code: "CNY".into(), amount_minor }
}

/// "Read the primary".
pub fn primary() -> ReadConsistency {
    ReadConsistency { freshness: Some(Freshness::Primary(true)) }
}

/// Somebody whose passport is like no other.
pub fn person() -> customer::RegisterCustomerRequest {
    let request_id = request_id();
    customer::RegisterCustomerRequest {
        kind: customer::CustomerKind::Person.into(),
        name: "Ada Lovelace".into(),
        document_kind: customer::DocumentKind::Passport.into(),
        document_number: request_id.clone(),
        phone: String::new(),
        request_id,
    }
}

/// An activation under a new request id.
pub fn activate(customer_id: &str) -> customer::ActivateCustomerRequest {
    customer::ActivateCustomerRequest {
        request_id: request_id(),
        customer_id: customer_id.into(),
        reason: "papers seen".into(),
    }
}

/// An opening under a new request id.
pub fn open(customer_id: &str, opening_deposit_minor: i64) -> pb::OpenAccountRequest {
    pb::OpenAccountRequest {
        request_id: request_id(),
        customer_id: customer_id.into(),
        product_code: "CURRENT".into(),
        currency_code: "CNY".into(),
        opening_deposit_minor,
    }
}

/// A transfer under a new request id.
pub fn transfer(debit: &str, credit: &str, amount_minor: i64) -> pb::TransferRequest {
    pb::TransferRequest {
        request_id: request_id(),
        debit_account_number: debit.into(),
        credit_account_number: credit.into(),
        amount: Some(cny(amount_minor)),
    }
}

/// Cash in under a new request id.
pub fn cash_in(account: &str, amount_minor: i64) -> pb::DepositCashRequest {
    pb::DepositCashRequest {
        request_id: request_id(),
        account_number: account.into(),
        amount: Some(cny(amount_minor)),
    }
}

/// Cash out under a new request id.
pub fn cash_out(account: &str, amount_minor: i64) -> pb::WithdrawCashRequest {
    pb::WithdrawCashRequest {
        request_id: request_id(),
        account_number: account.into(),
        amount: Some(cny(amount_minor)),
    }
}

/// A hold under a new request id.
pub fn hold(account: &str, amount_minor: i64) -> pb::PlaceHoldRequest {
    pb::PlaceHoldRequest {
        request_id: request_id(),
        account_number: account.into(),
        amount: Some(cny(amount_minor)),
        expires_at: None,
        reason: pb::HoldReason::Unspecified.into(),
    }
}

/// A closing under a new request id.
pub fn close(account: &str) -> pb::CloseAccountRequest {
    pb::CloseAccountRequest { request_id: request_id(), account_number: account.into() }
}

/// That the bank said no, for this reason.
#[track_caller]
pub fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Status>, why: &str) {
    let status = answer.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, why));
}

/// The reason in an answer.
pub fn reason(status: &Status) -> String {
    let info = status.get_details_error_info();
    info.map(|info| info.reason).unwrap_or_default()
}
