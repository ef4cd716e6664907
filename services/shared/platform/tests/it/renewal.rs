//! Certificates are renewed while calls go on, and an expired one is worth nothing.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Clock, SystemClock};
use platform::client::Retries;
use platform::config::{ServerConfig, TlsConfig};
use platform::tls::Credentials;
use testkit::certificates::{Authority, Leaf};
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::support::{Running, Stub, TRANSFER, call, config, credentials, eventually, files_in};

fn now() -> DateTime<Utc> {
    SystemClock.now()
}

/// Puts a certificate into the directory that lasts so long.
fn renew(directory: &std::path::Path, identity: &str, lifetime: TimeDelta) -> TlsConfig {
    let leaf = Leaf::new(identity, now(), lifetime);
    let issued = Authority::of_this_process().issue(&leaf).unwrap();
    files_in(directory, &issued)
}

#[tokio::test]
async fn calls_go_on_through_the_expiry_of_certificates_that_are_renewed() {
    let directory = tempfile::tempdir().unwrap();
    let short = TimeDelta::seconds(3);
    let server_files = renew(directory.path(), "service/deposit", short);
    let client_files = renew(directory.path(), "service/loan", short);
    let server_credentials = Credentials::load(&server_files).unwrap();
    let young = ServerConfig { connection_age_max_s: 1, ..config() };
    let server = Running::with(
        &young,
        |server| server.credentials(Some(server_credentials.clone())),
        Stub::quick(),
    )
    .await;
    let client_credentials = Credentials::load(&client_files).unwrap();
    let channel = server.with_credentials(&client_credentials);
    let first_expiry = server_credentials.expires_at();

    // A call that meets the end of its connection was never sent, and the edge of the bank sends it again.
    let edge = Retries::default();
    let (mut calls, mut renewals) = (0, 0);
    while now() < first_expiry + TimeDelta::seconds(2) {
        // Renewed when a second is left of the first, as an operator renews when weeks are left.
        if renewals == 0 && now() + TimeDelta::milliseconds(1_500) > first_expiry {
            renew(directory.path(), "service/deposit", TimeDelta::hours(1));
            renew(directory.path(), "service/loan", TimeDelta::hours(1));
            renewals += 1;
        }
        edge.call(|| call(channel.clone(), TRANSFER, Request::new(()))).await.unwrap();
        calls += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }

    assert!(calls > 100, "{calls}");
    assert!(server_credentials.expires_at() > first_expiry + TimeDelta::seconds(60));
    assert!(client_credentials.expires_at() > first_expiry + TimeDelta::seconds(60));
}

#[tokio::test]
async fn a_certificate_that_expires_on_an_open_connection_is_worth_nothing_from_then_on() {
    let directory = tempfile::tempdir().unwrap();
    let files = renew(directory.path(), "channel/mobile", TimeDelta::seconds(2));
    let server = Running::of(Stub::quick()).await;
    let channel = server.with_credentials(&Credentials::load(&files).unwrap());
    call(channel.clone(), TRANSFER, Request::new(())).await.unwrap();

    eventually(|| {
        let answer = call(channel.clone(), TRANSFER, Request::new(()));
        async { answer.await.is_err() }
    })
    .await;

    let status = call(channel, TRANSFER, Request::new(())).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(status.get_details_error_info().unwrap().reason, "CERTIFICATE_EXPIRED");
    let fresh = server.with_credentials(&credentials("channel/mobile"));
    call(fresh, TRANSFER, Request::new(())).await.unwrap();
}

#[tokio::test]
async fn files_that_cannot_be_used_leave_the_certificate_in_use_and_the_next_good_ones_are_taken() {
    let directory = tempfile::tempdir().unwrap();
    let files = renew(directory.path(), "service/deposit", TimeDelta::hours(1));
    let credentials = Credentials::load(&files).unwrap();
    let server = Running::with(
        &config(),
        |server| server.credentials(Some(credentials.clone())),
        Stub::quick(),
    )
    .await;
    let first = credentials.expires_at();

    std::fs::write(&files.certificate_file, "-----BEGIN CERTIFICATE-----\nnonsense").unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    call(server.caller("channel/a"), TRANSFER, Request::new(())).await.unwrap();
    assert_eq!(credentials.expires_at(), first);

    // Key and certificate that do not belong together, as in the middle of a renewal.
    let other = Authority::of_this_process().issue_for_a_day("service/deposit").unwrap();
    std::fs::write(&files.certificate_file, &other.certificate_pem).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    call(server.caller("channel/b"), TRANSFER, Request::new(())).await.unwrap();
    assert_eq!(credentials.expires_at(), first);

    std::fs::write(&files.key_file, &other.key_pem).unwrap();
    eventually(|| async { credentials.expires_at() != first }).await;
    call(server.caller("channel/c"), TRANSFER, Request::new(())).await.unwrap();
}
