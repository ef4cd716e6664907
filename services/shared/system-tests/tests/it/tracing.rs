//! A business transaction is one trace, from the edge of the bank to its journal, as a collector that speaks OTLP sees it.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use proto::customer::v1 as customer;
use scheme::Mti;
use tokio::task::JoinSet;
use tonic::Request;

use crate::collector::{Collector, Seen};
use crate::lending::disburse;
use crate::line::code;
use crate::support::*;

const TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
/// The span of the caller, which is nobody of the bank.
const CALLER: u64 = 0x00f0_67aa_0ba9_02b7;
const TRANSFER: &str = "/bank.deposit.v1.DepositService/Transfer";
const OPEN_ACCOUNT: &str = "/bank.deposit.v1.DepositService/OpenAccount";
const POST_EVENTS: &str = "/bank.accounting.v1.AccountingService/PostEvents";
const DISBURSE: &str = "/bank.loan.v1.LoanService/DisburseLoan";
const SETTLE: &str = "/bank.deposit.v1.DepositService/SettleToAccount";
const PLACE_HOLD: &str = "/bank.deposit.v1.DepositService/PlaceHold";
const DEBIT: &str = "/bank.deposit.v1.DepositService/DebitCardPayment";
const CUSTOMER_STATUS: &str = "/bank.customer.v1.CustomerService/BatchGetCustomerStatus";

/// A bank that records only what callers ask for.
async fn traced() -> (Bank, Collector) {
    let (collector, url) = Collector::start();
    let bank = Bank::start_with(|options| {
        options.otlp = Some(url);
        options.trace_ratio = Some(0.0);
    })
    .await;
    (bank, collector)
}

/// A call in a trace that its caller records.
fn within<T>(trace: u128, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let traceparent = format!("00-{trace:032x}-{CALLER:016x}-01");
    request.metadata_mut().insert("traceparent", traceparent.parse().unwrap());
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_follows_a_transfer_from_the_channel_into_the_general_ledger() {
    let (bank, collector) = traced().await;
    let accounts = bank.accounts(&[1_000, 0]).await;

    let request = within(TRACE, transfer(&accounts[0], &accounts[1], 10));
    bank.channel_of(&accounts[0]).transfer(request).await.unwrap();

    let trace = collector.trace(TRACE, 6).await;
    let call = trace.child(&CALLER.to_be_bytes(), "deposit", TRANSFER);
    let batch = trace.child(&call.span.span_id, "deposit", "lane.batch");
    let delivery = trace.child(&batch.span.span_id, "deposit", "outbox.deliver");
    let receipt = trace.child(&delivery.span.span_id, "accounting", POST_EVENTS);
    let booking = trace.child(&receipt.span.span_id, "accounting", "lane.batch");
    let journal = trace.child(&batch.span.span_id, "accounting", "accounting.book");
    assert_eq!(trace.0.len(), 6, "{:#?}", trace.outline());
    assert!(journal.links_to(&booking.span), "{journal:#?}");
    assert_eq!(
        [call, delivery, receipt, batch].map(|one| one.span.kind()),
        [SpanKind::Server, SpanKind::Client, SpanKind::Server, SpanKind::Internal]
    );
    assert_eq!(
        [call, receipt].map(|one| one.text("rpc.grpc.status")),
        [Some("OK".into()), Some("OK".into())]
    );
    assert!(!trace.0.iter().any(Seen::failed));
    assert_eq!(collector.seen().len(), 6, "nothing else was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_is_one_trace_through_three_services() {
    let (bank, collector) = traced().await;
    let owner = bank.register_active().await;

    let request = within(TRACE, open(&owner, 500));
    bank.channel_for(&owner).open_account(request).await.unwrap();

    let trace = collector.trace(TRACE, 7).await;
    let call = trace.child(&CALLER.to_be_bytes(), "deposit", OPEN_ACCOUNT);
    let asked = trace.child(&call.span.span_id, "customer", CUSTOMER_STATUS);
    let batch = trace.child(&call.span.span_id, "deposit", "lane.batch");
    trace.child(&batch.span.span_id, "accounting", "accounting.book");
    assert!(asked.span.end_time_unix_nano <= batch.span.start_time_unix_nano);
    assert_eq!(asked.text("rpc.grpc.status"), Some("OK".into()));
}

/// Accepted, paid, and written down: two batches of the loan service and one of deposit, each of which tells accounting.
#[tokio::test(flavor = "multi_thread")]
async fn paying_out_a_loan_is_one_trace_through_three_services() {
    let (bank, collector) = traced().await;
    let borrower = bank.borrower(0).await;
    let loan = bank.approved(&borrower, 1_000_000).await;

    let request = within(TRACE, disburse(&loan.loan_id));
    bank.loan(TELLER).disburse_loan(request).await.unwrap();
    bank.delivered().await;

    eventually("both journals are in the trace", async || {
        let seen = collector.seen();
        seen.iter().filter(|one| one.span.name == "accounting.book").count() == 2
    })
    .await;
    let trace = collector.trace(TRACE, 12).await;
    let call = trace.child(&CALLER.to_be_bytes(), "loan", DISBURSE);
    let asked = trace.child(&call.span.span_id, "deposit", SETTLE);
    let paid = trace.child(&asked.span.span_id, "deposit", "lane.batch");
    trace.child(&paid.span.span_id, "accounting", "accounting.book");
    assert_eq!(asked.text("rpc.grpc.status"), Some("OK".into()));
    assert!(!trace.0.iter().any(Seen::failed), "{:#?}", trace.outline());
    let of_loan = trace.0.iter().filter(|one| one.service == "loan");
    let batches = of_loan.filter(|one| one.span.name == "lane.batch");
    assert_eq!(batches.count(), 2, "{:#?}", trace.outline());
}

/// A message of the scheme brings no trace, so one begins with it: reserved, decided, taken, booked.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_the_scheme_is_one_trace_from_the_gateway_into_the_general_ledger() {
    let (collector, url) = Collector::start();
    let bank = Bank::start_with(|options| {
        options.otlp = Some(url);
        options.trace_ratio = Some(1.0);
    })
    .await;
    let card = bank.card_holder(10_000).await;
    let mut line = bank.signed_on().await;
    let bought = line.purchase(Mti::FINANCIAL, &card, 1_200);

    assert_eq!(code(&line.ask(&bought).await), "00");
    bank.carried_out().await;
    bank.delivered().await;

    let of_message = || -> Vec<Seen> {
        let seen = collector.seen();
        let message = seen.iter().find(|one| one.service == "card" && one.span.name == "0200");
        let trace = message.map(|one| one.span.trace_id.clone()).unwrap_or_default();
        seen.into_iter().filter(|one| one.span.trace_id == trace).collect()
    };
    eventually("the trace goes on into the general ledger", async || {
        let seen = of_message();
        let named = |service: &str, name: &str| {
            seen.iter().any(|one| one.service == service && one.span.name == name)
        };
        named("deposit", PLACE_HOLD)
            && named("card", "lane.batch")
            && named("deposit", DEBIT)
            && named("accounting", "accounting.book")
    })
    .await;
    let seen = of_message();
    let message = seen.iter().find(|one| one.span.name == "0200").unwrap();
    assert_eq!(message.text("outcome"), Some("00".into()));
    assert!(message.span.parent_span_id.is_empty());
    assert!(!seen.iter().any(Seen::failed), "{seen:#?}");
}

/// Many requests share a batch, many batches a delivery: each keeps its place in its own trace.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_for_many_links_to_each_of_them() {
    let (bank, collector) = traced().await;
    let accounts = bank.accounts(&[1_000_000, 0]).await;
    let traces: BTreeSet<u128> = (1..=200).map(|n| TRACE + n).collect();

    let mut calls = JoinSet::new();
    for trace in traces.clone() {
        let request = within(trace, transfer(&accounts[0], &accounts[1], 1));
        let mut channel = bank.channel_of(&accounts[0]);
        calls.spawn(async move { channel.transfer(request).await.unwrap() });
    }
    calls.join_all().await;
    bank.delivered().await;

    let named = |seen: &[Seen], service: &str, name: &str| -> Vec<Seen> {
        let of = |one: &&Seen| one.service == service && one.span.name == name;
        seen.iter().filter(of).cloned().collect()
    };
    eventually("every posting and every delivery is exported", async || {
        let seen = collector.seen();
        let batches = named(&seen, "deposit", "lane.batch");
        let belongs = |one: &Seen, to: &Seen| {
            to.span.parent_span_id == one.span.span_id || to.links_to(&one.span)
        };
        let deliveries = named(&seen, "deposit", "outbox.deliver");
        let journals = named(&seen, "accounting", "accounting.book");
        let calls = named(&seen, "deposit", TRANSFER);
        calls.len() == traces.len()
            && calls.iter().all(|call| batches.iter().filter(|to| belongs(call, to)).count() == 1)
            && batches.iter().all(|batch| deliveries.iter().any(|to| belongs(batch, to)))
            && batches
                .iter()
                .all(|batch| journals.iter().any(|to| to.span.parent_span_id == batch.span.span_id))
            && batches.iter().any(|batch| !batch.span.links.is_empty())
    })
    .await;
    let called: BTreeSet<u128> = named(&collector.seen(), "deposit", TRANSFER)
        .iter()
        .map(|call| u128::from_be_bytes(call.span.trace_id.clone().try_into().unwrap()))
        .collect();
    assert_eq!(called, traces);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_bank_is_no_error_and_a_call_that_may_not_be_made_is() {
    let (bank, collector) = traced().await;
    let accounts = bank.accounts(&[10, 0]).await;
    let too_much = || transfer(&accounts[0], &accounts[1], 11);

    let refused = bank.channel_of(&accounts[0]).transfer(within(TRACE, too_much())).await;
    let forbidden = bank.deposit(AUDITOR).transfer(within(TRACE + 1, too_much())).await;

    assert_refused(refused, "INSUFFICIENT_FUNDS");
    assert_eq!(reason(&forbidden.unwrap_err()), "ROLE_NOT_ALLOWED");
    let trace = collector.trace(TRACE, 2).await;
    let call = trace.child(&CALLER.to_be_bytes(), "deposit", TRANSFER);
    assert_eq!(call.text("rpc.grpc.status"), Some("FAILED_PRECONDITION".into()));
    assert!(!call.failed());
    let trace = collector.trace(TRACE + 1, 1).await;
    let call = trace.child(&CALLER.to_be_bytes(), "deposit", TRANSFER);
    assert_eq!(call.text("rpc.grpc.status"), Some("PERMISSION_DENIED".into()));
    assert!(call.failed());
}

/// Whoever may look at traces and logs may not see who the customers are.
#[tokio::test(flavor = "multi_thread")]
async fn neither_traces_nor_logs_say_who_or_which_account() {
    let (bank, collector) = traced().await;
    let somebody = customer::RegisterCustomerRequest {
        name: "Zebulon Quixote-Canary".into(),
        document_number: "CANARY4711".into(),
        phone: "+8613900004711".into(),
        ..person()
    };

    let registered =
        bank.customer(CHANNEL).register_customer(within(TRACE, somebody.clone())).await;
    let owner = registered.unwrap().into_inner().customer.unwrap().customer_id;
    // A document belongs to one customer: this one is refused.
    let again = customer::RegisterCustomerRequest { request_id: request_id(), ..somebody };
    bank.customer(CHANNEL).register_customer(within(TRACE, again)).await.unwrap_err();
    bank.customer(TELLER).activate_customer(within(TRACE, activate(&owner))).await.unwrap();
    let opened = bank.channel_for(&owner).open_account(within(TRACE, open(&owner, 500))).await;
    let account = opened.unwrap().into_inner().posting.unwrap().credit_account_number;
    let mut channel = bank.channel_for(&owner);
    let nowhere = transfer(&account, "1010000000000000", 5);
    channel.transfer(within(TRACE, nowhere)).await.unwrap_err();
    channel.withdraw_cash(within(TRACE, cash_out(&account, 9_999))).await.unwrap_err();
    bank.deposit(TELLER).deposit_cash(within(TRACE, cash_in(&account, 5))).await.unwrap();
    bank.delivered().await;

    // Seven calls; two of them were posted, in one delivery or in two.
    let named = |name: &str| {
        let seen = collector.seen();
        seen.iter().filter(|one| one.span.name.ends_with(name)).count()
    };
    eventually("every call and every posting is exported", async || {
        let calls = ["/RegisterCustomer", "/ActivateCustomer", "/OpenAccount", "/Transfer"];
        let cash = ["/WithdrawCash", "/DepositCash"];
        calls.into_iter().chain(cash).map(named).sum::<usize>() == 7
            && named("accounting.book") == 2
            && named("outbox.deliver") > 0
            && named("/PostEvents") > 0
    })
    .await;
    let mut told = collector.everything();
    for service in ["customer", "deposit", "loan", "card", "accounting"] {
        let log = std::fs::read_to_string(&bank.file().service(service).unwrap().log).unwrap();
        assert!(!log.is_empty());
        told.push_str(&log);
    }
    for canary in ["Zebulon", "Quixote", "CANARY4711", "13900004711", &account, "1010000000000000"]
    {
        assert!(!told.contains(canary), "{canary}");
    }
}
