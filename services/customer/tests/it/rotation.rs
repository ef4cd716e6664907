//! Keys are replaced while the service runs, and nobody's data is lost over it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proto::customer::v1 as pb;

use crate::support::*;

const KEYS_IN_ROWS: &str = "SELECT count(DISTINCT key) FROM customers, LATERAL (VALUES \
    (substr(name_encrypted, 3, 32)), (substr(document_number_encrypted, 3, 32)), \
    (substr(phone_encrypted, 3, 32))) AS used (key)";
const CUSTOMERS: &str = "SELECT count(*) FROM customers";
const IN_USE: &str = "SELECT count(*) FROM data_keys WHERE state = 'WRITING'";
const DESTROYED: &str =
    "SELECT count(*) FROM data_keys WHERE state = 'DESTROYED' AND wrapped_key IS NULL";
const K1: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const K2: &str = "3333333333333333333333333333333333333333333333333333333333333333";
const SEARCH: &str =
    "search_key_hex = \"2222222222222222222222222222222222222222222222222222222222222222\"";

#[tokio::test]
async fn a_data_key_is_replaced_while_customers_come_in_and_then_destroyed() {
    let service = Service::start().await;
    let mut client = service.client();
    let mut ids = Vec::new();
    for n in 0..40 {
        ids.push(register(&mut client, &format!("P{n:07}")).await.customer_id);
    }
    let rotating = Arc::new(AtomicBool::new(true));
    let writing = {
        let (rotating, mut client) = (Arc::clone(&rotating), service.client());
        tokio::spawn(async move {
            let mut ids = Vec::new();
            while rotating.load(Ordering::SeqCst) {
                let passport = format!("Q{:07}", ids.len());
                ids.push(register(&mut client, &passport).await.customer_id);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            ids
        })
    };

    let (rotated, said) = service.process.run_to_end("rotate-data-key").await;
    rotating.store(false, Ordering::SeqCst);
    ids.extend(writing.await.unwrap());

    assert!(rotated, "{said}");
    assert!(said.contains("is destroyed: nothing names it any more"), "{said}");
    assert!(ids.len() > 60, "{}", ids.len());
    for id in &ids {
        let shown = get(&mut client, id).await;
        assert_eq!(shown.name, "Ada Lovelace");
    }
    assert_eq!(service.count(KEYS_IN_ROWS).await, 1);
    assert_eq!((service.count(IN_USE).await, service.count(DESTROYED).await), (1, 1));
    let audited = "SELECT count(*) FROM audit_log WHERE action IN \
        ('CREATE_DATA_KEY', 'USE_DATA_KEY', 'DESTROY_DATA_KEY')";
    assert_eq!(service.count(audited).await, 3);
}

#[tokio::test]
async fn a_rotation_that_is_killed_goes_on_when_it_is_run_again() {
    let service = Service::start().await;
    let mut client = service.client();
    let id = register(&mut client, "P1000001").await.customer_id;
    for wanted in ["NEXT", "OLD"] {
        let mut rotation = service.process.run("rotate-data-key");
        let reached = format!("SELECT count(*) FROM data_keys WHERE state = '{wanted}'");
        let begun = std::time::Instant::now();
        while service.count(&reached).await == 0 {
            assert!(begun.elapsed() < Duration::from_secs(30), "never {wanted}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        rotation.kill9().await.unwrap();
        assert_eq!(get(&mut client, &id).await.document_number_masked, "****0001");
        register(&mut client, &format!("P{wanted}9999")).await;
    }

    let (rotated, said) = service.process.run_to_end("rotate-data-key").await;

    assert!(rotated, "{said}");
    assert_eq!(service.count(KEYS_IN_ROWS).await, 1);
    assert_eq!((service.count(IN_USE).await, service.count(DESTROYED).await), (1, 1));
    assert_eq!(get(&mut client, &id).await.document_number_masked, "****0001");
}

#[tokio::test]
async fn a_key_encryption_key_is_replaced_and_the_one_before_is_not_needed_any_more() {
    let mut service = Service::start().await;
    let id = register(&mut service.client(), "P1000001").await.customer_id;
    service.crash().await;
    let both = format!(
        "key_encryption_key_id = \"k2\"\nkey_encryption_key_hex = \"{K2}\"\n{SEARCH}\n\
         [protection.retired_key_encryption_keys]\nk1 = \"{K1}\"\n"
    );
    service.start_again_with_keys(&both).await;

    let (rewrapped, said) = service.process.run_to_end("rewrap-data-keys").await;
    assert!(rewrapped && said.contains("1 data keys were wrapped again, with key k2"), "{said}");
    service.crash().await;
    let only_new =
        format!("key_encryption_key_id = \"k2\"\nkey_encryption_key_hex = \"{K2}\"\n{SEARCH}");
    service.start_again_with_keys(&only_new).await;

    assert_eq!(get(&mut service.client(), &id).await.document_number_masked, "****0001");
}

#[tokio::test]
async fn with_the_wrong_key_encryption_key_the_service_does_not_start_and_says_why() {
    let mut service = Service::start().await;
    service.crash().await;
    let wrong =
        format!("key_encryption_key_id = \"k1\"\nkey_encryption_key_hex = \"{K2}\"\n{SEARCH}");

    service.process.rewrite(&service.database, &wrong);
    let (started, said) = service.process.run_to_end("serve").await;

    assert!(!started);
    let why = "cannot be opened with the key-encryption keys of [protection]";
    assert!(said.contains(why), "{said}");
    assert!(!said.contains(K2), "{said}");
}

#[tokio::test]
async fn a_process_that_slept_through_a_rotation_writes_nothing_with_the_key_that_is_gone() {
    let service = Service::start().await;
    let id = register_active(&mut service.client(), "P1000001").await.customer_id;
    let name = pb::ProposeCustomerChangeRequest {
        request_id: request_id(),
        customer_id: id,
        name: "Augusta Ada King".into(),
        reason: "marriage".into(),
        ..Default::default()
    };
    let proposed = service.client_as("teller/1").propose_customer_change(name.clone()).await;
    let change = proposed.unwrap().into_inner().change.unwrap();
    // To the process it looks as if its key were gone and no other there: it goes on with the one that it knows.
    let gone = "UPDATE data_keys SET state = 'DESTROYED', wrapped_key = NULL";
    sqlx::query(gone).execute(&mut service.as_admin().await).await.unwrap();

    let registered = service.client().register_customer(ada("P1000002")).await;
    let name = pb::ProposeCustomerChangeRequest { request_id: request_id(), ..name };
    let proposed = service.client_as("teller/1").propose_customer_change(name).await;
    let approve = pb::DecideCustomerChangeRequest {
        request_id: request_id(),
        change_id: change.change_id,
        payload_sha256: change.payload_sha256,
        approve: true,
    };
    let approved = service.client_as("teller/2").decide_customer_change(approve).await;

    for code in
        [registered.err(), proposed.err(), approved.err()].map(|error| error.unwrap().code())
    {
        assert_eq!(code, tonic::Code::Internal);
    }
    let pending = "SELECT count(*) FROM approvals WHERE state = 'PENDING'";
    assert_eq!((service.count(pending).await, service.count(CUSTOMERS).await), (1, 1));
}
