//! Every way in which a record meets its authorization, what follows from each answer of deposit, and that amounts add up.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::DateTime;
use kernel::{AccountNumber, BusinessDate, CardId, CellCode, Currency, CustomerId, RequestId};
use proptest::prelude::*;
use scheme::clearing::{ClearingKind, Part};
use scheme::{Channel, Kind, ResponseCode};
use uuid::Uuid;

use super::{
    Authorization, AuthorizationStatus as Status, Bin, Books, Card, CardStatus, HeldCard, Item,
    ItemStatus, Limits, Match, MessageKey, Order, OrderKind, OrderStatus, Pin, Product, Switches,
    Usage,
};

const NOW: i64 = 1_771_600_000;

fn id(number: u8) -> RequestId {
    let made = CustomerId::new(DateTime::from_timestamp(NOW, 0).unwrap(), [number; 10]);
    RequestId::from_uuid(made.as_uuid()).unwrap()
}

fn card_id() -> CardId {
    CardId::from_uuid(id(1).as_uuid())
}

fn account() -> AccountNumber {
    AccountNumber::from_parts(CellCode::try_new(101).unwrap(), 1).unwrap()
}

fn card(receivable_minor: i64) -> Card {
    let switches = Switches { atm: true, pos: true, online: true, contactless: true, abroad: true };
    let product = Product {
        code: "DEBIT".to_owned(),
        currency: Currency::CNY,
        bin: Bin { digits: "62170099".to_owned(), length: 16 },
        validity_years: 5,
        authorization_days: 7,
        preauthorization_days: 30,
        switches,
        limits: Limits::default(),
        restricted: BTreeSet::new(),
    };
    Card {
        id: card_id(),
        customer_id: CustomerId::from_uuid(id(2).as_uuid()),
        account: account(),
        currency: Currency::CNY,
        product: Arc::new(product),
        status: CardStatus::Active,
        expires_on: "2031-02-28".parse().unwrap(),
        sequence_number: 1,
        switches,
        pin: Pin { sealed: None, version: 0, wrong: 0 },
        receivable_minor,
        replaced_by: None,
        version: 1,
        issued_at: DateTime::from_timestamp(NOW, 0).unwrap(),
        last_four: "0000".to_owned(),
        pan_digest: vec![0; 32],
        pan_sealed: Vec::new(),
    }
}

fn authorization(amount_minor: i64, kind: Kind, status: Status) -> Authorization {
    Authorization {
        id: id(3),
        fingerprint: 1,
        card_id: Some(card_id()),
        customer_id: Some(CustomerId::from_uuid(id(2).as_uuid())),
        account: Some(account()),
        hold_id: (kind != Kind::Refund).then(|| id(4).as_uuid()),
        amount_minor,
        currency: Currency::CNY,
        cleared_minor: 0,
        matched_minor: 0,
        counted_minor: amount_minor,
        kind,
        channel: Channel::Pos,
        restricted: false,
        posted_now: false,
        status,
        response_code: ResponseCode::APPROVED,
        approval_code: Some("123456".to_owned()),
        merchant_category: "5411".to_owned(),
        key: MessageKey {
            acquirer: "00000012345".to_owned(),
            terminal: "TERM0001".to_owned(),
            retrieval_reference: "000000000001".to_owned(),
            trace_number: "000001".to_owned(),
            transmitted_at: DateTime::from_timestamp(NOW, 0).unwrap(),
        },
        business_date: BusinessDate::parse("2026-02-20").unwrap(),
        decided_at: DateTime::from_timestamp(NOW, 0).unwrap(),
        expires_at: None,
    }
}

fn item(kind: ClearingKind, amount_minor: i64, part: Part) -> Item {
    Item {
        id: Uuid::from_u128(1),
        file_id: "DAY1".to_owned(),
        line: 2,
        scheme_reference: "1".to_owned(),
        kind,
        part,
        card_id: Some(card_id()),
        authorization_id: id(3),
        amount_minor,
        fee_minor: 0,
        currency: Currency::CNY,
        posted_minor: 0,
        receivable_minor: 0,
        attempt: 0,
        status: ItemStatus::Received,
        found: None,
        exception: None,
    }
}

fn purchase(amount_minor: i64) -> Item {
    item(ClearingKind::Purchase, amount_minor, Part::Whole)
}

fn books(receivable_minor: i64, authorization: Option<Authorization>, item: &Item) -> Books {
    let date = BusinessDate::parse("2026-02-20").unwrap();
    let mut books = Books::new(date, DateTime::from_timestamp(NOW, 0).unwrap());
    let (limits, usage) = (Limits::default(), Usage::default());
    books.load_card(HeldCard { card: card(receivable_minor), limits, usage });
    if let Some(authorization) = authorization {
        books.load_authorization(authorization);
    }
    books.load_item(item.clone());
    books
}

/// Begins to post, and answers the record.
fn begin(books: &mut Books, item: &Item) -> Item {
    books.begin_item(item.clone(), id(9), false);
    books.item(item.id).unwrap().clone()
}

/// Ends the order so, and answers the record.
fn end(books: &mut Books, status: OrderStatus, moved_minor: i64) -> Item {
    books.end_order(id(9), status, moved_minor);
    let order = books.order(id(9)).unwrap().clone();
    books.end_item(&order);
    books.item(Uuid::from_u128(1)).unwrap().clone()
}

fn owed(books: &Books) -> i64 {
    books.held_card(card_id()).unwrap().card.receivable_minor
}

fn approved(minor: i64) -> Authorization {
    authorization(minor, Kind::Purchase, Status::Approved)
}

#[track_caller]
fn assert_matched(
    named: impl Into<Option<Authorization>>,
    item: &Item,
    (found, with_hold, keep_remainder): (Match, bool, bool),
) -> Books {
    let mut books = books(0, named.into(), item);
    let begun = begin(&mut books, item);
    assert_eq!((begun.status, begun.found), (ItemStatus::Posting, Some(found)));
    let order = books.order(id(9)).unwrap();
    assert_eq!((order.hold_id.is_some(), order.keep_remainder), (with_hold, keep_remainder));
    books
}

#[test]
fn the_whole_amount_clears_the_authorization() {
    let mut books = assert_matched(approved(500), &purchase(500), (Match::Full, true, false));
    let posted = end(&mut books, OrderStatus::Done, 500);

    assert_eq!((posted.status, posted.posted_minor), (ItemStatus::Posted, 500));
    let named = books.authorization(id(3)).unwrap();
    assert_eq!((named.status, named.cleared_minor), (Status::Cleared, 500));
}

#[test]
fn less_gives_the_rest_back_and_one_of_several_keeps_it() {
    assert_matched(approved(500), &purchase(300), (Match::Partial, true, false));
    let one = item(ClearingKind::Purchase, 300, Part::OneOfSeveral);
    let mut books = assert_matched(approved(500), &one, (Match::OneOfSeveral, true, true));
    end(&mut books, OrderStatus::Done, 300);

    let named = books.authorization(id(3)).unwrap().clone();
    assert_eq!((named.status, named.cleared_minor), (Status::PartlyCleared, 300));
    let last = item(ClearingKind::Purchase, 200, Part::LastOfSeveral);
    assert_matched(Some(named), &last, (Match::OneOfSeveral, true, false));
}

#[test]
fn more_is_taken_and_what_the_account_lacks_is_owed() {
    let mut books = assert_matched(approved(500), &purchase(700), (Match::Above, true, false));
    let posted = end(&mut books, OrderStatus::Done, 550);

    assert_eq!((posted.posted_minor, posted.receivable_minor), (550, 150));
    assert_eq!(owed(&books), 150);
}

#[test]
fn what_has_ended_or_never_was_is_taken_from_what_is_there() {
    for ended in [Status::Expired, Status::Reversed] {
        let named = Some(authorization(500, Kind::Purchase, ended));
        let mut books = assert_matched(named, &purchase(500), (Match::Late, false, false));
        end(&mut books, OrderStatus::Done, 500);
        assert_eq!(books.authorization(id(3)).unwrap().status, ended);
    }
    assert_matched(None, &purchase(500), (Match::None, false, false));
}

#[test]
fn more_than_was_authorized_is_not_posted_for_what_has_ended_without_a_person() {
    let expired = authorization(500, Kind::Purchase, Status::Expired);
    let mut books = assert_matched(Some(expired), &purchase(500), (Match::Late, false, false));
    end(&mut books, OrderStatus::Done, 500);
    let again = Item { id: Uuid::from_u128(2), ..purchase(100) };
    books.load_item(again.clone());
    books.begin_item(again, id(10), false);

    let again = books.item(Uuid::from_u128(2)).unwrap();
    assert_eq!(again.exception.as_deref(), Some("ALREADY_CLEARED"));
}

/// Books in which something was posted at once.
fn posted(minor: i64, status: OrderStatus, items: &[Item]) -> Books {
    let now = authorization(minor, Kind::Purchase, Status::Cleared);
    let mut books = books(0, Some(Authorization { posted_now: true, ..now }), &items[0]);
    let posting = books.order_of(&items[0], &card(0), id(8));
    books.load_order(Order {
        authorization_id: Some(id(3)),
        item_id: None,
        amount_minor: minor,
        moved_minor: minor,
        status,
        ..posting
    });
    for item in &items[1..] {
        books.load_item(item.clone());
    }
    books
}

#[test]
fn what_was_posted_at_once_is_only_compared_and_only_once() {
    let two = [purchase(500), Item { id: Uuid::from_u128(2), ..purchase(500) }];
    let mut books = posted(500, OrderStatus::Done, &two);
    let first = begin(&mut books, &two[0]);
    assert_eq!((first.status, first.found), (ItemStatus::Posted, Some(Match::AlreadyPosted)));
    let second = begin(&mut books, &two[1]);
    assert_eq!(second.exception.as_deref(), Some("ALREADY_CLEARED"));
    assert_eq!(books.authorization(id(3)).unwrap().matched_minor, 500);

    let more = [purchase(600)];
    let begun = begin(&mut posted(500, OrderStatus::Done, &more), &more[0]);
    assert_eq!(begun.exception.as_deref(), Some("AMOUNT_DIFFERS"));
    let less = [purchase(400)];
    let begun = begin(&mut posted(500, OrderStatus::Done, &less), &less[0]);
    assert_eq!(begun.exception.as_deref(), Some("AMOUNT_DIFFERS"), "no more will come");
}

#[test]
fn what_was_posted_at_once_may_be_cleared_in_parts() {
    let part = |number, minor, part| {
        let one = item(ClearingKind::Purchase, minor, part);
        Item { id: Uuid::from_u128(number), ..one }
    };
    let all = [
        part(1, 500, Part::OneOfSeveral),
        part(2, 300, Part::LastOfSeveral),
        part(3, 1, Part::OneOfSeveral),
    ];
    let mut books = posted(800, OrderStatus::Done, &all);
    for one in &all[..2] {
        assert_eq!(begin(&mut books, one).status, ItemStatus::Posted);
    }
    assert_eq!(begin(&mut books, &all[2]).exception.as_deref(), Some("ALREADY_CLEARED"));
    assert!(books.order(id(9)).is_none(), "nothing is taken again");
}

#[test]
fn what_deposit_refused_to_post_at_once_is_posted_by_its_record() {
    let one = [purchase(500)];
    let refused = OrderStatus::Refused("ACCOUNT_FROZEN".to_owned());
    let mut books = posted(500, refused, &one);
    let now = books.authorization(id(3)).unwrap().clone();
    books.put_authorization(Authorization { status: Status::Approved, ..now });

    assert_eq!(begin(&mut books, &one[0]).status, ItemStatus::Posting);
}

#[test]
fn what_a_completion_posted_is_compared_with_what_it_completed() {
    let named = authorization(500, Kind::Purchase, Status::Approved);
    let completed = |minor| {
        let mut one = books(0, None, &purchase(400));
        one.begin_item(purchase(minor), id(8), false);
        let order = one.order(id(8)).unwrap().clone();
        Order { authorization_id: Some(id(3)), item_id: None, ..order }
    };
    for (minor, status) in [(400, ItemStatus::Posted), (450, ItemStatus::Exception)] {
        let mut books = books(0, Some(named.clone()), &purchase(400));
        books.load_order(completed(minor));
        assert_eq!(begin(&mut books, &purchase(400)).status, status);
    }
}

#[test]
fn what_cannot_be_matched_waits_for_a_person() {
    #[track_caller]
    fn assert_excepted(named: Option<Authorization>, item: &Item, why: &str) {
        let mut books = books(0, named, item);
        let begun = begin(&mut books, item);
        assert_eq!((begun.status, begun.exception.as_deref()), (ItemStatus::Exception, Some(why)));
        assert!(books.order(id(9)).is_none());
    }
    let of_nobody = Item { card_id: None, ..purchase(500) };
    assert_excepted(None, &of_nobody, "CARD_UNKNOWN");
    let dollars = Item { currency: Currency::USD, ..purchase(500) };
    assert_excepted(None, &dollars, "CURRENCY_MISMATCH");
    let of = |status| Some(authorization(500, Kind::Purchase, status));
    assert_excepted(of(Status::Cleared), &purchase(500), "ALREADY_CLEARED");
    assert_excepted(of(Status::Declined), &purchase(500), "NOT_APPROVED");
}

#[test]
fn an_account_that_refuses_is_for_a_person_and_nothing_is_owed() {
    let mut books = assert_matched(approved(500), &purchase(500), (Match::Full, true, false));
    let refused = OrderStatus::Refused("ACCOUNT_FROZEN".to_owned());
    let excepted = end(&mut books, refused, 0);

    assert_eq!(excepted.exception.as_deref(), Some("ACCOUNT_FROZEN"));
    assert_eq!((excepted.status, owed(&books)), (ItemStatus::Exception, 0));
    assert_eq!(books.authorization(id(3)).unwrap().status, Status::Approved);
}

#[test]
fn a_refund_pays_what_is_owed_first_and_a_refused_one_has_paid_nothing() {
    let refund = item(ClearingKind::Refund, 500, Part::Whole);
    let mut all = books(800, None, &refund);
    let begun = begin(&mut all, &refund);
    assert_eq!((begun.status, begun.receivable_minor), (ItemStatus::Posted, -500));
    assert_eq!(owed(&all), 300);

    let mut some = books(200, None, &refund);
    begin(&mut some, &refund);
    let order = some.order(id(9)).unwrap();
    assert_eq!((order.kind, order.amount_minor, owed(&some)), (OrderKind::Credit, 300, 0));
    end(&mut some, OrderStatus::Refused("ACCOUNT_CLOSED".to_owned()), 0);
    assert_eq!(owed(&some), 200);
}

proptest! {
    #[test]
    fn what_is_posted_and_what_is_owed_are_the_record_s_amount(
        minor in 1_i64..1_000,
        approved in prop::option::of(1_i64..1_000),
        there in 0_i64..1_500,
        owes in 0_i64..1_000,
        refund in any::<bool>(),
        frozen in any::<bool>(),
    ) {
        let (of, kind) = if refund {
            (Kind::Refund, ClearingKind::Refund)
        } else {
            (Kind::Purchase, ClearingKind::Purchase)
        };
        let named = approved.map(|minor| authorization(minor, of, Status::Approved));
        let one = item(kind, minor, Part::Whole);
        let mut books = books(owes, named, &one);
        let mut after = begin(&mut books, &one);
        if let Some(order) = books.order(id(9)).cloned() {
            let moved = if refund { order.amount_minor } else { there.min(order.amount_minor) };
            after = if frozen {
                end(&mut books, OrderStatus::Refused("ACCOUNT_FROZEN".to_owned()), 0)
            } else {
                end(&mut books, OrderStatus::Done, moved)
            };
        }
        let owed = owed(&books);
        if after.status == ItemStatus::Posted {
            prop_assert_eq!(after.posted_minor + after.receivable_minor.abs(), minor);
            prop_assert_eq!(owed - owes, after.receivable_minor);
        } else {
            prop_assert_eq!((after.status, after.posted_minor), (ItemStatus::Exception, 0));
            prop_assert_eq!(owed, owes);
        }
        let booked: i64 = books
            .into_changes()
            .bookings
            .iter()
            .map(|one| if one.reversal { -one.principal_minor } else { one.principal_minor })
            .sum();
        prop_assert_eq!(booked, owed - owes);
    }
}
