//! Health, readiness, and how a server ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use platform::config::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{Running, Stub, TRANSFER, call, config, eventually, within};

#[tokio::test]
async fn draining_finishes_the_calls_under_way_and_takes_no_more() {
    let (begun, finish) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let stub = {
        let (begun, finish) = (Arc::clone(&begun), Arc::clone(&finish));
        Stub::new(move |_| {
            let (begun, finish) = (Arc::clone(&begun), Arc::clone(&finish));
            async move {
                begun.add_permits(1);
                drop(finish.acquire().await);
                Ok(())
            }
        })
    };
    let mut server = Running::of(stub).await;
    let under_way = tokio::spawn(call(server.caller("channel/a"), TRANSFER, Request::new(())));
    drop(within(begun.acquire()).await);
    assert!(server.page("/readyz", None).await.0 == 200);

    server.stop();
    eventually(|| async { server.page("/readyz", None).await.0 == 503 }).await;
    eventually(|| async { TcpStream::connect(server.address).await.is_err() }).await;
    assert!(server.page("/livez", None).await.0 == 200);
    assert!(!under_way.is_finished());
    finish.add_permits(1);

    within(under_way).await.unwrap().unwrap();
    server.ended().await.unwrap();
}

#[tokio::test]
async fn draining_ends_when_its_time_is_up() {
    let config = ServerConfig { drain_ms: 50, ..config() };
    let mut server = Running::with(&config, |server| server, Stub::stuck()).await;
    let stuck = tokio::spawn(call(server.caller("channel/a"), TRANSFER, Request::new(())));
    let started = Instant::now();

    server.stop();
    server.ended().await.unwrap();

    assert!(started.elapsed() < Duration::from_secs(4));
    stuck.abort();
}

#[tokio::test]
async fn health_and_the_operations_port_follow_readiness_and_ask_for_no_role() {
    let ready = Arc::new(AtomicBool::new(false));
    let probe = Arc::clone(&ready);
    let server = Running::with(
        &config(),
        |server| server.ready_when(move || probe.load(Ordering::SeqCst)),
        Stub::quick(),
    )
    .await;
    let health = HealthClient::new(server.caller("channel/a"));
    let status = |service: &'static str| {
        let mut health = health.clone();
        async move {
            let request = HealthCheckRequest { service: service.into() };
            health.check(request).await.unwrap().into_inner().status()
        }
    };

    assert_eq!(status("").await, ServingStatus::NotServing);
    assert!(server.page("/readyz", None).await.0 == 503);
    assert!(server.page("/livez", None).await.0 == 200);
    ready.store(true, Ordering::SeqCst);
    eventually(|| async { status("").await == ServingStatus::Serving }).await;
    let service = "bank.deposit.v1.DepositService";
    eventually(|| async { status(service).await == ServingStatus::Serving }).await;
    assert!(server.page("/readyz", None).await.0 == 200);
}

#[tokio::test]
async fn whoever_watches_health_is_told_before_the_server_ends() {
    let mut server = Running::of(Stub::quick()).await;
    let mut health = HealthClient::new(server.caller("channel/a"));
    let request = HealthCheckRequest { service: String::new() };
    let mut watched = health.watch(request).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::Serving);

    server.stop();

    let told = within(watched.message()).await.unwrap().unwrap().status();
    assert_eq!(told, ServingStatus::NotServing);
    drop(watched);
    server.ended().await.unwrap();
    let gone = call(server_gone().await, TRANSFER, Request::new(())).await.unwrap_err();
    assert_eq!(gone.code(), Code::Unavailable);
}

/// A connection to where nobody listens.
async fn server_gone() -> tonic::transport::Channel {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    tonic::transport::Endpoint::from_shared(url).unwrap().connect_lazy()
}
