//! Requests as commands. Everything that is wrong with a request is found and named at once.

use kernel::{
    AccountNumber, BusinessDate, CellCode, Currency, CustomerId, LoanId, Money, PositiveMoney,
    RequestId,
};
use platform::approvals::Verdict;
use platform::db::{Freshness, ReadToken};
use platform::fields::{Fields, Violations};
use proto::common::v1 as common;
use proto::loan::v1 as pb;
use uuid::Uuid;

use crate::commands::{
    Action, Apply, Classify, Command, DecideLoan, DecideWriteOff, Disburse, Prepay,
    ProposeWriteOff, QuotePrepayment, Repay, RunEndOfDay,
};
use crate::domain::{Asker, Category, PrepaymentKind, Terms};

const REASON_MAX: usize = 500;

fn account(fields: &mut Fields, field: &str, text: &str) -> Option<AccountNumber> {
    fields.read(field, AccountNumber::parse(text))
}

/// An account that may be left out: then it is that of the loan's terms. One that does not read is a violation.
fn other_account(fields: &mut Fields, text: &str) -> Option<AccountNumber> {
    if text.is_empty() { None } else { account(fields, "account_number", text) }
}

fn amount(
    fields: &mut Fields,
    field: &str,
    money: Option<&common::Money>,
) -> Option<PositiveMoney> {
    let Some(money) = money else { return fields.reject(field, "an amount is required") };
    let currency = Currency::parse(&money.currency_code);
    let currency = fields.read(&format!("{field}.currency_code"), currency)?;
    let money = PositiveMoney::try_new(Money::new(money.amount_minor, currency));
    fields.read(&format!("{field}.amount_minor"), money)
}

/// An amount that may be left out. One that does not read is a violation.
fn optional_amount(
    fields: &mut Fields,
    field: &str,
    money: Option<&common::Money>,
) -> Option<PositiveMoney> {
    money.and_then(|money| amount(fields, field, Some(money)))
}

fn loan_id(fields: &mut Fields, text: &str) -> Option<LoanId> {
    fields.read("loan_id", LoanId::parse(text))
}

fn date(fields: &mut Fields, field: &str, text: &str) -> Option<BusinessDate> {
    fields.read(field, BusinessDate::parse(text))
}

/// A date that may be left out. One that does not read is a violation.
fn optional_date(fields: &mut Fields, field: &str, text: &str) -> Option<BusinessDate> {
    if text.is_empty() { None } else { date(fields, field, text) }
}

fn reason(fields: &mut Fields, text: &str) -> Option<String> {
    if text.trim().is_empty() || text.chars().count() > REASON_MAX {
        return fields.reject("reason", format!("must hold 1 to {REASON_MAX} characters"));
    }
    if text.chars().any(char::is_control) {
        return fields.reject("reason", "must hold no control characters");
    }
    Some(text.to_owned())
}

fn hash(fields: &mut Fields, field: &str, bytes: &[u8]) -> Option<[u8; 32]> {
    fields.read(field, <[u8; 32]>::try_from(bytes).map_err(|_| "must hold 32 bytes"))
}

fn product_code(fields: &mut Fields, text: &str) -> Option<String> {
    if text.is_empty() {
        return fields.reject("product_code", "a product is required");
    }
    Some(text.to_owned())
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
        movement_id: request_id,
        asker: Asker::Bank,
        caller: None,
        action,
    });
    fields.done(command)
}

/// The terms, without the account.
struct Wanted {
    amount: PositiveMoney,
    term_months: u32,
    due_day: u32,
}

impl Wanted {
    fn with(self, account: AccountNumber) -> Terms {
        Terms {
            amount_minor: self.amount.minor(),
            currency: self.amount.currency(),
            term_months: self.term_months,
            due_day: self.due_day,
            account,
        }
    }
}

fn wanted(fields: &mut Fields, terms: &pb::LoanTerms) -> Option<Wanted> {
    let amount = amount(fields, "terms.amount", terms.amount.as_ref());
    let term_months = u32::try_from(terms.term_months).ok().filter(|months| *months > 0);
    if term_months.is_none() {
        fields.wrong("terms.term_months", "must be at least 1");
    }
    let due_day = u32::try_from(terms.due_day).ok().filter(|day| (1..=31).contains(day));
    if due_day.is_none() {
        fields.wrong("terms.due_day", "must be 1 to 31");
    }
    Some(Wanted { amount: amount?, term_months: term_months?, due_day: due_day? })
}

pub fn apply(fields: Fields, m: &pb::ApplyForLoanRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let customer_id = fields.read("customer_id", CustomerId::parse(&m.customer_id));
        let product_code = product_code(fields, &m.product_code);
        let Some(given) = &m.terms else { return fields.reject("terms", "terms are required") };
        let wanted = wanted(fields, given);
        let account = account(fields, "terms.account_number", &given.account_number);
        Some(Action::Apply(Apply {
            customer_id: customer_id?,
            product_code: product_code?,
            product: None,
            terms: wanted?.with(account?),
            known: None,
        }))
    })
}

pub fn decide(fields: Fields, m: &pb::DecideLoanRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let loan_id = loan_id(fields, &m.loan_id);
        let application_hash = hash(fields, "application_hash", &m.application_hash);
        let reason = reason(fields, &m.reason);
        Some(Action::Decide(DecideLoan {
            loan_id: loan_id?,
            approve: m.approve,
            application_hash: application_hash?,
            reason: reason?,
        }))
    })
}

pub fn disburse(fields: Fields, m: &pb::DisburseLoanRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let loan_id = loan_id(fields, &m.loan_id);
        let amount = optional_amount(fields, "amount", m.amount.as_ref());
        Some(Action::Disburse(Disburse { loan_id: loan_id?, amount }))
    })
}

pub fn repay(fields: Fields, m: &pb::RepayLoanRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let loan_id = loan_id(fields, &m.loan_id);
        let amount = amount(fields, "amount", m.amount.as_ref());
        let account = other_account(fields, &m.account_number);
        Some(Action::Repay(Repay { loan_id: loan_id?, amount: amount?, account }))
    })
}

pub fn quote(fields: Fields, m: &pb::QuotePrepaymentRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let loan_id = loan_id(fields, &m.loan_id);
        let kind = match m.kind() {
            pb::PrepaymentKind::Full => Some(PrepaymentKind::Full),
            pb::PrepaymentKind::ShortenTerm => Some(PrepaymentKind::ShortenTerm),
            pb::PrepaymentKind::ReduceInstalment => Some(PrepaymentKind::ReduceInstalment),
            pb::PrepaymentKind::Unspecified => fields.reject("kind", "a kind is required"),
        };
        let principal = optional_amount(fields, "principal", m.principal.as_ref());
        let whole = kind == Some(PrepaymentKind::Full);
        if whole && m.principal.is_some() {
            fields.wrong("principal", "must be absent where all is paid back");
        } else if kind.is_some() && !whole && m.principal.is_none() {
            fields.wrong("principal", "an amount is required");
        }
        let valid_through = optional_date(fields, "valid_through", &m.valid_through);
        Some(Action::Quote(QuotePrepayment {
            loan_id: loan_id?,
            kind: kind?,
            principal,
            valid_through,
        }))
    })
}

pub fn prepay(fields: Fields, m: &pb::PrepayLoanRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let quote_id = fields.read("quote_id", RequestId::parse(&m.quote_id));
        let account = other_account(fields, &m.account_number);
        Some(Action::Prepay(Prepay { quote_id: quote_id?.as_uuid(), account }))
    })
}

pub fn classify(fields: Fields, m: &pb::ClassifyLoanRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let loan_id = loan_id(fields, &m.loan_id);
        let category = match m.category() {
            pb::LoanCategory::Normal => Some(Category::Normal),
            pb::LoanCategory::SpecialMention => Some(Category::SpecialMention),
            pb::LoanCategory::Substandard => Some(Category::Substandard),
            pb::LoanCategory::Doubtful => Some(Category::Doubtful),
            pb::LoanCategory::Loss => Some(Category::Loss),
            pb::LoanCategory::Unspecified => fields.reject("category", "a category is required"),
        };
        let reason = reason(fields, &m.reason);
        Some(Action::Classify(Classify { loan_id: loan_id?, category: category?, reason: reason? }))
    })
}

pub fn propose_write_off(
    fields: Fields,
    m: &pb::ProposeWriteOffRequest,
) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let loan_id = loan_id(fields, &m.loan_id);
        let reason = reason(fields, &m.reason);
        Some(Action::ProposeWriteOff(ProposeWriteOff { loan_id: loan_id?, reason: reason? }))
    })
}

pub fn decide_write_off(
    fields: Fields,
    m: &pb::DecideWriteOffRequest,
) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let proposal_id = fields.read("proposal_id", RequestId::parse(&m.proposal_id));
        let payload_hash = hash(fields, "payload_hash", &m.payload_hash);
        let verdict = if m.approve { Verdict::Approve } else { Verdict::Reject };
        Some(Action::DecideWriteOff(DecideWriteOff {
            proposal_id: proposal_id?.as_uuid(),
            payload_hash: payload_hash?,
            verdict,
            loan_id: None,
        }))
    })
}

pub fn run_end_of_day(fields: Fields, m: &pb::RunEndOfDayRequest) -> Result<Command, Violations> {
    command(fields, &m.request_id, m, |fields| {
        let date = date(fields, "business_date", &m.business_date)?;
        Some(Action::RunEndOfDay(RunEndOfDay { date }))
    })
}

/// Which date a report is about.
pub fn business_date(mut fields: Fields, text: &str) -> Result<BusinessDate, Violations> {
    let date = date(&mut fields, "business_date", text);
    fields.done(date)
}

/// A loan that might be: product, terms, and the day of payment if it is given.
pub struct Preview {
    /// The product.
    pub product_code: String,
    /// The terms. Their account is nobody's.
    pub terms: Terms,
    /// The day of payment; `None` is the current business date.
    pub disbursed_on: Option<BusinessDate>,
}

pub fn preview(mut fields: Fields, m: &pb::PreviewScheduleRequest) -> Result<Preview, Violations> {
    let product_code = product_code(&mut fields, &m.product_code);
    let disbursed_on = optional_date(&mut fields, "disbursed_on", &m.disbursed_on);
    let wanted = match &m.terms {
        Some(terms) => wanted(&mut fields, terms),
        None => fields.reject("terms", "terms are required"),
    };
    let preview = |(product_code, wanted): (String, Wanted)| {
        let nobodys = CellCode::try_new(100).ok()?;
        let account = AccountNumber::from_parts(nobodys, 1).ok()?;
        Some(Preview { product_code, terms: wanted.with(account), disbursed_on })
    };
    let read = product_code.zip(wanted).and_then(preview);
    fields.done(read)
}

/// Which loan to read, and how fresh.
pub fn loan_query(
    mut fields: Fields,
    id: &str,
    consistency: Option<&common::ReadConsistency>,
) -> Result<(LoanId, Freshness), Violations> {
    let id = loan_id(&mut fields, id);
    let freshness = freshness(&mut fields, consistency);
    fields.done(id.zip(freshness))
}

/// A page of something that is keyed by `K`.
pub struct Page<K> {
    /// At most this many.
    pub size: i64,
    /// The last key of the page before; `None` on the first page.
    pub after: Option<K>,
    /// How fresh.
    pub freshness: Freshness,
}

/// Which loan's history to read, and which page of it.
pub fn list_entries(
    mut fields: Fields,
    m: &pb::ListLoanEntriesRequest,
) -> Result<(LoanId, Page<i64>), Violations> {
    let id = loan_id(&mut fields, &m.loan_id);
    let page = page(&mut fields, m.page_size, &m.page_token, m.consistency.as_ref());
    fields.done(id.zip(page))
}

/// Whose loans to list, and which page of them.
pub fn list_loans(
    mut fields: Fields,
    m: &pb::ListLoansRequest,
) -> Result<(CustomerId, Page<Uuid>), Violations> {
    let customer_id = fields.read("customer_id", CustomerId::parse(&m.customer_id));
    let page = page(&mut fields, m.page_size, &m.page_token, m.consistency.as_ref());
    fields.done(customer_id.zip(page))
}

fn page<K: std::str::FromStr>(
    fields: &mut Fields,
    size: i32,
    token: &str,
    consistency: Option<&common::ReadConsistency>,
) -> Option<Page<K>> {
    let size = match size {
        0 => Some(50),
        size if (1..=500).contains(&size) => Some(i64::from(size)),
        _ => fields.reject("page_size", "must be 1 to 500"),
    };
    let after = if token.is_empty() {
        Some(None)
    } else {
        fields.read("page_token", token.parse().map_err(|_| "not a page token")).map(Some)
    };
    let freshness = freshness(fields, consistency);
    Some(Page { size: size?, after: after?, freshness: freshness? })
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
