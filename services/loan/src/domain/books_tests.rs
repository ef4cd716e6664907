//! What a batch sees of the books, and what it leaves to be written.

use chrono::DateTime;
use kernel::{BusinessDate, CustomerId, RequestId};
use uuid::Uuid;

use super::samples::{self, date, paid_out, terms};
use super::{
    Asker, Books, Effects, Loan, Movement, MovementKind, MovementStatus, PrepaymentKind, Rejection,
};

const OWNER: Asker = Asker::Customer(CustomerId::from_uuid(Uuid::from_u128(2)));
const SOMEBODY: Asker = Asker::Customer(CustomerId::from_uuid(Uuid::from_u128(3)));

fn loan() -> Loan {
    paid_out(samples::product(), terms(1_200_000, 12, 20), "2026-01-20").0
}

fn books(today: &str) -> Books {
    let mut books = Books::new(BusinessDate::from_date(date(today)), DateTime::UNIX_EPOCH);
    books.load_loan(loan());
    books
}

fn request(number: u128) -> RequestId {
    let id = Uuid::from_u128(0x0195_08f0_4a3b_7c5d_8e6f_0000_0000_0000 | number);
    RequestId::parse(&id.to_string()).unwrap()
}

fn movement(status: MovementStatus) -> Movement {
    let loan = loan();
    Movement {
        id: request(1),
        request_id: request(2),
        fingerprint: 0,
        loan_id: loan.id,
        customer_id: loan.customer_id,
        account: loan.terms.account,
        kind: MovementKind::Repayment,
        amount_minor: 1,
        moved_minor: 0,
        currency: loan.terms.currency,
        quote_id: None,
        status,
        business_date: BusinessDate::from_date(date("2026-01-20")),
        value_date: date("2026-01-20"),
        accepted_at: DateTime::UNIX_EPOCH,
        ended_at: None,
    }
}

#[test]
fn a_loan_of_somebody_else_is_one_that_does_not_exist() {
    let mut books = books("2026-01-20");
    let loan = loan();
    let quote = loan.quote(PrepaymentKind::Full, 0, date("2026-01-20")).unwrap();
    books.load_quote(Uuid::from_u128(9), loan.id, quote);

    assert_eq!(books.own_loan(loan.id, OWNER), Ok(&loan));
    assert_eq!(books.own_quote(Uuid::from_u128(9), OWNER), Ok((loan.id, quote)));
    assert_eq!(books.own_loan(loan.id, SOMEBODY), Err(Rejection::LoanUnknown));
    assert_eq!(books.ready_loan(loan.id, SOMEBODY), Err(Rejection::LoanUnknown));
    let quoted = books.own_quote(Uuid::from_u128(9), SOMEBODY);
    assert_eq!(quoted, Err(Rejection::QuoteUnknown));
}

#[test]
fn a_loan_is_calculated_through_yesterday_before_anything_is_decided_on_it() {
    let mut books = books("2026-02-25");
    let id = loan().id;

    let ready = books.ready_loan(id, OWNER).unwrap();

    assert_eq!((ready.opening_on(), ready.days_overdue), (Some(date("2026-02-25")), 5));
    let changes = books.into_changes();
    assert_eq!(changes.effects.len(), 1);
    assert_eq!(changes.effects[0].request_id, None);
    assert_eq!(changes.loans.len(), 1);
    // Only the instalment that is late has changed.
    assert_eq!(changes.loans[0].instalments.len(), 1);
    assert_eq!(changes.loans[0].last_number, 12);
}

#[test]
fn a_loan_whose_money_is_on_its_way_is_left_alone() {
    let mut books = books("2026-02-25");
    let id = loan().id;
    books.load_movement(movement(MovementStatus::Pending));

    assert_eq!(books.ready_loan(id, OWNER), Err(Rejection::LoanBusy));
    assert_eq!(books.own_loan(id, OWNER), Ok(&loan()));

    books.put_movement(movement(MovementStatus::Refused(Rejection::InsufficientFunds)));
    assert!(books.ready_loan(id, OWNER).is_ok());
    assert_eq!(books.into_changes().ended.len(), 1);
}

#[test]
fn a_movement_of_this_batch_is_written_once_as_it_ended() {
    let mut books = books("2026-01-20");
    books.put_movement(movement(MovementStatus::Pending));
    assert_eq!(books.movement_of(request(2)), books.movement(request(1)));
    books.put_movement(movement(MovementStatus::Refused(Rejection::InsufficientFunds)));

    let changes = books.into_changes();

    assert!(changes.ended.is_empty());
    let refused = MovementStatus::Refused(Rejection::InsufficientFunds);
    assert_eq!(changes.accepted, [movement(refused)]);
}

#[test]
fn a_shorter_schedule_says_where_it_ends() {
    let mut books = books("2026-01-20");
    let mut loan = loan();
    let quote = loan.quote(PrepaymentKind::ShortenTerm, 600_000, date("2026-01-20")).unwrap();
    let effects = loan.prepay(&quote).unwrap();
    books.put_loan(loan, effects, Some(request(2)), Some(Uuid::nil()));

    let changes = books.into_changes();

    assert_eq!(changes.loans[0].last_number, 6);
    assert_eq!(changes.effects[0].request_id, Some(request(2)));
}

#[test]
fn what_was_only_looked_at_is_not_written() {
    let mut books = books("2026-01-20");
    let id = loan().id;
    books.ready_loan(id, OWNER).unwrap();
    books.put_loan(loan(), Effects::default(), None, None);

    let changes = books.into_changes();

    assert!(changes.loans.is_empty() && changes.effects.is_empty());
}
