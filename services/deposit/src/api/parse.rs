//! Requests as commands. Everything that is wrong with a request is found and named at once.

use chrono::{DateTime, TimeDelta, Utc};
use kernel::{
    AccountNumber, BusinessDate, Currency, CustomerId, HoldId, Money, PositiveMoney, RequestId,
    RequestIdError, RequestWindow,
};
use platform::db::{Freshness, ReadToken};
use platform::fields::{Fields, Violations};
use proto::common::v1 as common;
use proto::deposit::v1 as pb;
use uuid::Uuid;

use crate::commands::{
    Action, CaptureHold, CloseAccount, CloseOwner, CollectFromAccount, Command, CreditCardPayment,
    DebitCardPayment, DepositCash, FreezeAccount, FreezeScope, OpenAccount, PlaceHold, ReleaseHold,
    ReversePosting, SettleToAccount, Standing, Transfer, UnfreezeAccount, WithdrawCash,
};
use crate::domain::{Asker, HoldReason};

/// How long a hold lasts when its request does not say.
const HOLD_DEFAULT: TimeDelta = TimeDelta::days(30);
/// How long a hold may last.
const HOLD_MAX: TimeDelta = TimeDelta::days(400);

fn account(fields: &mut Fields, field: &str, text: &str) -> Option<AccountNumber> {
    fields.read(field, AccountNumber::parse(text))
}

fn amount(fields: &mut Fields, money: Option<&common::Money>) -> Option<PositiveMoney> {
    let Some(money) = money else { return fields.reject("amount", "an amount is required") };
    let currency = fields.read("amount.currency_code", Currency::parse(&money.currency_code))?;
    let money = PositiveMoney::try_new(Money::new(money.amount_minor, currency));
    fields.read("amount.amount_minor", money)
}

fn command<M: prost::Message>(
    mut fields: Fields,
    request_id: &str,
    message: &M,
    action: impl FnOnce(&mut Fields) -> Option<Action>,
) -> Result<Command, Violations> {
    let request_id = fields.request_id(request_id);
    let action = action(&mut fields);
    let command = request_id.zip(action).map(|(request_id, action)| Command {
        request_id,
        fingerprint: platform::fingerprint::of(std::any::type_name::<M>(), message),
        asker: Asker::Bank,
        caller: None,
        action,
    });
    fields.done(command)
}

/// `standing` is what the customer service said of the owner.
pub fn open_account(
    fields: Fields,
    m: &pb::OpenAccountRequest,
    standing: Standing,
) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let customer_id = fields.read("customer_id", CustomerId::parse(&m.customer_id));
        let currency = fields.read("currency_code", Currency::parse(&m.currency_code));
        if m.product_code.is_empty() {
            fields.wrong("product_code", "a product is required");
        }
        if m.opening_deposit_minor < 0 {
            fields.wrong("opening_deposit_minor", "must not be negative");
        }
        Some(Action::OpenAccount(OpenAccount {
            customer_id: customer_id?,
            standing,
            product_code: m.product_code.clone(),
            currency: currency?,
            opening_deposit_minor: m.opening_deposit_minor,
        }))
    })
}

pub fn deposit_cash(fields: Fields, m: &pb::DepositCashRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let account = account(fields, "account_number", &m.account_number);
        let amount = amount(fields, m.amount.as_ref());
        Some(Action::DepositCash(DepositCash { account: account?, amount: amount? }))
    })
}

pub fn withdraw_cash(fields: Fields, m: &pb::WithdrawCashRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let account = account(fields, "account_number", &m.account_number);
        let amount = amount(fields, m.amount.as_ref());
        Some(Action::WithdrawCash(WithdrawCash { account: account?, amount: amount? }))
    })
}

pub fn transfer(fields: Fields, m: &pb::TransferRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let debit = account(fields, "debit_account_number", &m.debit_account_number);
        let credit = account(fields, "credit_account_number", &m.credit_account_number);
        let amount = amount(fields, m.amount.as_ref());
        if debit.is_some() && debit == credit {
            fields.wrong("credit_account_number", "must differ from debit_account_number");
        }
        Some(Action::Transfer(Transfer { debit: debit?, credit: credit?, amount: amount? }))
    })
}

pub fn place_hold(fields: Fields, m: &pb::PlaceHoldRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let account = account(fields, "account_number", &m.account_number);
        let amount = amount(fields, m.amount.as_ref());
        let expires_at = expiry(fields, m.expires_at.as_ref(), &m.request_id);
        let reason = match pb::HoldReason::try_from(m.reason) {
            Ok(pb::HoldReason::Unspecified | pb::HoldReason::General) => Some(HoldReason::General),
            Ok(pb::HoldReason::Card) => Some(HoldReason::Card),
            Err(_) => fields.reject("reason", "no reason that is known"),
        };
        Some(Action::PlaceHold(PlaceHold {
            account: account?,
            amount: amount?,
            expires_at: expires_at?,
            reason: reason?,
        }))
    })
}

/// The default counts from when the request was made, so that a repeated request gets the same hold.
fn expiry(
    fields: &mut Fields,
    given: Option<&prost_types::Timestamp>,
    request_id: &str,
) -> Option<DateTime<Utc>> {
    let Some(given) = given else {
        let made_at = RequestId::parse(request_id).ok()?.made_at();
        return made_at.checked_add_signed(HOLD_DEFAULT);
    };
    let nanos = u32::try_from(given.nanos).ok();
    let at = nanos.and_then(|nanos| DateTime::from_timestamp(given.seconds, nanos));
    let latest = fields.now().checked_add_signed(HOLD_MAX)?;
    match at {
        Some(at) if at > fields.now() && at <= latest => Some(at),
        _ => {
            fields.wrong("expires_at", "must be in the future and at most 400 days ahead");
            None
        }
    }
}

pub fn capture_hold(fields: Fields, m: &pb::CaptureHoldRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let hold_id = fields.read("hold_id", HoldId::parse(&m.hold_id));
        let amount = amount(fields, m.amount.as_ref());
        let named = !m.credit_account_number.is_empty();
        let credit = named
            .then(|| account(fields, "credit_account_number", &m.credit_account_number))
            .flatten();
        Some(Action::CaptureHold(CaptureHold {
            hold_id: hold_id?,
            amount: amount?,
            credit,
            release_remainder: m.release_remainder,
        }))
    })
}

pub fn release_hold(fields: Fields, m: &pb::ReleaseHoldRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let hold_id = fields.read("hold_id", HoldId::parse(&m.hold_id))?;
        if m.fence_unknown {
            may_be_fenced(fields, &m.hold_id);
        }
        Some(Action::ReleaseHold(ReleaseHold { hold_id, fence_unknown: m.fence_unknown }))
    })
}

/// There is a place for the fence of what may still arrive. What is too old to arrive needs none; what is too new would
/// arrive later, and find no fence.
fn may_be_fenced(fields: &mut Fields, hold_id: &str) {
    let checked = RequestId::parse(hold_id)
        .and_then(|placing| RequestWindow::default().check(placing, fields.now()));
    if let Err(wrong) = checked
        && !matches!(wrong, RequestIdError::TooOld { .. })
    {
        fields.wrong("hold_id", wrong.to_string());
    }
}

pub fn reverse_posting(
    fields: Fields,
    m: &pb::ReversePostingRequest,
) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        // Outside the window the original cannot arrive any more, and there is no place for its fence.
        let posting = fields.id_in_window("posting_id", &m.posting_id)?;
        if m.posting_id.eq_ignore_ascii_case(&m.request_id) {
            fields.wrong("posting_id", "must differ from request_id");
        }
        Some(Action::ReversePosting(ReversePosting { posting }))
    })
}

pub fn freeze_account(fields: Fields, m: &pb::FreezeAccountRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let account = account(fields, "account_number", &m.account_number);
        let scope = match m.scope() {
            pb::FreezeScope::Debits => Some(FreezeScope::Debits),
            pb::FreezeScope::All => Some(FreezeScope::All),
            pb::FreezeScope::Unspecified => {
                fields.wrong("scope", "a scope is required");
                None
            }
        };
        Some(Action::FreezeAccount(FreezeAccount { account: account?, scope: scope? }))
    })
}

pub fn unfreeze_account(
    fields: Fields,
    m: &pb::UnfreezeAccountRequest,
) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let account = account(fields, "account_number", &m.account_number)?;
        Some(Action::UnfreezeAccount(UnfreezeAccount { account }))
    })
}

pub fn close_account(fields: Fields, m: &pb::CloseAccountRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let account = account(fields, "account_number", &m.account_number)?;
        Some(Action::CloseAccount(CloseAccount { account }))
    })
}

pub fn close_owner(fields: Fields, m: &pb::CloseOwnerRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let customer_id = fields.read("customer_id", CustomerId::parse(&m.customer_id))?;
        Some(Action::CloseOwner(CloseOwner { customer_id }))
    })
}

pub fn settle_to_account(
    fields: Fields,
    m: &pb::SettleToAccountRequest,
) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let account = account(fields, "account_number", &m.account_number);
        let amount = amount(fields, m.amount.as_ref());
        let customer_id = fields.read("customer_id", CustomerId::parse(&m.customer_id));
        Some(Action::SettleToAccount(SettleToAccount {
            account: account?,
            amount: amount?,
            customer_id: customer_id?,
        }))
    })
}

pub fn collect_from_account(
    fields: Fields,
    m: &pb::CollectFromAccountRequest,
) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let account = account(fields, "account_number", &m.account_number);
        let amount = amount(fields, m.amount.as_ref());
        let customer_id = fields.read("customer_id", CustomerId::parse(&m.customer_id));
        Some(Action::CollectFromAccount(CollectFromAccount {
            account: account?,
            amount: amount?,
            customer_id: customer_id?,
            allow_partial: m.allow_partial,
        }))
    })
}

pub fn debit_card_payment(
    fields: Fields,
    m: &pb::DebitCardPaymentRequest,
) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let account = account(fields, "account_number", &m.account_number);
        let amount = amount(fields, m.amount.as_ref());
        let customer_id = fields.read("customer_id", CustomerId::parse(&m.customer_id));
        let hold_id = if m.hold_id.is_empty() {
            Some(None)
        } else {
            fields.read("hold_id", HoldId::parse(&m.hold_id)).map(Some)
        };
        Some(Action::DebitCardPayment(DebitCardPayment {
            account: account?,
            amount: amount?,
            customer_id: customer_id?,
            hold_id: hold_id?,
            keep_remainder: m.keep_remainder,
            allow_partial: m.allow_partial,
        }))
    })
}

pub fn credit_card_payment(
    fields: Fields,
    m: &pb::CreditCardPaymentRequest,
) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let account = account(fields, "account_number", &m.account_number);
        let amount = amount(fields, m.amount.as_ref());
        let customer_id = fields.read("customer_id", CustomerId::parse(&m.customer_id));
        Some(Action::CreditCardPayment(CreditCardPayment {
            account: account?,
            amount: amount?,
            customer_id: customer_id?,
        }))
    })
}

/// Which holds to list: for one reason, with ids between two others, neither of them included.
pub struct HoldQuery {
    /// Why they were placed.
    pub reason: HoldReason,
    /// The last of the page before, or below the first id of the period.
    pub after: HoldId,
    /// The first id after the period.
    pub before: HoldId,
    /// At most this many.
    pub size: i64,
    /// How fresh.
    pub freshness: Freshness,
}

/// Which holds to list, and which page of them.
pub fn list_holds(mut fields: Fields, m: &pb::ListHoldsRequest) -> Result<HoldQuery, Violations> {
    let reason = match m.reason() {
        pb::HoldReason::General => Some(HoldReason::General),
        pb::HoldReason::Card => Some(HoldReason::Card),
        pb::HoldReason::Unspecified => fields.reject("reason", "a reason is required"),
    };
    let from = first_id(&mut fields, "made_from", m.made_from.as_ref());
    let before = first_id(&mut fields, "made_before", m.made_before.as_ref());
    if from.zip(before).is_some_and(|(from, before)| before <= from) {
        fields.wrong("made_before", "must be later than made_from");
    }
    let after = if m.page_token.is_empty() {
        from
    } else {
        fields.read("page_token", HoldId::parse(&m.page_token).map_err(|_| "not a page token"))
    };
    let size = page_size(&mut fields, m.page_size, (1_000, 5_000));
    let freshness = freshness(&mut fields, m.consistency.as_ref());
    let query = || {
        Some(HoldQuery {
            reason: reason?,
            after: after?,
            before: before?,
            size: size?,
            freshness: freshness?,
        })
    };
    let query = query();
    fields.done(query)
}

/// The smallest UUID of an instant, to the millisecond. It is no id itself, having no version.
fn first_id(
    fields: &mut Fields,
    field: &str,
    at: Option<&prost_types::Timestamp>,
) -> Option<HoldId> {
    let Some(at) = at else { return fields.reject(field, "an instant is required") };
    let nanos = u32::try_from(at.nanos).ok();
    let at = nanos.and_then(|nanos| DateTime::from_timestamp(at.seconds, nanos));
    let millis = at.and_then(|at| u128::try_from(at.timestamp_millis()).ok());
    match millis.filter(|millis| *millis < 1 << 48) {
        Some(millis) => Some(HoldId::from_uuid(Uuid::from_u128(millis << 80))),
        None => fields.reject(field, "must be an instant after 1970 that fits an id"),
    }
}

/// Which account to read, and how fresh.
pub fn account_query(
    mut fields: Fields,
    account_number: &str,
    consistency: Option<&common::ReadConsistency>,
) -> Result<(AccountNumber, Freshness), Violations> {
    let account = account(&mut fields, "account_number", account_number);
    let freshness = freshness(&mut fields, consistency);
    fields.done(account.zip(freshness))
}

/// A page of something that is keyed by a number.
pub struct Page {
    /// At most this many.
    pub size: i64,
    /// The last key of the page before; `None` on the first page.
    pub after: Option<i64>,
    /// How fresh.
    pub freshness: Freshness,
}

/// Which account's statement to read, and which page of it.
pub fn list_entries(
    mut fields: Fields,
    m: &pb::ListEntriesRequest,
) -> Result<(AccountNumber, Page), Violations> {
    let account = account(&mut fields, "account_number", &m.account_number);
    let page = page(&mut fields, (m.page_size, 500), &m.page_token, m.consistency.as_ref());
    fields.done(account.zip(page))
}

/// Whose accounts to list, and which page of them.
pub fn list_accounts(
    mut fields: Fields,
    m: &pb::ListAccountsRequest,
) -> Result<(CustomerId, Page), Violations> {
    let customer_id = fields.read("customer_id", CustomerId::parse(&m.customer_id));
    let page = page(&mut fields, (m.page_size, 200), &m.page_token, m.consistency.as_ref());
    fields.done(customer_id.zip(page))
}

/// Which business date to total.
pub fn day_totals(
    mut fields: Fields,
    m: &pb::GetDayTotalsRequest,
) -> Result<BusinessDate, Violations> {
    let date = fields.read("business_date", BusinessDate::parse(&m.business_date));
    fields.done(date)
}

fn page(
    fields: &mut Fields,
    (size, size_max): (i32, i32),
    token: &str,
    consistency: Option<&common::ReadConsistency>,
) -> Option<Page> {
    let size = page_size(fields, size, (50, size_max));
    let after = if token.is_empty() {
        Some(None)
    } else {
        fields.read("page_token", token.parse().map_err(|_| "not a page token")).map(Some)
    };
    let freshness = freshness(fields, consistency);
    Some(Page { size: size?, after: after?, freshness: freshness? })
}

fn page_size(fields: &mut Fields, size: i32, (usual, max): (i32, i32)) -> Option<i64> {
    match size {
        0 => Some(i64::from(usual)),
        size if (1..=max).contains(&size) => Some(i64::from(size)),
        _ => fields.reject("page_size", format!("must be 1 to {max}")),
    }
}

/// A token of another service says nothing about this service's database: then only the primary is surely fresh.
fn freshness(
    fields: &mut Fields,
    consistency: Option<&common::ReadConsistency>,
) -> Option<Freshness> {
    use common::read_consistency::Freshness as Asked;
    match consistency.and_then(|consistency| consistency.freshness.as_ref()) {
        None | Some(Asked::Primary(false)) => Some(Freshness::Any),
        Some(Asked::Primary(true)) => Some(Freshness::Primary),
        Some(Asked::AtLeast(token)) => {
            let token = fields.read("consistency.at_least", ReadToken::parse(token))?;
            let ours = token.service == crate::SERVICE;
            Some(if ours { Freshness::AtLeast(token) } else { Freshness::Primary })
        }
    }
}
