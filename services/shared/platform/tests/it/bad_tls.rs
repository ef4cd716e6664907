//! Whoever cannot prove to belong to the bank gets nowhere, on either listener and as either end.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Clock, SystemClock};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use testkit::certificates::{Authority, Issued, Leaf, Usage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::{Code, Request};

use crate::support::{Running, Stub, TRANSFER, call, config, credentials, credentials_of, within};

fn now() -> DateTime<Utc> {
    SystemClock.now()
}

fn own() -> &'static Authority {
    Authority::of_this_process()
}

/// A certificate that is good from and until so many hours from now.
fn dated(identity: &str, from: i64, until: i64) -> Issued {
    let leaf = Leaf::new(identity, now(), TimeDelta::hours(until));
    own().issue(&Leaf { not_before: now() + TimeDelta::hours(from), ..leaf }).unwrap()
}

/// Somebody who is their own authority.
fn self_signed(identity: &str) -> Issued {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    let uri = format!("spiffe://thincore/{identity}");
    params.subject_alt_names = vec![rcgen::SanType::URI(uri.try_into().unwrap())];
    let certificate_pem = params.self_signed(&key).unwrap().pem();
    let key_pem = key.serialize_pem();
    Issued { identity: identity.into(), certificate_pem, key_pem, not_after: now() }
}

/// Of the bank's authority, with these names in it.
fn with_names(uris: &[&str]) -> Issued {
    let authority = rcgen::KeyPair::from_pem(&own().key_pem()).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(own().certificate_pem(), authority).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    let name = |uri: &&str| rcgen::SanType::URI((*uri).try_into().unwrap());
    params.subject_alt_names = uris.iter().map(name).collect();
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let certificate_pem = params.signed_by(&key, &issuer).unwrap().pem();
    let key_pem = key.serialize_pem();
    Issued { identity: "odd/one".into(), certificate_pem, key_pem, not_after: now() }
}

/// What a caller with this certificate, or none, hears from a listener after `GET /metrics`: nothing when it is refused.
async fn heard(address: std::net::SocketAddr, client: Option<&Issued>) -> String {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(own().certificate_pem().as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some(issued) => {
            let chain = CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![chain], key).unwrap()
        }
    };
    let socket = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let Ok(mut stream) = TlsConnector::from(Arc::new(config)).connect(name, socket).await else {
        return String::new();
    };
    let request = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    // In TLS 1.3 a client learns only afterwards that its certificate was refused.
    stream.write_all(request).await.ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    String::from_utf8_lossy(&answer).into_owned()
}

fn strangers() -> Vec<(&'static str, Issued)> {
    let elsewhere = Authority::generate("another bank").unwrap();
    vec![
        ("expired", dated("operator/1", -2, -1)),
        ("not yet valid", dated("operator/1", 1, 2)),
        ("of another authority", elsewhere.issue_for_a_day("operator/1").unwrap()),
        ("self-signed", self_signed("operator/1")),
        ("without a name", with_names(&[])),
        ("with two names", with_names(&["spiffe://thincore/operator/1", "spiffe://thincore/a/b"])),
        ("of another trust domain", with_names(&["spiffe://elsewhere/operator/1"])),
        ("with a name of no form", with_names(&["spiffe://thincore/operator"])),
    ]
}

#[tokio::test]
async fn a_caller_whose_certificate_is_not_good_is_refused_on_both_listeners() {
    let server = Running::of(Stub::quick()).await;

    for (what, issued) in strangers() {
        for (port, address) in [("calls", server.address), ("operations", server.operations)] {
            let heard = within(heard(address, Some(&issued))).await;
            assert_eq!(heard, "", "{what} was heard on {port}");
        }
        let answer =
            within(call(server.with_credentials(&loadable(&issued)), TRANSFER, Request::new(())));
        let code = answer.await.unwrap_err().code();
        assert!(matches!(code, Code::Unavailable | Code::Unknown), "{what}: {code:?}");
    }
}

/// Our own client would not even load some of these; it then calls with a certificate that has merely expired.
fn loadable(issued: &Issued) -> Arc<platform::tls::Credentials> {
    let loads = issued.identity == "operator/1";
    if loads { credentials_of(issued) } else { credentials_of(&dated("operator/1", -2, -1)) }
}

#[tokio::test]
async fn a_caller_without_a_certificate_may_see_only_health() {
    let server = Running::of(Stub::quick()).await;

    assert_eq!(within(heard(server.address, None)).await, "");
    assert_eq!(server.page("/livez", None).await.0, 200);
    assert_eq!(server.page("/readyz", None).await.0, 200);
    assert_eq!(server.page("/metrics", None).await.0, 401);
    assert_eq!(server.page("/metrics", Some("channel/mobile")).await.0, 403);
    assert_eq!(server.page("/metrics", Some("operator/1")).await.0, 200);
}

#[tokio::test]
async fn plain_text_and_old_tls_are_refused() {
    let server = Running::of(Stub::quick()).await;
    // The beginning of HTTP/2 in plain text, of HTTP/1.1, and of a handshake that offers nothing above TLS 1.1 (RFC
    // 4346): record version 3.1, client version 3.2, one cipher suite.
    let mut hello = vec![0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0, 0x2f, 1, 0]);
    let http2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for bytes in [http2, b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n", &hello] {
        for address in [server.address, server.operations] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            let mut answer = Vec::new();
            within(stream.read_to_end(&mut answer)).await.ok();
            // An alert of TLS at most: content type 21.
            assert!(answer.first().is_none_or(|first| *first == 21), "{answer:?}");
            assert!(answer.len() < 16, "{answer:?}");
        }
    }
    call(server.caller("channel/a"), TRANSFER, Request::new(())).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_who_is_called_is_refused() {
    let elsewhere = Authority::generate("another bank").unwrap();
    let client_only = own()
        .issue(&Leaf {
            usage: Usage::Client,
            ..Leaf::new("service/deposit", now(), TimeDelta::hours(1))
        })
        .unwrap();
    let impostors = [
        ("another service", own().issue_for_a_day("service/loan").unwrap()),
        ("a teller", own().issue_for_a_day("teller/1").unwrap()),
        ("a client's certificate used as a server's", client_only),
        ("of another authority", elsewhere.issue_for_a_day("service/deposit").unwrap()),
        ("self-signed", self_signed("service/deposit")),
        ("expired", dated("service/deposit", -2, -1)),
        ("not yet valid", dated("service/deposit", 1, 2)),
    ];
    for (what, issued) in impostors {
        let impostor = Running::with(
            &config(),
            |server| server.credentials(Some(credentials_of(&issued))),
            Stub::quick(),
        )
        .await;

        let answer = within(call(impostor.channel("loan"), TRANSFER, Request::new(()))).await;

        assert!(answer.is_err(), "{what} was called");
    }
}

#[tokio::test]
async fn a_header_does_not_make_a_caller_somebody_else() {
    let server = Running::of(Stub::quick()).await;
    let mut request = Request::new(());
    request.metadata_mut().insert("thincore-caller", "teller/1".parse().unwrap());

    let status = call(server.caller("channel/a"), crate::support::FREEZE, request).await;

    assert_eq!(status.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn reflection_is_for_those_who_have_a_role() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    let server = Running::of(Stub::quick()).await;
    let ask = async |caller: &str| {
        let mut client = ServerReflectionClient::new(server.caller(caller));
        let request = tokio_stream::iter([ServerReflectionRequest::default()]);
        client.server_reflection_info(request).await.map(drop).map_err(|status| status.code())
    };

    assert_eq!(ask("channel/mobile").await, Ok(()));
    assert_eq!(ask("visitor/1").await, Err(Code::PermissionDenied));
}

#[tokio::test]
async fn whoever_says_nothing_does_not_keep_others_out() {
    let server = Running::of(Stub::quick()).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }

    let answer = call(server.caller("channel/a"), TRANSFER, Request::new(()));

    tokio::time::timeout(Duration::from_secs(3), answer).await.unwrap().unwrap();
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_a_free_place_is_given_again() {
    let few = platform::config::ServerConfig { connections_max: 2, ..config() };
    let server = Running::with(&few, |server| server, Stub::quick()).await;
    let first = server.caller("channel/a");
    let second = server.caller("channel/b");
    call(first.clone(), TRANSFER, Request::new(())).await.unwrap();
    call(second.clone(), TRANSFER, Request::new(())).await.unwrap();

    let third = call(server.caller("channel/c"), TRANSFER, Request::new(())).await;
    assert!(third.is_err());
    call(second, TRANSFER, Request::new(())).await.unwrap();
    drop(first);
    crate::support::eventually(|| {
        let again = call(server.caller("channel/c"), TRANSFER, Request::new(()));
        async { again.await.is_ok() }
    })
    .await;
}

#[tokio::test]
async fn the_certificate_of_another_service_does_not_start_this_one() {
    let directory = tempfile::tempdir().unwrap();
    let issued = own().issue_for_a_day("service/loan").unwrap();
    let files = crate::support::files_in(directory.path(), &issued);

    let error = platform::tls::of_service("deposit", &config(), Some(&files)).unwrap_err();

    let said = "[tls] has the certificate of service/loan, and this is service/deposit";
    assert_eq!(error.to_string(), said);
    drop(credentials("service/deposit"));
}
