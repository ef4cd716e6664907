//! A good request for each method of the deposit service. What it needs is made first, by a teller.

use prost::Message as _;
use proto::common::v1::Money;
use proto::deposit::v1 as pb;

use super::samples::missing;
use super::world::{World, absent_account};
use super::{Case, Scope};
use crate::support::{TELLER, cash_in, cny, hold, open, primary, request_id, transfer};

/// The encoded request.
pub async fn sample(world: &World, method: &str, case: &Case) -> Vec<u8> {
    let (request_id, amount) = (request_id(), Some(cny(case.amount_minor)));
    let account_number = || world.account(case.scope);
    match method {
        "OpenAccount" => open(&world.customer(case.scope), case.amount_minor).encode_to_vec(),
        "BatchOpenAccounts" => {
            let items = vec![open(&world.customer(case.scope), case.amount_minor)];
            pb::BatchOpenAccountsRequest { items }.encode_to_vec()
        }
        "DepositCash" => cash_in(&account_number(), case.amount_minor).encode_to_vec(),
        "WithdrawCash" => {
            pb::WithdrawCashRequest { request_id, account_number: account_number(), amount }
                .encode_to_vec()
        }
        // To somebody else: a channel may pay anybody.
        "Transfer" => {
            let payee = world.account(Scope::Other);
            transfer(&account_number(), &payee, case.amount_minor).encode_to_vec()
        }
        "PlaceHold" => hold(&account_number(), case.amount_minor).encode_to_vec(),
        "CaptureHold" => pb::CaptureHoldRequest {
            request_id,
            hold_id: a_hold(world, case).await,
            amount,
            credit_account_number: String::new(),
            release_remainder: true,
        }
        .encode_to_vec(),
        "ReleaseHold" => {
            let hold_id = a_hold(world, case).await;
            pb::ReleaseHoldRequest { request_id, hold_id, fence_unknown: false }.encode_to_vec()
        }
        "ReversePosting" => {
            let posting_id = a_posting(world, case).await;
            pb::ReversePostingRequest { request_id, posting_id }.encode_to_vec()
        }
        "FreezeAccount" => pb::FreezeAccountRequest {
            request_id,
            account_number: account_number(),
            scope: pb::FreezeScope::All.into(),
        }
        .encode_to_vec(),
        "UnfreezeAccount" => {
            let account_number = a_frozen_account(world, case).await;
            pb::UnfreezeAccountRequest { request_id, account_number }.encode_to_vec()
        }
        "CloseAccount" => {
            let account_number = an_empty_account(world, case).await;
            pb::CloseAccountRequest { request_id, account_number }.encode_to_vec()
        }
        "CloseOwner" => {
            let customer_id = world.customer(Scope::Absent);
            pb::CloseOwnerRequest { request_id, customer_id }.encode_to_vec()
        }
        "SettleToAccount" | "CollectFromAccount" => settlement(world, method, case),
        "DebitCardPayment" | "CreditCardPayment" => card_payment(world, method, case),
        _ => query(world, method, case),
    }
}

/// For a customer whose account it is not: what deposit moves for loans, and loan knows nothing of, the audit would find.
fn settlement(world: &World, method: &str, case: &Case) -> Vec<u8> {
    let (request_id, amount) = (request_id(), Some(cny(case.amount_minor)));
    let (account_number, customer_id) = (world.account(case.scope), world.customer(Scope::Absent));
    if method == "SettleToAccount" {
        return pb::SettleToAccountRequest { request_id, account_number, amount, customer_id }
            .encode_to_vec();
    }
    let allow_partial = false;
    pb::CollectFromAccountRequest { request_id, account_number, amount, customer_id, allow_partial }
        .encode_to_vec()
}

/// For a customer whose account it is not, as well.
fn card_payment(world: &World, method: &str, case: &Case) -> Vec<u8> {
    let (request_id, amount) = (request_id(), Some(cny(case.amount_minor)));
    let (account_number, customer_id) = (world.account(case.scope), world.customer(Scope::Absent));
    if method == "CreditCardPayment" {
        return pb::CreditCardPaymentRequest { request_id, account_number, amount, customer_id }
            .encode_to_vec();
    }
    pb::DebitCardPaymentRequest {
        request_id,
        account_number,
        amount,
        customer_id,
        hold_id: String::new(),
        keep_remainder: false,
        allow_partial: true,
    }
    .encode_to_vec()
}

fn query(world: &World, method: &str, case: &Case) -> Vec<u8> {
    let consistency = Some(primary());
    match method {
        "GetBalance" => {
            pb::GetBalanceRequest { account_number: world.account(case.scope), consistency }
                .encode_to_vec()
        }
        "GetAccount" => {
            pb::GetAccountRequest { account_number: world.account(case.scope), consistency }
                .encode_to_vec()
        }
        "ListAccounts" => pb::ListAccountsRequest {
            customer_id: world.customer(case.scope),
            consistency,
            ..Default::default()
        }
        .encode_to_vec(),
        "ListEntries" => pb::ListEntriesRequest {
            account_number: world.account(case.scope),
            consistency,
            ..Default::default()
        }
        .encode_to_vec(),
        "ListHolds" => pb::ListHoldsRequest {
            reason: pb::HoldReason::Card.into(),
            made_from: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
            made_before: Some(prost_types::Timestamp { seconds: 1_700_003_600, nanos: 0 }),
            consistency,
            ..Default::default()
        }
        .encode_to_vec(),
        "GetDayTotals" => {
            pb::GetDayTotalsRequest { business_date: "2020-01-01".into() }.encode_to_vec()
        }
        _ => missing("DepositService", method),
    }
}

/// A hold on the case's account which can be captured.
async fn a_hold(world: &World, case: &Case) -> String {
    let account = world.account(case.scope);
    if account == absent_account() {
        return request_id();
    }
    let reserved = case.amount_minor.min(super::world::UNLIMITED_MINOR);
    let request = pb::PlaceHoldRequest {
        request_id: request_id(),
        account_number: account,
        amount: Some(Money { currency_code: "CNY".into(), amount_minor: reserved }),
        expires_at: None,
        reason: pb::HoldReason::Unspecified.into(),
    };
    let id = request.request_id.clone();
    world.bank.deposit(TELLER).place_hold(request).await.unwrap();
    id
}

/// A posting that debited the case's account.
async fn a_posting(world: &World, case: &Case) -> String {
    let account = world.account(case.scope);
    if account == absent_account() {
        return request_id();
    }
    let request = transfer(&account, &world.account(Scope::Other), 100);
    let id = request.request_id.clone();
    world.bank.deposit(TELLER).transfer(request).await.unwrap();
    id
}

async fn a_frozen_account(world: &World, case: &Case) -> String {
    let account_number = world.account(case.scope);
    let request = pb::FreezeAccountRequest {
        request_id: request_id(),
        account_number: account_number.clone(),
        scope: pb::FreezeScope::All.into(),
    };
    world.bank.deposit(TELLER).freeze_account(request).await.unwrap();
    account_number
}

async fn an_empty_account(world: &World, case: &Case) -> String {
    let request = open(&world.customer(case.scope), 0);
    let answer = world.bank.deposit(TELLER).open_account(request).await.unwrap();
    answer.into_inner().posting.unwrap().credit_account_number
}
