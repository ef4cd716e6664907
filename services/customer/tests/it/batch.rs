//! Many registrations in one call.

use proto::customer::v1 as pb;

use crate::support::{Service, ada, get, read_token, register, wrong_fields};

fn thousand(first: usize) -> Vec<pb::RegisterCustomerRequest> {
    (first..first + 1000).map(|number| ada(&format!("P{number:07}"))).collect()
}

#[tokio::test]
async fn of_a_thousand_with_one_taken_document_all_others_are_registered() {
    let service = Service::start().await;
    let mut client = service.client();
    register(&mut client, "p-0000-500").await;
    let items = thousand(0);

    let request = pb::BatchRegisterCustomersRequest { items: items.clone(), activate: true };
    let results = client.batch_register_customers(request).await.unwrap().into_inner().results;

    let order: Vec<_> = results.iter().map(|result| &result.request_id).collect();
    assert_eq!(order, items.iter().map(|item| &item.request_id).collect::<Vec<_>>());
    let refused: Vec<_> = results.iter().filter(|result| result.customer_id.is_empty()).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].request_id, items[500].request_id);
    assert_eq!(refused[0].refusal_reason, "DOCUMENT_ALREADY_REGISTERED");
    assert_eq!(service.count("SELECT count(*) FROM customers WHERE status = 'ACTIVE'").await, 999);
    let registered = get(&mut client, &results[0].customer_id).await;
    assert_eq!((registered.status(), registered.version), (pb::CustomerStatus::Active, 1));
}

#[tokio::test]
async fn a_malformed_item_refuses_the_whole_call_and_is_named() {
    let service = Service::start().await;
    let mut items = thousand(0);
    items[17].name = " ".into();
    items[17].document_number = "1".into();

    let request = pb::BatchRegisterCustomersRequest { items, activate: false };
    let refused = service.client().batch_register_customers(request).await.unwrap_err();

    assert_eq!(wrong_fields(&refused), ["items[17].name", "items[17].document_number"]);
    assert_eq!(service.count("SELECT count(*) FROM requests").await, 0);
}

#[tokio::test]
async fn a_batch_sent_again_gives_the_same_results() {
    let service = Service::start().await;
    let mut client = service.client();
    let request = pb::BatchRegisterCustomersRequest { items: thousand(0), activate: false };

    let first = client.batch_register_customers(request.clone()).await.unwrap().into_inner();
    let again = client.batch_register_customers(request.clone()).await.unwrap().into_inner();

    assert_eq!(first, again);
    let activated = pb::BatchRegisterCustomersRequest { activate: true, ..request };
    let other = client.batch_register_customers(activated).await.unwrap().into_inner();
    assert!(other.results.iter().all(|result| result.refusal_reason == "REQUEST_ID_REUSED"));
}

#[tokio::test]
async fn an_item_that_stands_twice_in_a_batch_is_registered_once() {
    let service = Service::start().await;
    let item = ada("P1000001");

    let items = vec![item.clone(), ada("P1000002"), item];
    let request = pb::BatchRegisterCustomersRequest { items, activate: false };
    let results =
        service.client().batch_register_customers(request).await.unwrap().into_inner().results;

    assert_eq!(results[0], results[2]);
    assert_eq!(service.count("SELECT count(*) FROM customers").await, 2);
}

#[tokio::test]
async fn an_empty_batch_and_one_that_is_too_large_are_malformed() {
    let service = Service::start().await;
    let mut items = thousand(0);
    items.push(ada("P9999999"));

    for items in [vec![], items] {
        let request = pb::BatchRegisterCustomersRequest { items, activate: false };
        let refused = service.client().batch_register_customers(request).await.unwrap_err();
        assert_eq!(wrong_fields(&refused), ["items"]);
    }
}

#[tokio::test]
async fn the_token_of_a_batch_shows_all_of_it() {
    use proto::common::v1::{ReadConsistency, read_consistency::Freshness};

    let service = Service::start().await;
    let mut client = service.client();
    let request = pb::BatchRegisterCustomersRequest { items: thousand(0), activate: false };
    let answer = client.batch_register_customers(request).await.unwrap();
    let token = read_token(&answer);

    for result in answer.into_inner().results.into_iter().step_by(100) {
        let request = pb::GetCustomerRequest {
            customer_id: result.customer_id,
            consistency: Some(ReadConsistency {
                freshness: Some(Freshness::AtLeast(token.clone())),
            }),
        };
        assert!(client.get_customer(request).await.is_ok());
    }
}
