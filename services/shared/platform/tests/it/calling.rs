//! How a service calls another.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use platform::client::{self, Channel, Retries};
use platform::config::ClientConfig;
use platform::identity::Identity;
use platform::{deadline, telemetry};
use tokio::net::TcpListener;
use tonic::{Code, Request};

use crate::support::{Running, Stub, TRANSFER, call, credentials, with, within};

fn channel(url: String) -> Channel {
    let credentials = credentials("service/loan");
    client::connect_lazy("loan", "deposit", &ClientConfig { url }, Some(&credentials)).unwrap()
}

#[tokio::test]
async fn the_next_hop_gets_less_time_the_same_trace_and_the_callers_name() {
    type Seen = (Arc<str>, Duration, String);
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

    let request = with(Request::new(()), "grpc-timeout", "800m");
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let request = with(request, "traceparent", trace);
    call(first.caller("channel/mobile"), TRANSFER, request).await.unwrap();

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
    let channel = channel(format!("https://{}", silent.local_addr().unwrap()));

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

#[tokio::test]
async fn a_connection_that_breaks_under_a_call_is_tried_again() {
    // The first connection is cut as soon as anything arrives on it; the next ones lead to a server.
    let server = Running::of(Stub::quick()).await;
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let channel = channel(format!("https://{}", proxy.local_addr().unwrap()));
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

    let edge = Retries::default();
    let answer = edge.call(|| call(channel.clone(), TRANSFER, Request::new(())));

    within(answer).await.unwrap();
}
