//! Outcomes and rows as answers.

use chrono::{DateTime, Utc};
use kernel::{AccountNumber, Currency};
use platform::db::AsOf;
use proto::common::v1 as common;
use proto::deposit::v1 as pb;

use crate::domain::{Account, AccountStatus, Kind, Outcome};
use crate::store::read::{AccountRow, EntryRow};

pub fn money(amount_minor: i64, currency: Currency) -> common::Money {
    common::Money { currency_code: currency.code().to_owned(), amount_minor }
}

pub fn posting(outcome: &Outcome) -> pb::Posting {
    let number = |number: Option<AccountNumber>| number.map(|n| n.to_string()).unwrap_or_default();
    pb::Posting {
        posting_id: outcome.request_id.to_string(),
        kind: kind(outcome.kind).into(),
        business_date: outcome.business_date.to_string(),
        decided_at: Some(timestamp(outcome.decided_at)),
        debit_account_number: number(outcome.debit_account),
        credit_account_number: number(outcome.credit_account),
        amount: (outcome.amount_minor > 0).then(|| money(outcome.amount_minor, outcome.currency)),
    }
}

pub fn account(row: &AccountRow) -> pb::Account {
    let account = &row.account;
    pb::Account {
        account_number: account.number.to_string(),
        customer_id: account.customer_id.to_string(),
        product_code: account.product.code.to_owned(),
        status: status(account.status).into(),
        balance: Some(money(account.balance_minor, account.currency)),
        held: Some(money(account.held_minor, account.currency)),
        available: Some(money(account.available_minor(), account.currency)),
        last_sequence: account.last_sequence,
        opened_at: Some(timestamp(row.opened_at)),
    }
}

pub fn balance(account: &Account, as_of: common::AsOf) -> pb::GetBalanceResponse {
    pb::GetBalanceResponse {
        balance: Some(money(account.balance_minor, account.currency)),
        held: Some(money(account.held_minor, account.currency)),
        available: Some(money(account.available_minor(), account.currency)),
        last_sequence: account.last_sequence,
        as_of: Some(as_of),
    }
}

pub fn entry(row: &EntryRow) -> pb::Entry {
    pb::Entry {
        sequence: row.sequence,
        posting_id: row.posting.to_string(),
        kind: kind(row.kind).into(),
        amount: Some(money(row.amount_minor, row.currency)),
        balance_after: Some(money(row.balance_after_minor, row.currency)),
        business_date: row.business_date.to_string(),
        decided_at: Some(timestamp(row.decided_at)),
        counterparty_account_number: row.counterparty.map(|n| n.to_string()).unwrap_or_default(),
    }
}

pub fn as_of(as_of: &AsOf, now: DateTime<Utc>) -> common::AsOf {
    common::AsOf {
        read_token: as_of.token.to_string(),
        from_replica: as_of.from_replica,
        read_at: Some(timestamp(now)),
    }
}

fn timestamp(at: DateTime<Utc>) -> prost_types::Timestamp {
    let nanos = i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(0);
    prost_types::Timestamp { seconds: at.timestamp(), nanos }
}

fn status(status: AccountStatus) -> pb::AccountStatus {
    match status {
        AccountStatus::Active => pb::AccountStatus::Active,
        AccountStatus::DebitFrozen => pb::AccountStatus::DebitFrozen,
        AccountStatus::Frozen => pb::AccountStatus::Frozen,
        AccountStatus::Closed => pb::AccountStatus::Closed,
    }
}

fn kind(kind: Kind) -> pb::PostingKind {
    match kind {
        Kind::CashDeposit => pb::PostingKind::CashDeposit,
        Kind::CashWithdrawal => pb::PostingKind::CashWithdrawal,
        Kind::Transfer => pb::PostingKind::Transfer,
        Kind::HoldPlaced => pb::PostingKind::HoldPlaced,
        Kind::HoldCaptured => pb::PostingKind::HoldCaptured,
        Kind::HoldReleased => pb::PostingKind::HoldReleased,
        Kind::Reversal => pb::PostingKind::Reversal,
        Kind::AccountOpened => pb::PostingKind::AccountOpened,
        Kind::AccountFrozen => pb::PostingKind::AccountFrozen,
        Kind::AccountUnfrozen => pb::PostingKind::AccountUnfrozen,
        Kind::AccountClosed => pb::PostingKind::AccountClosed,
        Kind::OwnerClosed => pb::PostingKind::OwnerClosed,
        Kind::LoanSettlement => pb::PostingKind::LoanSettlement,
        Kind::LoanCollection => pb::PostingKind::LoanCollection,
        Kind::CardDebit => pb::PostingKind::CardDebit,
        Kind::CardCredit => pb::PostingKind::CardCredit,
        // Never posted, so never answered as a posting.
        Kind::Fenced => pb::PostingKind::Unspecified,
    }
}
