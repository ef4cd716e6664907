//! Who may call, and how that changes while the bank runs.

use std::time::Duration;

use proto::customer::v1::customer_service_client::CustomerServiceClient;
use testkit::certificates::expiry;
use testkit::{http, trust};
use tonic::Request;

use crate::support::*;

#[tokio::test]
async fn certificates_that_are_issued_while_the_bank_runs_are_used_without_a_restart() {
    let bank = Bank::start().await;
    let before = bank.file();
    let trust = before.trust(AUDITOR).unwrap();
    let metrics = format!("{}/metrics", before.service("customer").unwrap().operations);
    let shown = async || {
        let answer = http::get(&metrics, trust.as_ref(), PATIENCE).await.unwrap();
        assert_eq!(answer.0, 200);
        answer.1
    };

    // A new caller comes in at once.
    let issued = bank.command(&["certificate", "teller/7", "--days", "1", "--json"]);
    assert!(issued.status.success(), "{}", String::from_utf8_lossy(&issued.stderr));
    let answer = bank.customer("teller/7").register_customer(person()).await.unwrap();
    let customer = answer.into_inner().customer.unwrap();
    bank.customer("teller/7").activate_customer(activate(&customer.customer_id)).await.unwrap();

    // A service takes its new one over, and others believe it.
    let issued = bank.command(&["certificate", "service/customer", "--days", "5", "--json"]);
    let issued: serde_json::Value = serde_json::from_slice(&issued.stdout).unwrap();
    let text = std::fs::read_to_string(issued["certificate"].as_str().unwrap()).unwrap();
    let until = expiry(&text).unwrap().timestamp();
    let gauge = format!("tls_certificate_expires_at_seconds{{service=\"customer\"}} {until}\n");
    eventually("the service has taken it over", async || shown().await.contains(&gauge)).await;
    bank.open(&customer.customer_id, 100).await.unwrap();
    let process = |file: &bank::BankFile| file.service("customer").unwrap().process;
    assert_eq!(process(&bank.file()), process(&before));
}

#[tokio::test]
async fn the_authority_and_what_it_issued_stay_with_the_directory() {
    let bank = Bank::start_detached();
    let read = || {
        let certificates = bank.file().certificates.unwrap();
        let teller = &certificates.identities[TELLER];
        [&certificates.authority, &teller.certificate, &teller.key]
            .map(|path| std::fs::read_to_string(path).unwrap())
    };
    let before = read();

    assert!(bank.command(&["down"]).status.success());
    bank.up_again();

    assert_eq!(read(), before);
    bank.register_active().await;
}

/// A certificate of the bank is enough to connect, and not to be answered.
#[tokio::test]
async fn on_the_port_of_the_scheme_nobody_else_is_answered() {
    let bank = Bank::start().await;

    for caller in [TELLER, CHANNEL, OPERATOR, AUDITOR, "service/deposit"] {
        let mut line = bank.line_as(caller).await.unwrap();
        let mut sign_on = line.message(scheme::Mti::NETWORK_MANAGEMENT);
        sign_on.set(70, "001");
        line.send(&scheme::frame(&sign_on.encode().unwrap()).unwrap()).await;
        assert!(line.next().await.is_none(), "{caller} is answered");
    }
    bank.signed_on().await;
}

#[tokio::test]
async fn an_unprotected_bank_takes_callers_at_their_word_and_has_no_certificates() {
    let bank = Bank::start_with(|options| options.unprotected = true).await;
    let file = bank.file();
    let url = &file.service("customer").unwrap().grpc;
    let channel = trust::endpoint(url, None).unwrap().connect().await.unwrap();
    let mut request = Request::new(person());
    request.metadata_mut().insert("thincore-caller", TELLER.parse().unwrap());

    let answer = CustomerServiceClient::new(channel).register_customer(request).await.unwrap();

    assert_eq!(answer.into_inner().customer.unwrap().name, "Ada Lovelace");
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert!(file.certificates.is_none());
    let issued = bank.command(&["certificate", TELLER]);
    assert_eq!(issued.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&issued.stderr).contains("--unprotected"));
}

#[tokio::test]
async fn a_setting_that_a_service_refuses_ends_the_start_with_the_services_reason() {
    let directory = testkit::environment::temporary_directory("thincore-").unwrap();
    let mut options = bank::Options::new(directory.path().join("bank"));
    options.bin_dir = Some(binaries());
    options.overrides = vec!["deposit.lanes.lanes=65".parse().unwrap()];

    let refused =
        tokio::time::timeout(PATIENCE + Duration::from_secs(1), Box::pin(bank::up(&options)));

    let error = refused.await.unwrap().unwrap_err().to_string();
    assert!(error.contains("deposit") && error.contains("lanes.lanes"), "{error}");
    assert!(!options.dir.exists());
}
