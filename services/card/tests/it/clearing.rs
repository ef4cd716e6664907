//! Clearing files: taken once, posted once, and what a person decides.

use card::domain::MessageKey;
use proto::card::v1 as pb;
use scheme::Pan;
use scheme::clearing::{ClearingKind, Part, Record};

use crate::authorizations::code;
use crate::neighbour::Mood;
use crate::reversals::reverse;
use crate::scheme_files::{
    asked, buy, clear, close, finished, key, lines, part, pay, record, refund, send,
};
use crate::support::{Service, assert_refused, cny, primary, request_id};

fn of_nobody() -> Pan {
    Pan::with_check_digit("400000123456789").unwrap()
}

/// How the record of this line of the file `DAY1` was matched, what was posted and what is owed.
async fn line(service: &Service, line: i32) -> String {
    let sql = format!(
        "SELECT concat_ws(' ', match, status, posted_minor, receivable_minor) FROM clearing_items \
         WHERE file_id = 'DAY1' AND line = {line}"
    );
    service.text(&sql).await
}

#[tokio::test]
async fn each_record_meets_its_authorization_and_is_posted() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let keys: Vec<MessageKey> = (0..7).map(key).collect();
    let mut ids = Vec::new();
    for key in &keys[..5] {
        ids.push(buy(&service, &plastic, key, 1_000).await);
    }
    pay(&service, &plastic, &keys[5], (700, true)).await;
    let reverse = pb::ReverseAuthorizationRequest {
        request_id: request_id(),
        authorization_id: ids[4].clone(),
    };
    service.scheme().reverse_authorization(reverse).await.unwrap();

    let of =
        |reference: u32, key: usize, minor| record(&plastic.pan, (reference, &keys[key]), minor);
    let records = [
        of(1, 0, 1_000),
        of(2, 1, 600),
        Record { part: Part::OneOfSeveral, ..of(3, 2, 300) },
        Record { part: Part::LastOfSeveral, ..of(4, 2, 500) },
        of(5, 3, 1_500),
        of(6, 4, 1_000),
        of(7, 5, 700),
        of(8, 6, 250),
        refund(&plastic.pan, 9, 400),
    ];
    clear(&service, "DAY1", &records).await;

    let expected = [
        "FULL POSTED 1000 0",
        "PARTIAL POSTED 600 0",
        "ONE_OF_SEVERAL POSTED 300 0",
        "ONE_OF_SEVERAL POSTED 500 0",
        "ABOVE POSTED 1500 0",
        "LATE POSTED 1000 0",
        "ALREADY_POSTED POSTED 700 0",
        "NONE POSTED 250 0",
        "NONE POSTED 400 0",
    ];
    for (number, expected) in (2..).zip(expected) {
        assert_eq!(line(&service, number).await, expected, "line {number}");
    }
    service.wait_until_nothing_is_held().await;
    let taken = 1_000 + 600 + 300 + 500 + 1_500 + 1_000 + 700 + 250 - 400;
    assert_eq!(service.deposit.balance(&service.account), 1_000_000 - taken);
    for (id, cleared) in [(&ids[0], 1_000), (&ids[1], 600), (&ids[2], 800), (&ids[3], 1_500)] {
        let now = service.authorization(id).await;
        assert_eq!((now.status(), now.cleared_minor), (pb::AuthorizationStatus::Cleared, cleared));
    }
    let reversed = service.authorization(&ids[4]).await;
    assert_eq!(reversed.status(), pb::AuthorizationStatus::Reversed);
}

#[tokio::test]
async fn a_file_in_parts_is_taken_once_and_nothing_is_posted_before_it_is_whole() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut operator = service.client_as("operator/test");
    let records =
        [record(&plastic.pan, (1, &key(1)), 100), record(&plastic.pan, (2, &key(2)), 200)];
    let all = lines("DAY1", &records);

    assert_refused(operator.close_clearing_file(close("DAY1")).await, "FILE_UNKNOWN");
    let early = operator.submit_clearing_part(part("DAY1", 2, &all[2..])).await;
    assert_refused(early, "PART_OUT_OF_ORDER");
    let headless = operator.submit_clearing_part(part("DAY1", 1, &all[1..])).await;
    assert_refused(headless, "RECORD_MALFORMED");

    let first = part("DAY1", 1, &all[..2]);
    for _ in 0..2 {
        let taken = operator.submit_clearing_part(first.clone()).await.unwrap().into_inner();
        assert_eq!(taken.file.unwrap().records, 1);
    }
    let other = pb::SubmitClearingPartRequest { part: 2, ..first };
    assert_refused(operator.submit_clearing_part(other).await, "REQUEST_ID_REUSED");
    let again = operator.submit_clearing_part(part("DAY1", 2, &all[1..2])).await;
    assert_refused(again, "RECORD_DUPLICATE");
    operator.submit_clearing_part(part("DAY1", 2, &all[2..])).await.unwrap();
    assert_eq!(service.count("SELECT count(*) FROM orders").await, 0);

    operator.close_clearing_file(close("DAY1")).await.unwrap();
    assert_refused(operator.close_clearing_file(close("DAY1")).await, "FILE_CLOSED");
    let more = operator.submit_clearing_part(part("DAY1", 3, &all[..1])).await;
    assert_refused(more, "FILE_CLOSED");
    finished(&service, "DAY1").await;
    assert_eq!(service.deposit.balance(&service.account), 1_000_000 - 300);
    let number = plastic.pan.expose();
    let kept =
        format!("SELECT count(*) FROM clearing_items WHERE clearing_items::text LIKE '%{number}%'");
    assert_eq!(service.count(&kept).await, 0);
}

#[tokio::test]
async fn a_file_whose_totals_differ_is_refused_whole_and_can_be_sent_again() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut operator = service.client_as("operator/test");
    let records =
        [record(&plastic.pan, (1, &key(1)), 100), record(&plastic.pan, (2, &key(2)), 200)];
    let mut short = lines("SHORT", &records);
    short.remove(1);
    operator.submit_clearing_part(part("SHORT", 1, &short)).await.unwrap();
    let closing = close("SHORT");
    for _ in 0..2 {
        let closed = operator.close_clearing_file(closing.clone()).await;
        assert_refused(closed, "FILE_TOTALS_DIFFER");
    }
    let request = pb::GetClearingFileRequest { file_id: "SHORT".into() };
    let file = operator.get_clearing_file(request).await.unwrap().into_inner().file.unwrap();
    assert_eq!(file.status(), pb::ClearingFileStatus::Refused);
    assert_eq!(file.refusal, "FILE_TOTALS_DIFFER");

    clear(&service, "DAY1", &records).await;
    assert_eq!(service.deposit.balance(&service.account), 1_000_000 - 300);
}

#[tokio::test]
async fn a_person_decides_about_what_cannot_be_posted() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut operator = service.client_as("operator/test");
    service.deposit.block(&service.account, "ACCOUNT_FROZEN");
    let nobody = of_nobody();
    let records = [
        record(&nobody, (1, &key(1)), 100),
        record(&nobody, (2, &key(2)), 200),
        record(&plastic.pan, (3, &key(3)), 300),
    ];
    send(&service, "DAY1", &records).await;
    let excepted = "SELECT count(*) FROM clearing_items WHERE status = 'EXCEPTION'";
    service.wait_for(excepted, 3).await;
    let request = pb::ListClearingExceptionsRequest {
        file_id: "DAY1".into(),
        consistency: primary(),
        ..Default::default()
    };
    let listed = operator.list_clearing_exceptions(request).await.unwrap().into_inner().items;
    let mut why: Vec<_> = listed.iter().map(|item| (item.line, item.exception.clone())).collect();
    why.sort();
    let unknown = || "CARD_UNKNOWN".to_owned();
    assert_eq!(why, [(2, unknown()), (3, unknown()), (4, "ACCOUNT_FROZEN".to_owned())]);
    let resolve = |line: i32, resolution: pb::ClearingResolution, card_id: &str| {
        let item = listed.iter().find(|item| item.line == line).unwrap();
        pb::ResolveClearingExceptionRequest {
            request_id: request_id(),
            item_id: item.item_id.clone(),
            resolution: resolution.into(),
            card_id: card_id.to_owned(),
            reason: "asked the holder".into(),
        }
    };
    let force = pb::ClearingResolution::ForcePost;
    let nameless = operator.resolve_clearing_exception(resolve(2, force, "")).await;
    assert_refused(nameless, "CARD_UNKNOWN");
    let no_item = pb::ResolveClearingExceptionRequest {
        item_id: request_id(),
        ..resolve(2, force, &plastic.card_id)
    };
    assert_refused(operator.resolve_clearing_exception(no_item).await, "ITEM_UNKNOWN");

    service.deposit.block(&service.account, "");
    let forced = resolve(2, force, &plastic.card_id);
    operator.resolve_clearing_exception(forced).await.unwrap();
    let returned = resolve(3, pb::ClearingResolution::Return, "");
    for _ in 0..2 {
        let answer = operator.resolve_clearing_exception(returned.clone()).await.unwrap();
        let item = answer.into_inner().item.unwrap();
        assert_eq!(item.status(), pb::ClearingItemStatus::Returned);
    }
    let retry = resolve(4, pb::ClearingResolution::Retry, "");
    operator.resolve_clearing_exception(retry).await.unwrap();
    finished(&service, "DAY1").await;

    assert_eq!(service.deposit.balance(&service.account), 1_000_000 - 400);
    let late = resolve(4, pb::ClearingResolution::Retry, "");
    assert_refused(operator.resolve_clearing_exception(late).await, "ILLEGAL_TRANSITION");
    let audited = "SELECT count(*) FROM audit_log WHERE action = 'RESOLVE_CLEARING_EXCEPTION'";
    assert_eq!(service.count(audited).await, 3);
}

#[tokio::test]
async fn what_the_account_lacks_is_owed_until_a_refund_or_a_collection_pays_it() {
    let mut service = Service::start().await;
    let plastic = service.active().await;
    service.deposit.set_balance(&service.account, 600);
    clear(&service, "DAY1", &[record(&plastic.pan, (1, &key(1)), 1_500)]).await;
    assert_eq!(service.card(&plastic.card_id).await.receivable_minor, 900);
    assert_eq!(line(&service, 2).await, "NONE POSTED 600 900");

    clear(&service, "DAY2", &[refund(&plastic.pan, 2, 400)]).await;
    assert_eq!(service.card(&plastic.card_id).await.receivable_minor, 500);
    assert_eq!(service.deposit.balance(&service.account), 0);

    // Asked for once on each business date, whatever restarts meanwhile.
    service.deposit.set_balance(&service.account, 350);
    service.on("2026-01-21").await;
    service.kill().await;
    service.restart().await;
    let collected = "SELECT count(*) FROM orders WHERE kind = 'COLLECT' AND status <> 'PENDING' \
         AND business_date = '2026-01-21'";
    service.wait_for(collected, 1).await;
    assert_eq!(service.card(&plastic.card_id).await.receivable_minor, 150);
    assert_eq!(service.deposit.balance(&service.account), 0);

    let totals = async |date: &str| {
        let request = pb::GetDayTotalsRequest { business_date: date.into() };
        let answer = service.client_as("auditor/test").get_day_totals(request).await.unwrap();
        let totals = answer.into_inner().totals;
        totals.iter().map(|total| (total.debit_minor, total.credit_minor)).collect::<Vec<_>>()
    };
    assert_eq!(totals("2026-01-20").await, [(900, 400)]);
    assert_eq!(totals("2026-01-21").await, [(0, 350)]);
}

#[tokio::test]
async fn killed_between_an_order_and_its_end_each_record_is_posted_once() {
    let mut service = Service::start().await;
    let plastic = service.active().await;
    let records: Vec<_> =
        (1..=20).map(|number| record(&plastic.pan, (number, &key(number)), 100)).collect();
    // Deposit takes the money, and its answers are lost.
    service.deposit.set_mood(Mood::Forgetful);
    send(&service, "DAY1", &records).await;
    let posting = "SELECT count(*) FROM clearing_items WHERE status = 'POSTING'";
    service.wait_for(posting, 20).await;
    service.kill().await;
    service.deposit.set_mood(Mood::Well);
    service.restart().await;
    finished(&service, "DAY1").await;

    assert_eq!(service.deposit.balance(&service.account), 1_000_000 - 2_000);
    let posted =
        "SELECT count(*) FROM clearing_items WHERE status = 'POSTED' AND posted_minor = 100";
    assert_eq!(service.count(posted).await, 20);
    assert_eq!(service.count("SELECT count(*) FROM orders WHERE status = 'DONE'").await, 20);
}

#[tokio::test]
async fn two_processes_that_post_at_once_post_each_record_once() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut other = service.beside().await;
    let keys: Vec<MessageKey> = (0..60).map(key).collect();
    let mut records = Vec::new();
    for (number, key) in (1..).zip(&keys) {
        let half = |reference, part| Record { part, ..record(&plastic.pan, (reference, key), 50) };
        buy(&service, &plastic, key, 100).await;
        records.push(half(number, Part::OneOfSeveral));
        records.push(half(1_000 + number, Part::LastOfSeveral));
    }
    send(&service, "DAY1", &records).await;
    finished(&service, "DAY1").await;
    other.kill9().await.unwrap();

    assert_eq!(service.deposit.balance(&service.account), 1_000_000 - 6_000);
    service.wait_until_nothing_is_held().await;
    let debits = "SELECT count(*) FROM orders WHERE kind = 'DEBIT' AND status = 'DONE'";
    assert_eq!(service.count(debits).await, 120);
    let cleared =
        "SELECT count(*) FROM authorizations WHERE status = 'CLEARED' AND cleared_minor = 100";
    assert_eq!(service.count(cleared).await, 60);
}

#[tokio::test]
async fn what_a_completion_posted_is_only_compared() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let keys = [key(1), key(2)];
    for key in &keys {
        let authorization_id = buy(&service, &plastic, key, 1_000).await;
        let complete = pb::CompleteAuthorizationRequest {
            request_id: request_id(),
            authorization_id,
            amount: cny(800),
        };
        service.scheme().complete_authorization(complete).await.unwrap();
    }
    let same = record(&plastic.pan, (1, &keys[0]), 800);
    let other = record(&plastic.pan, (2, &keys[1]), 1_000);
    send(&service, "DAY1", &[same, other]).await;
    let excepted = "SELECT count(*) FROM clearing_items WHERE exception = 'AMOUNT_DIFFERS'";
    service.wait_for(excepted, 1).await;

    service.wait_until_nothing_is_held().await;
    assert_eq!(line(&service, 2).await, "ALREADY_POSTED POSTED 800 0");
    assert_eq!(line(&service, 3).await, "EXCEPTION 0 0");
    assert_eq!(service.deposit.balance(&service.account), 1_000_000 - 1_600);
}

#[tokio::test]
async fn one_payment_is_posted_once_however_many_records_name_it() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let (now, completed, expired) = (key(1), key(2), key(3));
    let paid = pay(&service, &plastic, &now, (700, true)).await;
    let held = buy(&service, &plastic, &completed, 800).await;
    let complete = pb::CompleteAuthorizationRequest {
        request_id: request_id(),
        authorization_id: held.clone(),
        amount: cny(800),
    };
    service.scheme().complete_authorization(complete).await.unwrap();
    let late = buy(&service, &plastic, &expired, 300).await;
    service.plant("UPDATE authorizations SET expires_at = now() WHERE amount_minor = 300").await;
    let is_expired = "SELECT count(*) FROM authorizations WHERE status = 'EXPIRED'";
    service.wait_for(is_expired, 1).await;
    service.wait_for("SELECT count(*) FROM orders WHERE status = 'PENDING'", 0).await;
    let taken = 1_000_000 - 700 - 800;
    assert_eq!(service.deposit.balance(&service.account), taken);

    let part =
        |number, minor, part| Record { part, ..record(&plastic.pan, (number, &completed), minor) };
    let records = [
        record(&plastic.pan, (1, &now), 700),
        record(&plastic.pan, (2, &now), 700),
        part(3, 500, Part::OneOfSeveral),
        part(4, 300, Part::LastOfSeveral),
        part(5, 100, Part::LastOfSeveral),
        record(&plastic.pan, (6, &expired), 300),
        record(&plastic.pan, (7, &expired), 300),
    ];
    send(&service, "DAY1", &records).await;
    let open = "SELECT count(*) FROM clearing_items WHERE status IN ('RECEIVED', 'POSTING')";
    service.wait_for(open, 0).await;

    let why = "SELECT string_agg(line || ' ' || exception, ', ' ORDER BY line) FROM clearing_items";
    let twice = "3 ALREADY_CLEARED, 6 ALREADY_CLEARED, 8 ALREADY_CLEARED";
    assert_eq!(service.text(why).await, twice);
    assert_eq!(service.deposit.balance(&service.account), taken - 300);
    for id in [paid, held, late] {
        assert_refused(reverse(&service, &id).await, "ALREADY_CLEARED");
    }
    assert_eq!(service.deposit.balance(&service.account), taken - 300, "and nothing comes back");
}

#[tokio::test]
async fn a_refund_that_the_account_did_not_take_is_posted_by_its_record() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let returned = key(1);
    service.deposit.block(&service.account, "ACCOUNT_FROZEN");
    let request = pb::AuthorizeRequest {
        kind: pb::AuthorizationKind::Refund.into(),
        ..asked(&plastic, &returned, 400)
    };
    assert_eq!(code(&service, request).await, "00");
    service.wait_for("SELECT count(*) FROM orders WHERE status = 'REFUSED'", 1).await;
    service.deposit.block(&service.account, "");
    let kind = ClearingKind::Refund;
    clear(&service, "DAY1", &[Record { kind, ..record(&plastic.pan, (1, &returned), 400) }]).await;

    assert_eq!(line(&service, 2).await, "FULL POSTED 400 0");
    assert_eq!(service.deposit.balance(&service.account), 1_000_000 + 400);
}

#[tokio::test]
async fn what_was_taken_back_is_credited_once_the_account_takes_it() {
    let service = Service::start_with("", "[work]\nresolve_after_ms = 10\n").await;
    let plastic = service.active().await;
    let paid = pay(&service, &plastic, &key(1), (700, true)).await;
    service.wait_for("SELECT count(*) FROM orders WHERE status = 'DONE'", 1).await;
    service.deposit.block(&service.account, "ACCOUNT_FROZEN");
    reverse(&service, &paid).await.unwrap();
    // Deposit's refusal of a request stands, so it is another one each time.
    let refused =
        "SELECT least(count(*), 2) FROM orders WHERE kind = 'CREDIT' AND status = 'REFUSED'";
    service.wait_for(refused, 2).await;
    service.deposit.block(&service.account, "");

    service.wait_for("SELECT count(*) FROM orders WHERE status = 'PENDING'", 0).await;
    assert_eq!(service.deposit.balance(&service.account), 1_000_000);
}

#[tokio::test]
async fn what_an_open_authorization_reserves_is_not_left_reserved_by_force() {
    let service = Service::start().await;
    let plastic = service.active().await;
    let mut operator = service.client_as("operator/test");
    let bought = key(1);
    buy(&service, &plastic, &bought, 300).await;
    service.deposit.block(&service.account, "ACCOUNT_FROZEN");
    send(&service, "DAY1", &[record(&plastic.pan, (1, &bought), 300)]).await;
    let excepted = "SELECT count(*) FROM clearing_items WHERE status = 'EXCEPTION'";
    service.wait_for(excepted, 1).await;
    service.deposit.block(&service.account, "");
    let item_id = service.text("SELECT item_id::text FROM clearing_items").await;
    let resolve = |resolution: pb::ClearingResolution| pb::ResolveClearingExceptionRequest {
        request_id: request_id(),
        item_id: item_id.clone(),
        resolution: resolution.into(),
        card_id: String::new(),
        reason: "the account is no longer frozen".into(),
    };

    let forced = resolve(pb::ClearingResolution::ForcePost);
    let forced = operator.resolve_clearing_exception(forced).await;
    assert_refused(forced, "AUTHORIZATION_OPEN");
    let again = resolve(pb::ClearingResolution::Retry);
    operator.resolve_clearing_exception(again).await.unwrap();
    finished(&service, "DAY1").await;
    assert_eq!(line(&service, 2).await, "FULL POSTED 300 0");
    service.wait_until_nothing_is_held().await;
}
