//! The life of cards across the bank: paid with, cleared, settled, taken back, into statements and the general ledger.

use proto::card::v1 as pb;
use proto::card::v1::{AuthorizationStatus, CardBucket, ClearingFileStatus};
use proto::deposit::v1::PostingKind;
use scheme::Mti;
use scheme::clearing::Part;

use crate::clearing::{CLEARING_DATE, file, record, report};
use crate::issuing::{Held, online, purchase};
use crate::line::{authorization_id, code};
use crate::pins::pin_block;
use crate::support::*;

async fn a_bank_of_november() -> Bank {
    Bank::start_with(|options| options.first_business_date = Some(CLEARING_DATE.parse().unwrap()))
        .await
}

/// The differences with the scheme that are not resolved.
async fn breaks(bank: &Bank) -> Vec<pb::SettlementBreak> {
    let request =
        pb::ListSettlementBreaksRequest { consistency: Some(primary()), ..Default::default() };
    let answer = bank.card(OPERATOR).list_settlement_breaks(request).await.unwrap();
    answer.into_inner().breaks
}

/// Amounts of the statement, the oldest first.
async fn moved(bank: &Bank, account: &str) -> Vec<(PostingKind, i64)> {
    let entries = bank.statement(account).await.into_iter().rev();
    entries.map(|entry| (entry.kind(), entry.amount.unwrap().amount_minor)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_from_its_issue_to_the_settlement_of_what_it_paid() {
    let bank = a_bank_of_november().await;
    let card = bank.card_holder(100_000).await;
    let mut line = bank.signed_on().await;

    // Bought, reserved.
    let first = line.purchase(Mti::AUTHORIZATION, &card, 12_300);
    let answer = line.ask(&first).await;
    assert_eq!(code(&answer), "00");
    assert_eq!(bank.balance(&card.account).await, (100_000, 12_300, 87_700));
    // Bought in two deliveries; and bought and taken back.
    let second = line.purchase(Mti::AUTHORIZATION, &card, 5_000);
    assert_eq!(code(&line.ask(&second).await), "00");
    let third = line.purchase(Mti::AUTHORIZATION, &card, 700);
    assert_eq!(code(&line.ask(&third).await), "00");
    let undo = line.reversal(&third);
    assert_eq!(code(&line.ask(&undo).await), "00");
    bank.carried_out().await;
    assert_eq!(bank.balance(&card.account).await, (100_000, 17_300, 82_700));
    let used = bank.card_now(&card.card_id).await.usage;
    let all = used.iter().find(|usage| usage.bucket() == CardBucket::All).unwrap();
    assert_eq!((all.day_minor, all.day_count), (17_300, 2));

    // Cleared: the tip came on top, one of two deliveries, and something that was never asked for.
    let mut records =
        [record(&card, &first, 12_500), record(&card, &second, 2_000), record(&card, &first, 100)];
    records[1].part = Part::OneOfSeveral;
    records[2].retrieval_reference = "NEVERASKED00".into();
    let accepted = bank.clear("DAY1", file("DAY1", &records)).await;
    assert_eq!(accepted.records, 3);
    let cleared = bank.cleared("DAY1").await;
    bank.carried_out().await;
    assert_eq!((cleared.posted, cleared.exceptions), (3, 0));
    assert_eq!(bank.clearing_file("DAY1").await.status(), ClearingFileStatus::Finished);
    assert_eq!(bank.balance(&card.account).await, (85_400, 3_000, 82_400));
    let first = bank.authorization_now(&authorization_id(&answer)).await;
    assert_eq!(first.status(), AuthorizationStatus::Cleared);
    let lines = moved(&bank, &card.account).await;
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[1..].iter().all(|(kind, _)| *kind == PostingKind::CardDebit), "{lines:?}");
    let mut amounts: Vec<i64> = lines[1..].iter().map(|(_, minor)| *minor).collect();
    amounts.sort_unstable();
    assert_eq!(amounts, [-12_500, -2_000, -100]);
    bank.delivered().await;
    assert_eq!(bank.ledger("3001").await, -14_600, "owed to the scheme");
    bank.audit().await;

    // Settled: one record differs, one is not there.
    let mut settled = report("REPORT1", &records[..2]);
    settled.records[0].amount_minor += 40;
    settled.trailer = settled.sums().unwrap();
    let found = bank.settle(settled.write().unwrap()).await;
    let interchange = 12_500 / 200 + 2_000 / 200;
    let net_minor = 12_540 + 2_000 - interchange;
    assert_eq!((found.agreed, found.breaks, found.net_minor), (1, 2, net_minor));
    for one in breaks(&bank).await {
        let request = pb::ResolveSettlementBreakRequest {
            request_id: request_id(),
            break_id: one.break_id,
            resolution: pb::SettlementResolution::Adjusted.into(),
            reason: "asked the scheme".into(),
        };
        bank.card(OPERATOR).resolve_settlement_break(request).await.unwrap();
    }
    bank.delivered().await;
    assert_eq!(bank.ledger("3001").await, 0, "nothing is owed either way");
    bank.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_lacks_its_holder_owes_until_it_is_there_and_may_not_leave_before() {
    let bank = a_bank_of_november().await;
    let card = bank.card_holder(10_000).await;
    let mut line = bank.signed_on().await;
    let bought = line.purchase(Mti::AUTHORIZATION, &card, 8_000);
    assert_eq!(code(&line.ask(&bought).await), "00");
    let mut teller = bank.deposit(TELLER);
    teller.withdraw_cash(cash_out(&card.account, 2_000)).await.unwrap();

    bank.clear("DAY1", file("DAY1", &[record(&card, &bought, 9_000)])).await;
    bank.cleared("DAY1").await;
    bank.carried_out().await;

    assert_eq!(bank.balance(&card.account).await, (0, 0, 0));
    assert_eq!(bank.card_now(&card.card_id).await.receivable_minor, 1_000);
    bank.delivered().await;
    assert_eq!(bank.ledger("122101").await, 1_000);
    bank.audit().await;
    teller.close_account(close(&card.account)).await.unwrap();
    assert_refused(bank.close_customer(&card.customer_id).await, "OWNER_OWES_ON_CARD");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_on_a_card_is_collected_on_the_next_business_date() {
    let bank = a_bank_of_november().await;
    let card = bank.card_holder(1_000).await;
    let mut line = bank.signed_on().await;
    let never_asked = line.purchase(Mti::AUTHORIZATION, &card, 1_500);
    bank.clear("DAY1", file("DAY1", &[record(&card, &never_asked, 1_500)])).await;
    bank.cleared("DAY1").await;
    bank.carried_out().await;
    assert_eq!(bank.card_now(&card.card_id).await.receivable_minor, 500);
    bank.deposit(TELLER).deposit_cash(cash_in(&card.account, 2_000)).await.unwrap();

    bank.cut_over_to("2026-11-24").await;

    in_minutes("it is collected", async || {
        bank.card_now(&card.card_id).await.receivable_minor == 0
    })
    .await;
    bank.carried_out().await;
    assert_eq!(bank.balance(&card.account).await.0, 1_500);
    bank.delivered().await;
    assert_eq!(bank.ledger("122101").await, 0);
    bank.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_declines_for_each_reason_and_a_decline_reserves_nothing() {
    let bank = a_bank_of_november().await;
    let card = bank.card_holder(50_000).await;
    let mut channel = bank.cards_for(&card.customer_id);
    let pin = |digits: &str| Some(pin_block(&bank, digits, &card.number));
    let set = pb::SetPinRequest {
        request_id: request_id(),
        card_id: card.card_id.clone(),
        new_pin: pin("826413"),
    };
    channel.set_pin(set).await.unwrap();
    let codes = async |request| bank.authorize(request).await.response_code;
    let foreign = Held { number: "4000001234567899".into(), ..card.clone() };
    let other = if card.cvv2 == "123" { "321" } else { "123" };
    let wrong_cvv2 = pb::AuthorizeRequest { cvv2: other.into(), ..online(&card, 100) };
    let with = |digits| pb::AuthorizeRequest { pin: pin(digits), ..purchase(&card, 100) };

    assert_eq!(codes(purchase(&card, 50_001)).await, "51");
    assert_eq!(codes(purchase(&foreign, 100)).await, "14");
    assert_eq!(codes(online(&card, 100)).await, "00");
    assert_eq!(codes(wrong_cvv2).await, "05");
    assert_eq!(codes(with("826413")).await, "00");
    assert_eq!(codes(with("111111")).await, "55");
    assert_eq!(codes(with("111111")).await, "55");
    assert_eq!(codes(with("111111")).await, "75");
    assert_eq!(codes(with("826413")).await, "75");
    let block = pb::BlockCardRequest {
        request_id: request_id(),
        card_id: card.card_id.clone(),
        reason: "left it in a taxi".into(),
    };
    channel.block_card(block).await.unwrap();
    assert_eq!(codes(purchase(&card, 100)).await, "62");
    bank.carried_out().await;

    assert_eq!(bank.balance(&card.account).await, (50_000, 200, 49_800));
    bank.delivered().await;
    bank.audit().await;
}

/// The reversal comes first, several times; then what it reverses; then the same over gRPC.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_reversed_before_it_came_reserves_nothing_whenever_it_comes() {
    let bank = Bank::start().await;
    let card = bank.card_holder(10_000).await;
    let mut line = bank.signed_on().await;
    let late = line.purchase(Mti::AUTHORIZATION, &card, 4_000);
    let undo = line.reversal(&late);
    let mut again = undo.clone();
    again.set_mti(Mti::REVERSAL.repeat());

    for message in [&undo, &again, &again] {
        assert_eq!(code(&line.ask(message).await), "00");
    }
    let declined = line.ask(&late).await;
    let over_grpc = purchase(&card, 3_000);
    let fenced = bank.reverse(&over_grpc.request_id).await.unwrap();
    let after = bank.authorize(over_grpc).await;

    assert_eq!(code(&declined), "05");
    assert_eq!(fenced.status(), AuthorizationStatus::Fenced);
    assert_eq!((after.status(), after.response_code.as_str()), (AuthorizationStatus::Fenced, "05"));
    bank.carried_out().await;
    assert_eq!(bank.balance(&card.account).await, (10_000, 0, 10_000));
    bank.delivered().await;
    bank.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preauthorization_is_completed_with_up_to_a_seventh_more_and_no_more() {
    let bank = Bank::start().await;
    let card = bank.card_holder(100_000).await;
    let reserve = |minor| pb::AuthorizeRequest {
        kind: pb::AuthorizationKind::Preauthorization.into(),
        ..purchase(&card, minor)
    };
    let held = bank.authorize(reserve(20_000)).await;
    assert_eq!(bank.balance(&card.account).await, (100_000, 20_000, 80_000));

    let above = bank.complete(&held.authorization_id, 23_001).await;
    bank.complete(&held.authorization_id, 23_000).await.unwrap();
    bank.carried_out().await;

    assert_refused(above, "COMPLETION_ABOVE_AUTHORIZATION");
    assert_eq!(bank.balance(&card.account).await, (77_000, 0, 77_000));
    let now = bank.authorization_now(&held.authorization_id).await;
    assert_eq!((now.status(), now.cleared_minor), (AuthorizationStatus::Cleared, 23_000));
    bank.delivered().await;
    bank.audit().await;
}
