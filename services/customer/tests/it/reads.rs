//! Queries: how fresh they are, and what they say of it.

use proto::common::v1::{ReadConsistency, read_consistency::Freshness};
use proto::customer::v1 as pb;
use tonic::Code;

use crate::support::{
    Service, ada, primary, read_token, reason, register, register_active, request_id, wrong_fields,
};

fn get(customer_id: &str, freshness: Option<Freshness>) -> pb::GetCustomerRequest {
    let consistency = freshness.map(|freshness| ReadConsistency { freshness: Some(freshness) });
    pb::GetCustomerRequest { customer_id: customer_id.into(), consistency }
}

#[tokio::test]
async fn a_read_with_the_token_of_a_write_sees_that_write() {
    let service = Service::start().await;
    let mut client = service.client();

    for number in 0..20 {
        let answer = client.register_customer(ada(&format!("P30000{number:02}"))).await.unwrap();
        let token = read_token(&answer);
        let written = answer.into_inner().customer.unwrap();
        let request = get(&written.customer_id, Some(Freshness::AtLeast(token)));
        let read = client.get_customer(request).await.unwrap().into_inner();
        assert_eq!(read.customer.unwrap(), written);
        assert!(read.as_of.unwrap().read_token.starts_with("customer:"));
    }
}

#[tokio::test]
async fn a_read_of_the_primary_says_so() {
    let service = Service::start().await;
    let mut client = service.client();
    let id = register(&mut client, "P1000001").await.customer_id;

    let read = client.get_customer(get(&id, Some(Freshness::Primary(true)))).await.unwrap();

    let as_of = read.into_inner().as_of.unwrap();
    assert!(!as_of.from_replica);
    assert!(as_of.read_at.is_some());
}

#[tokio::test]
async fn a_token_of_another_service_reads_the_primary() {
    let service = Service::start().await;
    let mut client = service.client();
    let id = register(&mut client, "P1000001").await.customer_id;

    let other = Some(Freshness::AtLeast("deposit:1:0/10".into()));
    let read = client.get_customer(get(&id, other)).await.unwrap().into_inner();

    assert!(!read.as_of.unwrap().from_replica);
}

#[tokio::test]
async fn a_token_that_is_none_is_malformed() {
    let service = Service::start().await;
    let request = get(&request_id(), Some(Freshness::AtLeast("yesterday".into())));

    let refused = service.client().get_customer(request).await.unwrap_err();

    assert_eq!(wrong_fields(&refused), ["consistency.at_least"]);
}

#[tokio::test]
async fn an_unknown_customer_is_not_found() {
    let service = Service::start().await;

    let refused = service.client().get_customer(get(&request_id(), None)).await.unwrap_err();

    assert_eq!((refused.code(), reason(&refused).1), (Code::NotFound, "CUSTOMER_UNKNOWN".into()));
}

#[tokio::test]
async fn standings_are_those_of_the_customers_that_exist() {
    let service = Service::start().await;
    let mut client = service.client();
    let pending = register(&mut client, "P1000001").await.customer_id;
    let active = register_active(&mut client, "P1000002").await.customer_id;

    let customer_ids = vec![pending.clone(), request_id(), active.clone()];
    let request = pb::BatchGetCustomerStatusRequest { customer_ids };
    let mut client = service.client_as("service/deposit");
    let answer = client.batch_get_customer_status(request).await.unwrap().into_inner();

    let mut standings: Vec<_> =
        answer.standings.iter().map(|one| (one.customer_id.clone(), one.status())).collect();
    standings.sort_unstable();
    let mut expected =
        vec![(pending, pb::CustomerStatus::Pending), (active, pb::CustomerStatus::Active)];
    expected.sort_unstable();
    assert_eq!(standings, expected);
}

#[tokio::test]
async fn ids_that_are_none_are_malformed() {
    let service = Service::start().await;
    let mut client = service.client();

    let customer_ids = vec![request_id(), "x".into()];
    let refused = service
        .client_as("service/deposit")
        .batch_get_customer_status(pb::BatchGetCustomerStatusRequest { customer_ids })
        .await
        .unwrap_err();
    assert_eq!(wrong_fields(&refused), ["customer_ids[1]"]);
    let refused = client.get_customer(get("x", None)).await.unwrap_err();
    assert_eq!(wrong_fields(&refused), ["customer_id"]);
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_request_is_named_at_once() {
    let service = Service::start().await;

    let refused = service
        .client()
        .register_customer(pb::RegisterCustomerRequest::default())
        .await
        .unwrap_err();

    assert_eq!(
        wrong_fields(&refused),
        ["request_id", "kind", "name", "document_kind", "document_number"]
    );
    let request =
        pb::FindCustomerByDocumentRequest { consistency: Some(primary()), ..Default::default() };
    let refused = service.client().find_customer_by_document(request).await.unwrap_err();
    assert_eq!(wrong_fields(&refused), ["document_kind", "document_number"]);
}

#[tokio::test]
async fn a_channel_sees_its_own_customer_and_no_other() {
    let service = Service::start().await;
    let mut client = service.client();
    let own = register(&mut client, "P1000001").await.customer_id;
    let other = register(&mut client, "P1000002").await.customer_id;
    let mut channel = service.channel_for(&own);
    let ask = |id: &str| get(id, Some(Freshness::Primary(true)));

    let seen = channel.get_customer(ask(&own)).await.unwrap().into_inner();
    assert_eq!(seen.customer.unwrap().customer_id, own);
    let hidden = channel.get_customer(ask(&other)).await.unwrap_err();
    let absent = channel.get_customer(ask(&request_id())).await.unwrap_err();
    assert_eq!(hidden.code(), Code::NotFound);
    assert_eq!(
        (hidden.code(), hidden.message(), hidden.details()),
        (absent.code(), absent.message(), absent.details())
    );
}

#[tokio::test]
async fn a_channel_that_names_no_customer_is_turned_away() {
    let service = Service::start().await;
    let id = register(&mut service.client(), "P1000001").await.customer_id;

    let unnamed = service.client_as("channel/mobile").get_customer(get(&id, None)).await;
    let unnamed = unnamed.unwrap_err();
    assert_eq!(
        (unnamed.code(), reason(&unnamed).1),
        (Code::PermissionDenied, "CUSTOMER_REQUIRED".into())
    );
    let malformed = service.channel_for("x").get_customer(get(&id, None)).await.unwrap_err();
    assert_eq!(wrong_fields(&malformed), ["thincore-customer"]);
    // Registering needs no customer: there is none yet.
    register(&mut service.client_as("channel/mobile"), "P1000002").await;
}
