//! What the events of cards book: the journal of each kind, as `docs/domain/ledger.md` says it.

use pb::AmountKind::{Fee, Principal};
use proto::accounting::v1 as pb;

use crate::journal_lines::{journal, pairs};
use crate::support::*;

#[tokio::test]
async fn each_event_of_a_card_makes_its_journal() {
    let service = Service::start().await;
    let owed = card_event(pb::EventKind::CardReceivable, &[(Principal, 30)]);
    let settled = card_event(pb::EventKind::CardSettled, &[(Principal, 900), (Fee, 5)]);
    let differs = card_event(pb::EventKind::CardDifference, &[(Principal, 7)]);
    let taken = event(pb::EventKind::CardDebited, 400);
    let given_back = event(pb::EventKind::CardCredited, 60);

    let of_card = vec![owed.clone(), settled.clone(), differs.clone()];
    service.deliver_as("card", vec![batch(1, of_card)]).await.unwrap();
    let of_deposit = vec![taken.clone(), given_back.clone()];
    service.deliver(vec![batch(1, of_deposit)]).await.unwrap();

    assert_eq!(journal(&service, &owed).await, pairs(&[("122101", "3001", 30)]));
    let paid = pairs(&[("3001", "1003", 900), ("1003", "6021", 5)]);
    assert_eq!(journal(&service, &settled).await, paid);
    assert_eq!(journal(&service, &differs).await, pairs(&[("122102", "3001", 7)]));
    assert_eq!(journal(&service, &taken).await, pairs(&[("2011", "3001", 400)]));
    assert_eq!(journal(&service, &given_back).await, pairs(&[("3001", "2011", 60)]));
}

#[tokio::test]
async fn what_is_cleared_and_settled_leaves_nothing_owed_to_the_scheme() {
    let service = Service::start().await;
    let owed_to_scheme = "SELECT coalesce(sum(credit_minor - debit_minor), 0)::bigint FROM gl_balances \
        WHERE gl_account = '3001'";
    let back = |kind, minor| pb::BusinessEvent {
        reversal: true,
        ..card_event(kind, &[(Principal, minor)])
    };

    // 1,000 cleared: 700 taken, 300 owed; of which 100 are collected.
    let taken =
        vec![event(pb::EventKind::CardDebited, 700), event(pb::EventKind::CardDebited, 100)];
    service.deliver(vec![batch(1, taken)]).await.unwrap();
    let owed = card_event(pb::EventKind::CardReceivable, &[(Principal, 300)]);
    let collected = back(pb::EventKind::CardReceivable, 100);
    service.deliver_as("card", vec![batch(1, vec![owed, collected.clone()])]).await.unwrap();
    assert_eq!(service.count(owed_to_scheme).await, 1_000);
    let journal = journal(&service, &collected).await;
    assert_eq!(journal, [('C', "122101".to_owned(), 100), ('D', "3001".to_owned(), 100)]);

    // The scheme settled 20 less than that, of which 6 are the bank's; the difference is adjusted.
    let settled = card_event(pb::EventKind::CardSettled, &[(Principal, 980), (Fee, 6)]);
    let below = back(pb::EventKind::CardDifference, 20);
    service.deliver_as("card", vec![batch(2, vec![settled, below])]).await.unwrap();

    assert_eq!(service.count(owed_to_scheme).await, 0);
    let central_bank = "SELECT sum(debit_minor - credit_minor)::bigint FROM gl_balances \
        WHERE gl_account = '1003'";
    assert_eq!(service.count(central_bank).await, -974);
}
