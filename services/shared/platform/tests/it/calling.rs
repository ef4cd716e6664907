//! How a service calls another.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use platform::client::{self, Channel};
use platform::config::ClientConfig;
use platform::identity::Identity;
use platform::{deadline, telemetry};
use tokio::net::TcpListener;
use tonic::{Code, Request, Status};

use crate::support::{Running, Stub, TRANSFER, call, from, with, within};

fn channel(url: String) -> Channel {
    client::connect_lazy("loan", &ClientConfig { url }).unwrap()
}

#[tokio::test]
async fn the_next_hop_gets_less_time_the_same_trace_and_the_callers_name() {
    type Seen = (String, Duration, String);
    static SEEN: Mutex<Vec<Seen>> = Mutex::new(Vec::new());
    let note = |request: &Request<()>| {
        let caller = request.extensions().get::<Identity>().unwrap().name.clone();
        let trace = telemetry::current_trace_id().unwrap();
        SEEN.lock().unwrap().push((caller, deadline::remaining().unwrap(), trace));
    };
    let last = Running::of(Stub::new(move |request: Request<()>| {
        note(&request);
        std::future::ready(Ok(()))
    }))
    .await;
    let next = last.channel("loan");
    let first = Running::of(Stub::new(move |request: Request<()>| {
        note(&request);
        call(next.clone(), TRANSFER, Request::new(()))
    }))
    .await;

    let request = with(from("channel/mobile"), "grpc-timeout", "800m");
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let request = with(request, "traceparent", trace);
    call(first.foreign().await, TRANSFER, request).await.unwrap();

    let seen = SEEN.lock().unwrap();
    assert_eq!([&*seen[0].0, &*seen[1].0], ["channel/mobile", "service/loan"]);
    assert!(seen[1].1 + Duration::from_millis(5) < seen[0].1, "{seen:?}");
    assert_eq!(seen[0].2, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(seen[1].2, seen[0].2);
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_deadline_exceeded() {
    // Connections are accepted by the kernel and never served.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let channel = channel(format!("http://{}", silent.local_addr().unwrap()));

    let limit = Some(Instant::now() + Duration::from_millis(80));
    let status = deadline::scope(limit, call(channel, TRANSFER, Request::new(()))).await;

    assert_eq!(status.unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn without_time_left_no_call_is_made() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let server = Running::of(Stub::new(|_| {
        CALLS.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(()))
    }))
    .await;

    let limit = Some(Instant::now() + Duration::from_millis(3));
    let late =
        deadline::scope(limit, call(server.channel("loan"), TRANSFER, Request::new(()))).await;

    assert_eq!(late.unwrap_err().code(), Code::DeadlineExceeded);
    assert_eq!(CALLS.load(Ordering::SeqCst), 0);
}

async fn attempts(code: Code, until: u32, limit: Option<Instant>) -> (Result<(), Status>, u32) {
    let attempts = Arc::new(AtomicU32::new(0));
    let answer = deadline::scope(
        limit,
        client::retry_idempotent(|| {
            let attempt = attempts.fetch_add(1, Ordering::SeqCst) + 1;
            std::future::ready(if attempt < until { Err(Status::new(code, "no")) } else { Ok(()) })
        }),
    )
    .await;
    (answer, attempts.load(Ordering::SeqCst))
}

#[tokio::test]
async fn only_no_answer_is_tried_again_and_not_for_ever() {
    let (answer, tried) = attempts(Code::Unavailable, 3, None).await;
    assert_eq!((answer.is_ok(), tried), (true, 3));

    let (answer, tried) = attempts(Code::Unavailable, 9, None).await;
    assert_eq!((answer.unwrap_err().code(), tried), (Code::Unavailable, 3));

    for code in [Code::FailedPrecondition, Code::ResourceExhausted, Code::DeadlineExceeded] {
        let (answer, tried) = attempts(code, 2, None).await;
        assert_eq!((answer.unwrap_err().code(), tried), (code, 1));
    }
}

#[tokio::test]
async fn nothing_is_tried_again_beyond_the_deadline() {
    let limit = Some(Instant::now() + Duration::from_millis(10));

    let (answer, tried) = attempts(Code::Unavailable, 2, limit).await;

    assert_eq!((answer.unwrap_err().code(), tried), (Code::Unavailable, 1));
}

#[tokio::test]
async fn a_connection_that_breaks_under_a_call_is_tried_again() {
    // The first connection is cut as soon as anything arrives on it; the next ones lead to a server.
    let server = Running::of(Stub::quick()).await;
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let channel = channel(format!("http://{}", proxy.local_addr().unwrap()));
    let behind = server.address;
    tokio::spawn(async move {
        let (cut, _) = proxy.accept().await.unwrap();
        cut.readable().await.unwrap();
        drop(cut);
        loop {
            let (mut from, _) = proxy.accept().await.unwrap();
            tokio::spawn(async move {
                let mut to = tokio::net::TcpStream::connect(behind).await.unwrap();
                drop(tokio::io::copy_bidirectional(&mut from, &mut to).await);
            });
        }
    });

    let answer = client::retry_idempotent(|| call(channel.clone(), TRANSFER, Request::new(())));

    within(answer).await.unwrap();
}
