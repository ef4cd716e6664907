//! Too many calls, and services that die: who is refused, who is left alone, and how much is added to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use platform::client::Retries;
use platform::config::TrafficConfig;
use platform::traffic::{Queues, Traffic};
use platform::{deadline, status};
use tokio::task::JoinHandle;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::support::{
    RELEASE_HOLD, Running, Stub, TRANSFER, call, config, eventually, with, within,
};

/// Of the classes card authorization, query, report and batch.
const PLACE_HOLD: &str = "/bank.deposit.v1.DepositService/PlaceHold";
const GET_BALANCE: &str = "/bank.deposit.v1.DepositService/GetBalance";
const GET_DAY_TOTALS: &str = "/bank.deposit.v1.DepositService/GetDayTotals";
const BATCH_OPEN: &str = "/bank.deposit.v1.DepositService/BatchOpenAccounts";

/// A server whose calls go on until it is told otherwise.
struct Crowded {
    server: Running,
    begun: Arc<AtomicU32>,
    under_way: Vec<JoinHandle<Result<(), Status>>>,
}

impl Crowded {
    async fn with_places(in_flight_max: u32) -> Self {
        let begun = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&begun);
        let stub = Stub::new(move |request: Request<()>| {
            let counted = Arc::clone(&counted);
            async move {
                if request.metadata().contains_key("stay") {
                    counted.fetch_add(1, Ordering::SeqCst);
                    std::future::pending::<()>().await;
                }
                Ok(())
            }
        });
        let limits = TrafficConfig { in_flight_min: 1, in_flight_max, ..TrafficConfig::default() };
        let traffic = Traffic::new(&limits, &Queues::default());
        let server = Running::with(&config(), |server| server.traffic(&traffic), stub).await;
        Self { server, begun, under_way: Vec::new() }
    }

    /// So many calls that stay, of somebody who may make them.
    async fn stay(&mut self, count: u32, path: &'static str, identity: &str) {
        let (channel, before) = (self.server.caller(identity), self.begun.load(Ordering::SeqCst));
        for _ in 0..count {
            let request = with(Request::new(()), "stay", "yes");
            self.under_way.push(tokio::spawn(call(channel.clone(), path, request)));
        }
        eventually(|| async { self.begun.load(Ordering::SeqCst) == before + count }).await;
    }

    async fn answer(&self, path: &'static str, identity: &str) -> Result<(), String> {
        let answer = call(self.server.caller(identity), path, Request::new(())).await;
        answer.map_err(|status| reason_or_code(&status))
    }

    /// What becomes of a batch, a report, a query, a payment, a card authorization, and money in flight.
    async fn answers(&self) -> [Result<(), String>; 6] {
        [
            self.answer(BATCH_OPEN, "teller/1").await,
            self.answer(GET_DAY_TOTALS, "service/accounting").await,
            self.answer(GET_BALANCE, "channel/a").await,
            self.answer(TRANSFER, "channel/a").await,
            self.answer(PLACE_HOLD, "service/card").await,
            self.answer(RELEASE_HOLD, "service/card").await,
        ]
    }
}

/// So many of the six are refused, the least important first.
fn refused(count: usize) -> [Result<(), String>; 6] {
    std::array::from_fn(|at| if at < count { Err("OVERLOADED".to_owned()) } else { Ok(()) })
}

fn reason_or_code(status: &Status) -> String {
    status.get_details_error_info().map_or(format!("{:?}", status.code()), |info| info.reason)
}

#[tokio::test]
async fn the_fuller_it_gets_the_more_important_must_a_call_be_and_money_in_flight_always_passes() {
    let mut crowded = Crowded::with_places(20).await;
    assert_eq!(crowded.answers().await, refused(0));

    for (more, refusals) in [(10, 1), (2, 2), (4, 3), (3, 4), (1, 5)] {
        crowded.stay(more, PLACE_HOLD, "service/card").await;
        assert_eq!(crowded.answers().await, refused(refusals), "{more} more");
    }

    for call in &crowded.under_way {
        call.abort();
    }
    eventually(|| async { crowded.answers().await == refused(0) }).await;
}

#[tokio::test]
async fn a_caller_cannot_make_itself_more_important() {
    let mut crowded = Crowded::with_places(20).await;
    crowded.stay(16, PLACE_HOLD, "service/card").await;

    for key in ["thincore-criticality", "criticality", "x-priority", "priority"] {
        let request = with(Request::new(()), key, "CRITICALITY_CARD_AUTHORIZATION");
        let request = with(request, "money-in-flight", "true");
        let channel = crowded.server.caller("channel/a");
        let status = call(channel, GET_BALANCE, request).await.unwrap_err();
        assert_eq!(reason_or_code(&status), "OVERLOADED", "{key}");
        assert!(status.get_details_retry_info().is_some());
    }
}

/// Answers like this until it is mended, and counts.
fn broken(status: Status) -> (Stub, Arc<AtomicU32>, Arc<AtomicBool>) {
    let (calls, mended) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let seen = (Arc::clone(&calls), Arc::clone(&mended));
    let stub = Stub::new(move |_| {
        seen.0.fetch_add(1, Ordering::SeqCst);
        let fine = seen.1.load(Ordering::SeqCst);
        std::future::ready(if fine { Ok(()) } else { Err(status.clone()) })
    });
    (stub, calls, mended)
}

#[tokio::test]
async fn a_service_that_fails_is_left_alone_and_used_again_when_it_is_back() {
    let (stub, calls, mended) = broken(status::internal("deposit.thincore"));
    let server = Running::of(stub).await;
    let channel = server.channel("loan");
    let attempt = || call(channel.clone(), TRANSFER, Request::new(()));

    let mut last = String::new();
    for _ in 0..100 {
        last = reason_or_code(&attempt().await.unwrap_err());
    }
    let seen = calls.load(Ordering::SeqCst);
    assert_eq!((last.as_str(), seen), ("CALLEE_UNAVAILABLE", 20));

    mended.store(true, Ordering::SeqCst);
    eventually(|| async { attempt().await.is_ok() }).await;
    for _ in 0..20 {
        attempt().await.unwrap();
    }
}

#[tokio::test]
async fn a_service_that_dies_is_left_alone_until_another_listens_there() {
    let mut server = Running::of(Stub::quick()).await;
    let (channel, address) = (server.channel("loan"), server.address);
    let attempt = || async {
        let mut request = Request::new(());
        request.set_timeout(Duration::from_millis(500));
        call(channel.clone(), TRANSFER, request).await
    };
    attempt().await.unwrap();
    server.stop();
    server.ended().await.unwrap();

    eventually(|| async {
        attempt().await.is_err_and(|status| reason_or_code(&status) == "CALLEE_UNAVAILABLE")
    })
    .await;

    let config = platform::config::ServerConfig { listen: address, ..config() };
    let _back = Running::with(&config, |server| server, Stub::quick()).await;
    eventually(|| async { attempt().await.is_ok() }).await;
}

#[tokio::test]
async fn refusals_of_the_bank_and_of_its_traffic_control_leave_the_connection_in_use() {
    let (stub, calls, _) = broken(Status::failed_precondition("no"));
    let limits = TrafficConfig { caller_rate: 1, caller_burst: 50, ..TrafficConfig::default() };
    let traffic = Traffic::new(&limits, &Queues::default());
    let server = Running::with(&config(), |server| server.traffic(&traffic), stub).await;
    let channel = server.channel("loan");

    let mut codes = Vec::new();
    for _ in 0..200 {
        let status = call(channel.clone(), TRANSFER, Request::new(())).await.unwrap_err();
        codes.push(status.code());
    }

    assert!(!codes.contains(&Code::Unavailable), "{codes:?}");
    assert!(codes.contains(&Code::ResourceExhausted), "{codes:?}");
    assert!(calls.load(Ordering::SeqCst) >= 50);
}

#[tokio::test]
async fn when_a_service_fails_the_edge_adds_a_tenth_and_the_hop_behind_it_nothing() {
    let (last, last_calls, _) = broken(Status::unavailable("no"));
    let last = Running::of(last).await;
    let first_calls = Arc::new(AtomicU32::new(0));
    let next = last.channel("loan");
    let counted = Arc::clone(&first_calls);
    let first = Running::of(Stub::new(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        call(next.clone(), TRANSFER, Request::new(()))
    }))
    .await;
    let (edge, channel) = (Retries::default(), first.caller("channel/mobile"));

    for _ in 0..300 {
        let answer = edge.call(|| call(channel.clone(), TRANSFER, Request::new(())));
        assert!(within(answer).await.is_err());
    }

    let (first, last) = (first_calls.load(Ordering::SeqCst), last_calls.load(Ordering::SeqCst));
    // A tenth, ten for the start, and one each second.
    assert!((301..=360).contains(&first), "{first} calls for 300");
    assert!(last <= first, "{last} calls behind {first}");
}

#[tokio::test]
async fn what_is_left_of_the_deadline_goes_over_two_hops() {
    let left = Arc::new(std::sync::Mutex::new(Vec::new()));
    let note = |left: &Arc<std::sync::Mutex<Vec<Duration>>>| {
        left.lock().unwrap().push(deadline::remaining().unwrap());
    };
    let seen = Arc::clone(&left);
    let last = Running::of(Stub::new(move |_| {
        note(&seen);
        std::future::ready(Ok(()))
    }))
    .await;
    let (next, seen) = (last.channel("loan"), Arc::clone(&left));
    let middle = Running::of(Stub::new(move |_| {
        note(&seen);
        call(next.clone(), TRANSFER, Request::new(()))
    }))
    .await;
    let (next, seen) = (middle.channel("loan"), Arc::clone(&left));
    let first = Running::of(Stub::new(move |_| {
        note(&seen);
        call(next.clone(), TRANSFER, Request::new(()))
    }))
    .await;

    let request = with(Request::new(()), "grpc-timeout", "700m");
    call(first.caller("channel/mobile"), TRANSFER, request).await.unwrap();

    let left = left.lock().unwrap();
    let hop = Duration::from_millis(5);
    assert!(left[0] <= Duration::from_millis(700), "{left:?}");
    assert!(left[1] + hop < left[0] && left[2] + hop < left[1], "{left:?}");
}
