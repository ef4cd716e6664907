//! One document, one customer.

use std::collections::HashSet;

use proto::customer::v1 as pb;

use crate::support::{Service, ada, primary, reason, register};

#[tokio::test]
async fn a_document_written_otherwise_is_the_same_document() {
    let service = Service::start().await;
    let mut client = service.client();
    register(&mut client, "ab-1234-cd").await;

    for same in ["AB1234CD", "ab1234cd", "A-B-1-2-3-4-C-D"] {
        let refused = client.register_customer(ada(same)).await.unwrap_err();
        assert_eq!(reason(&refused).1, "DOCUMENT_ALREADY_REGISTERED");
    }
    assert_eq!(service.count("SELECT count(*) FROM customers").await, 1);
}

#[tokio::test]
async fn one_number_on_documents_of_two_kinds_is_two_documents() {
    let service = Service::start().await;
    let mut client = service.client();
    register(&mut client, "AB1234CD").await;

    let request = pb::RegisterCustomerRequest {
        document_kind: pb::DocumentKind::IdentityCard.into(),
        ..ada("AB1234CD")
    };

    assert!(client.register_customer(request).await.is_ok());
}

#[tokio::test]
async fn a_document_registered_fifty_times_at_once_gets_one_customer() {
    let service = Service::start().await;

    let calls: Vec<_> = (0..50)
        .map(|_| {
            let mut client = service.client();
            tokio::spawn(async move { client.register_customer(ada("P1000001")).await })
        })
        .collect();
    let mut registered = 0;
    let mut refusals = HashSet::new();
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => registered += 1,
            Err(refused) => {
                refusals.insert(reason(&refused).1);
            }
        }
    }

    assert_eq!(registered, 1);
    assert_eq!(refusals, HashSet::from(["DOCUMENT_ALREADY_REGISTERED".to_owned()]));
    assert_eq!(service.count("SELECT count(*) FROM customers").await, 1);
}

#[tokio::test]
async fn two_processes_that_register_one_document_at_once_get_one_customer() {
    let service = Service::start().await;
    let second = service.second_process().await;

    for number in 0..20 {
        let passport = format!("P20000{number:02}");
        let (mut here, mut there) = (service.client(), second.client_as("teller/0043"));
        let (a, b) = tokio::join!(
            here.register_customer(ada(&passport)),
            there.register_customer(ada(&passport)),
        );
        let outcomes = [a, b].map(|answer| answer.map_err(|refused| reason(&refused).1));
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let refused = outcomes.into_iter().find_map(Result::err);
        assert_eq!(refused.as_deref(), Some("DOCUMENT_ALREADY_REGISTERED"));
    }
    assert_eq!(service.count("SELECT count(*) FROM customers").await, 20);
}

#[tokio::test]
async fn a_customer_is_found_by_document_however_it_is_written() {
    let service = Service::start().await;
    let mut client = service.client();
    let customer = register(&mut client, "ab-1234-cd").await;

    let find = |document_kind: pb::DocumentKind, number: &str| pb::FindCustomerByDocumentRequest {
        document_kind: document_kind.into(),
        document_number: number.into(),
        consistency: Some(primary()),
    };
    let found =
        client.find_customer_by_document(find(pb::DocumentKind::Passport, "AB1234CD")).await;
    let other =
        client.find_customer_by_document(find(pb::DocumentKind::Passport, "AB1234CE")).await;
    let kind =
        client.find_customer_by_document(find(pb::DocumentKind::IdentityCard, "AB1234CD")).await;

    assert_eq!(found.unwrap().into_inner().customer.unwrap().customer_id, customer.customer_id);
    assert_eq!(reason(&other.unwrap_err()).1, "CUSTOMER_UNKNOWN");
    assert_eq!(reason(&kind.unwrap_err()).1, "CUSTOMER_UNKNOWN");
}
