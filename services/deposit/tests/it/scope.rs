//! A channel acts for one customer: what belongs to somebody else is answered as what does not exist, to the byte.

use kernel::{AccountNumber, CellCode};
use proto::common::v1::{ReadConsistency, read_consistency::Freshness};
use proto::deposit::v1 as pb;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::*;

/// A well-formed number that no account has.
fn nowhere() -> String {
    AccountNumber::from_parts(CellCode::try_new(999).unwrap(), 1).unwrap().to_string()
}

#[expect(clippy::unnecessary_wraps, reason = "fields of requests are optional")]
fn primary() -> Option<ReadConsistency> {
    Some(ReadConsistency { freshness: Some(Freshness::Primary(true)) })
}

/// All that a caller can see of a refusal, but for which service's clock made it.
#[track_caller]
fn seen<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String, Vec<u8>) {
    let status = answer.unwrap_err();
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

/// Two customers with two accounts each.
struct Neighbours {
    service: Service,
    own: Vec<String>,
    other: Vec<String>,
}

impl Neighbours {
    async fn start() -> Self {
        let service = Service::start().await;
        let own = service.open(&[(1_000, "CNY"), (1_000, "CNY")], service.owner).await;
        let other = service.open(&[(1_000, "CNY"), (1_000, "CNY")], new_customer(9)).await;
        Self { service, own, other }
    }

    /// That nothing has moved on the accounts of the other customer, nor been reserved.
    async fn assert_untouched(&self) {
        for account in &self.other {
            assert_eq!(balance(&mut self.service.teller(), account).await, (1_000, 0, 1_000));
        }
    }
}

/// A write on one account, under a new request id.
macro_rules! on_account {
    ($client:expr, $account:expr, $($method:ident($message:expr)),+ $(,)?) => {
        [$({
            let account: &str = $account;
            let message: fn(String, String) -> _ = $message;
            let answer = $client.$method(message(request_id(), account.to_owned())).await;
            (stringify!($method), answer.map(|answer| answer.into_inner().posting.unwrap()))
        }),+]
    };
}

macro_rules! every_write {
    ($client:expr, $account:expr) => {
        on_account!(
            $client,
            $account,
            deposit_cash(|request_id, account_number| pb::DepositCashRequest {
                request_id,
                account_number,
                amount: cny(10),
            }),
            withdraw_cash(|request_id, account_number| pb::WithdrawCashRequest {
                request_id,
                account_number,
                amount: cny(10),
            }),
            place_hold(|request_id, account_number| pb::PlaceHoldRequest {
                request_id,
                account_number,
                amount: cny(10),
                expires_at: None,
                reason: pb::HoldReason::Unspecified.into(),
            }),
        )
    };
}

#[tokio::test]
async fn a_channel_writes_to_its_customers_accounts_and_to_no_others() {
    let bank = Neighbours::start().await;
    let mut client = bank.service.client();

    for (method, answer) in every_write!(client, &bank.own[0]) {
        assert!(answer.is_ok(), "{method}: {answer:?}");
    }
    let hidden = every_write!(client, &bank.other[0]);
    let absent = every_write!(client, &nowhere());
    for ((method, hidden), (_, absent)) in hidden.into_iter().zip(absent) {
        let hidden = hidden.unwrap_err();
        assert_eq!(hidden.get_details_error_info().unwrap().reason, "ACCOUNT_UNKNOWN");
        assert_eq!(seen::<()>(Err(hidden)), seen(absent), "{method}");
    }
    bank.assert_untouched().await;
}

#[tokio::test]
async fn a_channel_reads_its_customers_accounts_and_no_others() {
    let bank = Neighbours::start().await;
    let mut client = bank.service.client();
    let balance = |account: &str| pb::GetBalanceRequest {
        account_number: account.into(),
        consistency: primary(),
    };
    let account = |account: &str| pb::GetAccountRequest {
        account_number: account.into(),
        consistency: primary(),
    };
    let page = |account: &str, page_token: &str| pb::ListEntriesRequest {
        account_number: account.into(),
        page_token: page_token.into(),
        consistency: primary(),
        ..Default::default()
    };
    let (own, other, nowhere) = (bank.own[0].as_str(), bank.other[0].as_str(), nowhere());

    client.get_balance(balance(own)).await.unwrap();
    client.get_account(account(own)).await.unwrap();
    let entries = client.list_entries(page(own, "")).await.unwrap().into_inner().entries;
    assert_eq!(entries.len(), 1);

    let hidden = seen(client.get_balance(balance(other)).await);
    assert_eq!(hidden.0, Code::NotFound);
    assert_eq!(hidden, seen(client.get_balance(balance(&nowhere)).await));
    assert_eq!(hidden, seen(client.get_account(account(other)).await));
    assert_eq!(hidden, seen(client.get_account(account(&nowhere)).await));
    assert_eq!(hidden, seen(client.list_entries(page(other, "")).await));
    assert_eq!(hidden, seen(client.list_entries(page(&nowhere, "")).await));
    for unseen in [other, &nowhere] {
        let later = client.list_entries(page(unseen, "100")).await.unwrap().into_inner();
        assert_eq!((later.entries, later.next_page_token.as_str()), (vec![], ""), "{unseen}");
    }
}

#[tokio::test]
async fn a_channel_lists_its_customers_accounts_and_finds_that_others_have_none() {
    let bank = Neighbours::start().await;
    let mut client = bank.service.client();
    let mut teller = bank.service.teller();
    let of = |customer_id: String| pb::ListAccountsRequest {
        customer_id,
        page_size: 1,
        consistency: primary(),
        ..Default::default()
    };
    let account =
        pb::GetAccountRequest { account_number: bank.other[0].clone(), consistency: primary() };
    let other = teller.get_account(account).await.unwrap().into_inner().account.unwrap();

    let own = client.list_accounts(of(bank.service.owner.to_string())).await.unwrap().into_inner();
    assert!(bank.own.contains(&own.accounts[0].account_number));
    for unseen in [other.customer_id.clone(), new_customer(1).to_string()] {
        let none = client.list_accounts(of(unseen)).await.unwrap().into_inner();
        assert_eq!((none.accounts, none.next_page_token.as_str()), (vec![], ""));
    }
    let seen = teller.list_accounts(of(other.customer_id)).await.unwrap().into_inner();
    assert!(bank.other.contains(&seen.accounts[0].account_number));
}

#[tokio::test]
async fn a_channel_may_pay_anybody_and_only_from_its_customers_accounts() {
    let bank = Neighbours::start().await;
    let mut client = bank.service.client();
    let (own, other) = (&bank.own[0], &bank.other[0]);

    client.transfer(transfer(own, &bank.own[1], 1)).await.unwrap();
    client.transfer(transfer(own, other, 1)).await.unwrap();
    let hidden = seen(client.transfer(transfer(other, own, 1)).await);
    assert_eq!(hidden, seen(client.transfer(transfer(&nowhere(), own, 1)).await));
    assert_eq!(hidden, seen(client.transfer(transfer(other, &nowhere(), 1)).await));
    assert_eq!(balance(&mut bank.service.teller(), other).await.0, 1_001);
}

#[tokio::test]
async fn whatever_keeps_money_from_somebody_else_is_told_as_an_unknown_account() {
    let bank = Neighbours::start().await;
    let yen = bank.service.open(&[(0, "JPY")], new_customer(8)).await.remove(0);
    let (mut client, mut teller) = (bank.service.client(), bank.service.teller());
    let (own, frozen) = (&bank.own[0], &bank.other[0]);
    let freeze = pb::FreezeAccountRequest {
        request_id: request_id(),
        account_number: frozen.clone(),
        scope: pb::FreezeScope::All.into(),
    };
    teller.freeze_account(freeze).await.unwrap();

    let absent = seen(client.transfer(transfer(own, &nowhere(), 1)).await);
    for payee in [frozen, &yen] {
        assert_eq!(seen(client.transfer(transfer(own, payee, 1)).await), absent, "{payee}");
    }
    // Staff hears why; and who cannot pay hears nothing of whom it wanted to pay.
    assert_refused(teller.transfer(transfer(own, frozen, 1)).await, "ACCOUNT_FROZEN");
    for payee in [frozen, &bank.other[1], &nowhere()] {
        let broke = client.transfer(transfer(own, payee, 1_001)).await;
        assert_refused(broke, "INSUFFICIENT_FUNDS");
    }
}

#[tokio::test]
async fn a_hold_of_somebody_else_is_not_there() {
    let bank = Neighbours::start().await;
    let (mut client, mut teller) = (bank.service.client(), bank.service.teller());
    let place = |account: &str| hold(account, 100);
    let own = client.place_hold(place(&bank.own[0])).await.unwrap().into_inner();
    let other = teller.place_hold(place(&bank.other[0])).await.unwrap().into_inner();
    let id = |posting: Option<pb::Posting>| posting.unwrap().posting_id;
    let (own, other, absent) = (id(own.posting), id(other.posting), request_id());
    let capture = |hold_id: &str, credit: &str| pb::CaptureHoldRequest {
        request_id: request_id(),
        hold_id: hold_id.into(),
        amount: cny(10),
        credit_account_number: credit.into(),
        release_remainder: false,
    };
    let release = |hold_id: &str| pb::ReleaseHoldRequest {
        request_id: request_id(),
        hold_id: hold_id.into(),
        fence_unknown: false,
    };

    let hidden = client.capture_hold(capture(&other, "")).await.unwrap_err();
    assert_eq!(reason::<()>(Err(hidden.clone())).1, "HOLD_UNKNOWN");
    let hidden = seen::<()>(Err(hidden));
    assert_eq!(hidden, seen(client.capture_hold(capture(&absent, "")).await));
    assert_eq!(hidden, seen(client.capture_hold(capture(&other, &bank.own[0])).await));
    assert_eq!(hidden, seen(client.release_hold(release(&other)).await));
    assert_eq!(hidden, seen(client.release_hold(release(&absent)).await));

    client.capture_hold(capture(&own, "")).await.unwrap();
    client.capture_hold(capture(&own, &bank.other[1])).await.unwrap();
    let nowhere = client.capture_hold(capture(&own, &nowhere())).await;
    assert_refused(nowhere, "ACCOUNT_UNKNOWN");
    client.release_hold(release(&own)).await.unwrap();
    assert_eq!(balance(&mut teller, &bank.other[0]).await, (1_000, 100, 900));
}

#[tokio::test]
async fn a_posting_that_took_nothing_from_the_customer_is_reversed_like_one_that_is_not_known() {
    let bank = Neighbours::start().await;
    let (mut client, mut teller) = (bank.service.client(), bank.service.teller());
    let paid = transfer(&bank.own[0], &bank.other[0], 5);
    let received = transfer(&bank.other[0], &bank.own[0], 7);
    client.transfer(paid.clone()).await.unwrap();
    teller.transfer(received.clone()).await.unwrap();
    let reverse = |posting_id: &str| pb::ReversePostingRequest {
        request_id: request_id(),
        posting_id: posting_id.into(),
    };

    for unseen in [received.request_id.clone(), request_id()] {
        for _ in 0..2 {
            let answer = client.reverse_posting(reverse(&unseen)).await.unwrap().into_inner();
            let posting = answer.posting.unwrap();
            assert_eq!(posting.kind(), pb::PostingKind::Reversal);
            assert_eq!(posting.amount, None);
            assert_eq!(
                (posting.debit_account_number, posting.credit_account_number),
                Default::default()
            );
        }
    }
    assert_eq!(balance(&mut teller, &bank.other[0]).await.0, 998);
    teller.reverse_posting(reverse(&received.request_id)).await.unwrap();
    client.reverse_posting(reverse(&paid.request_id)).await.unwrap();
    assert_eq!(balance(&mut teller, &bank.other[0]).await.0, 1_000);
    assert_eq!(balance(&mut teller, &bank.own[0]).await.0, 1_000);
}

#[tokio::test]
async fn a_reversal_that_somebody_else_cannot_pay_back_does_not_say_why() {
    let bank = Neighbours::start().await;
    let (mut client, mut teller) = (bank.service.client(), bank.service.teller());
    let paid = transfer(&bank.own[0], &bank.other[0], 500);
    client.transfer(paid.clone()).await.unwrap();
    teller.transfer(transfer(&bank.other[0], &bank.other[1], 1_400)).await.unwrap();
    let reverse = || pb::ReversePostingRequest {
        request_id: request_id(),
        posting_id: paid.request_id.clone(),
    };

    assert_refused(client.reverse_posting(reverse()).await, "POSTING_NOT_REVERSIBLE");
    assert_refused(teller.reverse_posting(reverse()).await, "INSUFFICIENT_FUNDS");
}

#[tokio::test]
async fn a_request_id_answers_only_to_the_customer_for_whom_it_was_used() {
    let bank = Neighbours::start().await;
    let request = transfer(&bank.own[0], &bank.other[0], 5);
    bank.service.client().transfer(request.clone()).await.unwrap();
    let mut other = bank.service.client_for(new_customer(7));

    let probed = seen(other.transfer(request.clone()).await);
    assert_refused(other.transfer(request.clone()).await, "REQUEST_ID_REUSED");
    // The answer is the same whatever the first outcome was, and whatever is asked.
    let refused = transfer(&bank.own[0], &bank.other[0], 100_000);
    assert_refused(bank.service.client().transfer(refused.clone()).await, "INSUFFICIENT_FUNDS");
    assert_eq!(seen(other.transfer(refused).await), probed);
    let mut hold = hold(&bank.own[0], 1);
    hold.request_id = request.request_id.clone();
    assert_eq!(seen(other.place_hold(hold).await), probed);
    // A teller asks on nobody's behalf, which is another request too.
    assert_refused(bank.service.teller().transfer(request.clone()).await, "REQUEST_ID_REUSED");
    bank.service.client().transfer(request).await.unwrap();
}

#[tokio::test]
async fn a_refusal_about_somebody_else_is_recorded_and_repeated_like_any_other() {
    let bank = Neighbours::start().await;
    let mut client = bank.service.client();
    let request = transfer(&bank.other[0], &bank.own[0], 5);

    let first = seen(client.transfer(request.clone()).await);

    assert_eq!(first, seen(client.transfer(request).await));
    let recorded =
        bank.service.count("SELECT count(*) FROM outcomes WHERE result = 'ACCOUNT_UNKNOWN'").await;
    assert_eq!(recorded, 1);
}

#[tokio::test]
async fn a_channel_that_names_no_customer_is_turned_away_before_anything_is_decided() {
    let bank = Neighbours::start().await;
    let read =
        || pb::GetBalanceRequest { account_number: bank.own[0].clone(), consistency: primary() };
    let mut nobody = bank.service.channel_for_nobody();

    let required = (Code::PermissionDenied, "CUSTOMER_REQUIRED".to_owned());
    assert_eq!(reason(nobody.transfer(transfer(&bank.own[0], &bank.own[1], 1)).await), required);
    assert_eq!(reason(nobody.get_balance(read()).await), required);
    let status = bank.service.channel_naming("mine").get_balance(read()).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let wrong = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(wrong[0].field, "thincore-customer");
    assert_eq!(bank.service.count("SELECT count(*) FROM outcomes WHERE amount_minor = 1").await, 0);
}

#[tokio::test]
async fn other_services_and_auditors_see_every_account() {
    let bank = Neighbours::start().await;

    for caller in ["service/loan", "service/card", "auditor/test"] {
        let mut client = bank.service.client_as(caller);
        assert_eq!(balance(&mut client, &bank.other[0]).await.0, 1_000, "{caller}");
    }
}

#[tokio::test]
async fn an_amount_above_the_limit_of_the_role_is_turned_away_to_the_cent() {
    let service = Service::start().await;
    let accounts = service.accounts(&[9_000_000_000, 0]).await;
    let (mut client, mut teller) = (service.client(), service.teller());
    let mut loans = service.client_as("service/loan");
    let moved = |minor| transfer(&accounts[0], &accounts[1], minor);
    let above = (Code::PermissionDenied, "AMOUNT_ABOVE_ROLE_LIMIT".to_owned());

    client.transfer(moved(50_000_000)).await.unwrap();
    assert_eq!(reason(client.transfer(moved(50_000_001)).await), above);
    assert_eq!(reason(client.place_hold(hold(&accounts[0], 50_000_001)).await), above);
    teller.transfer(moved(50_000_001)).await.unwrap();
    assert_eq!(reason(teller.transfer(moved(5_000_000_001)).await), above);
    loans.transfer(moved(5_000_000_001)).await.unwrap();
    let opening = pb::OpenAccountRequest {
        request_id: request_id(),
        customer_id: service.owner.to_string(),
        product_code: "CURRENT".into(),
        currency_code: "CNY".into(),
        opening_deposit_minor: 50_000_001,
    };
    assert_eq!(reason(client.open_account(opening.clone()).await), above);
    let item = pb::OpenAccountRequest { opening_deposit_minor: 5_000_000_001, ..opening };
    let batch = pb::BatchOpenAccountsRequest { items: vec![item] };
    assert_eq!(reason(teller.batch_open_accounts(batch).await), above);
}
