//! What a call passes: deadline, identity, authorization, traffic control.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use platform::config::{ServerConfig, TrafficConfig};
use platform::deadline;
use platform::identity::Identity;
use platform::traffic::{Queues, Traffic};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::support::{FREEZE, RELEASE_HOLD, Running, Stub, TRANSFER, call, config, with, within};

fn reason(status: &Status) -> String {
    status.get_details_error_info().expect("a status has a reason").reason
}

#[tokio::test]
async fn a_handler_knows_its_caller_and_what_time_is_left() {
    static SEEN: Mutex<Option<(Arc<str>, Duration)>> = Mutex::new(None);
    let stub = Stub::new(|request: Request<()>| async move {
        let caller = request.extensions().get::<Identity>().unwrap().name.clone();
        *SEEN.lock().unwrap() = Some((caller, deadline::remaining().unwrap()));
        Ok(())
    });
    let server = Running::of(stub).await;

    let request = with(Request::new(()), "grpc-timeout", "900m");
    call(server.caller("channel/mobile"), TRANSFER, request).await.unwrap();

    let (caller, left) = SEEN.lock().unwrap().clone().unwrap();
    assert_eq!(&*caller, "channel/mobile");
    assert!(left < Duration::from_millis(900) && left > Duration::from_millis(300), "{left:?}");
}

#[tokio::test]
async fn a_handler_that_is_too_slow_is_answered_with_deadline_exceeded() {
    let config = ServerConfig { default_deadline_ms: 30, ..config() };
    let server = Running::with(&config, |server| server, Stub::stuck()).await;

    let status = call(server.caller("channel/a"), TRANSFER, Request::new(())).await.unwrap_err();

    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(reason(&status), "DEADLINE_EXCEEDED");
    assert_eq!(status.get_details_error_info().unwrap().domain, "deposit.thincore");
}

#[tokio::test]
async fn a_malformed_deadline_is_refused() {
    let server = Running::of(Stub::quick()).await;

    let request = with(Request::new(()), "grpc-timeout", "soon");
    let status = call(server.caller("channel/mobile"), TRANSFER, request).await.unwrap_err();

    assert_eq!(status.code(), Code::InvalidArgument);
    let field = &status.get_details_bad_request().unwrap().field_violations[0].field;
    assert_eq!(field, "grpc-timeout");
}

#[tokio::test]
async fn hundreds_of_tiny_deadlines_leave_the_connection_to_the_others() {
    let stub = Stub::new(|request: Request<()>| async move {
        if request.metadata().contains_key("slow") {
            std::future::pending::<()>().await;
        }
        Ok(())
    });
    let server = Running::of(stub).await;
    let channel = server.channel("loan");

    for _ in 0..3 {
        let mut slow = tokio::task::JoinSet::new();
        for index in 0..300 {
            let mut request = with(Request::new(()), "slow", "yes");
            request.set_timeout(Duration::from_millis(4 + index % 37));
            slow.spawn(call(channel.clone(), TRANSFER, request));
        }
        let mut quick = tokio::task::JoinSet::new();
        for _ in 0..100 {
            quick.spawn(call(channel.clone(), TRANSFER, Request::new(())));
        }
        let slow = within(slow.join_all()).await;
        let quick = within(quick.join_all()).await;

        let codes: Vec<Code> = slow.into_iter().map(|answer| answer.unwrap_err().code()).collect();
        assert!(codes.iter().all(|code| *code == Code::DeadlineExceeded), "{codes:?}");
        assert!(quick.iter().all(Result::is_ok), "{quick:?}");
    }
}

#[tokio::test]
async fn a_role_that_the_method_does_not_admit_is_refused() {
    let server = Running::of(Stub::quick()).await;

    call(server.caller("teller/0042"), FREEZE, Request::new(())).await.unwrap();
    for caller in ["channel/mobile", "service/loan", "auditor/1", "root/1", "service/unheard-of"] {
        let status = call(server.caller(caller), FREEZE, Request::new(())).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{caller}");
        assert_eq!(reason(&status), "ROLE_NOT_ALLOWED", "{caller}");
    }
}

#[tokio::test]
async fn a_caller_beyond_its_rate_is_told_when_to_come_back_and_others_are_not_affected() {
    let limits = TrafficConfig { caller_rate: 1, caller_burst: 5, ..TrafficConfig::default() };
    let traffic = Traffic::new(&limits, &Queues::default());
    let server = Running::with(&config(), |server| server.traffic(&traffic), Stub::quick()).await;
    let greedy = server.caller("channel/greedy");

    for _ in 0..5 {
        call(greedy.clone(), TRANSFER, Request::new(())).await.unwrap();
    }
    let status = call(greedy.clone(), TRANSFER, Request::new(())).await.unwrap_err();

    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(reason(&status), "RATE_LIMITED");
    assert_eq!(status.get_details_error_info().unwrap().metadata["limit"], "caller");
    let wait = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
    call(server.caller("channel/modest"), TRANSFER, Request::new(())).await.unwrap();
    call(greedy, RELEASE_HOLD, Request::new(())).await.unwrap();
}

#[tokio::test]
async fn calls_beyond_what_may_be_under_way_are_refused_at_once() {
    static UNDER_WAY: AtomicU32 = AtomicU32::new(0);
    let stub = Stub::new(|_| async {
        UNDER_WAY.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    });
    let limits = TrafficConfig { in_flight_min: 1, in_flight_max: 4, ..TrafficConfig::default() };
    let traffic = Traffic::new(&limits, &Queues::default());
    let server = Running::with(&config(), |server| server.traffic(&traffic), stub).await;
    let channel = server.caller("channel/b");

    // 95 % of 4 is 3.
    let waiting: Vec<_> = (0..3)
        .map(|_| tokio::spawn(call(server.caller("channel/a"), TRANSFER, Request::new(()))))
        .collect();
    crate::support::eventually(|| async { UNDER_WAY.load(Ordering::SeqCst) == 3 }).await;
    let status = call(server.caller("channel/b"), TRANSFER, Request::new(())).await.unwrap_err();

    assert_eq!((status.code(), reason(&status)), (Code::ResourceExhausted, "OVERLOADED".into()));
    assert!(status.get_details_retry_info().is_some());
    for call in &waiting {
        call.abort();
    }
    crate::support::eventually(|| {
        let mut request = Request::new(());
        request.set_timeout(Duration::from_millis(20));
        let again = call(channel.clone(), TRANSFER, request);
        async { again.await.unwrap_err().code() != Code::ResourceExhausted }
    })
    .await;
}

#[tokio::test]
async fn a_method_that_is_not_in_the_contract_is_not_there() {
    let server = Running::of(Stub::quick()).await;

    let path = "/bank.deposit.v1.DepositService/Steal";
    let unknown = call(server.caller("channel/a"), "/bank.Nowhere/Call", Request::new(())).await;
    let hidden = call(server.caller("channel/a"), path, Request::new(())).await;

    assert_eq!(unknown.unwrap_err().code(), Code::Unimplemented);
    assert_eq!(hidden.unwrap_err().code(), Code::Unimplemented);
}
