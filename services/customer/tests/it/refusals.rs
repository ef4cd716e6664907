//! One test per refusal: each code is provoked, answered as documented, and answered the same when the request is
//! sent again. The list comes from the domain, so a refusal without a way to provoke it fails here.

use customer::domain::Rejection;
use proto::customer::v1 as pb;
use tonic::{Code, Status};

use crate::support::{
    Client, Service, Step, ada, reason, register, register_active, request_id, step_again,
};

/// Provokes the refusal twice with one request, and gives both answers.
async fn provoke(code: &str, service: &Service, client: &mut Client) -> Option<[Status; 2]> {
    let id = request_id();
    match code {
        "CUSTOMER_HAS_PRODUCTS" => {
            service.deposit.has_accounts(true);
            let customer = register_active(client, "P1000001").await.customer_id;
            Some(twice(client, Step::Close, &customer, &id).await)
        }
        "CUSTOMER_NOT_OPEN" => {
            let customer = register(client, "P5000001").await.customer_id;
            step_again(client, Step::Reject, &customer, &id).await.unwrap();
            let change = pb::ProposeCustomerChangeRequest {
                request_id: request_id(),
                customer_id: customer,
                name: "Ada King".into(),
                reason: "marriage".into(),
                ..Default::default()
            };
            let first = client.propose_customer_change(change.clone()).await.unwrap_err();
            Some([first, client.propose_customer_change(change).await.unwrap_err()])
        }
        "CUSTOMER_UNKNOWN" => Some(twice(client, Step::Activate, &request_id(), &id).await),
        "DOCUMENT_ALREADY_REGISTERED" => {
            register(client, "P2000001").await;
            let again = ada("P2000001");
            let first = client.register_customer(again.clone()).await.unwrap_err();
            Some([first, client.register_customer(again).await.unwrap_err()])
        }
        "ILLEGAL_TRANSITION" => {
            let customer = register(client, "P3000001").await.customer_id;
            Some(twice(client, Step::Freeze, &customer, &id).await)
        }
        "OWNER_OWES_ON_CARD" => {
            service.card.lists(&[1]);
            let customer = register_active(client, "P6000001").await.customer_id;
            Some(twice(client, Step::Close, &customer, &id).await)
        }
        "REQUEST_ID_REUSED" => {
            let customer = register_active(client, "P4000001").await.customer_id;
            step_again(client, Step::Freeze, &customer, &id).await.unwrap();
            Some(twice(client, Step::Activate, &customer, &id).await)
        }
        _ => None,
    }
}

async fn twice(client: &mut Client, step: Step, customer: &str, id: &str) -> [Status; 2] {
    let first = step_again(client, step, customer, id).await.unwrap_err();
    [first, step_again(client, step, customer, id).await.unwrap_err()]
}

#[tokio::test]
async fn every_refusal_can_be_provoked_and_is_answered_the_same_again() {
    let service = Service::start().await;
    let mut client = service.client();

    for code in Rejection::CODES {
        let provoked = provoke(code, &service, &mut client).await;
        let [first, again] = provoked.unwrap_or_else(|| panic!("no test provokes {code}"));
        let expected =
            if *code == "CUSTOMER_UNKNOWN" { Code::NotFound } else { Code::FailedPrecondition };
        assert_eq!((first.code(), reason(&first).1.as_str()), (expected, *code));
        assert_eq!(reason(&first), reason(&again));
        assert_eq!(first.message(), again.message());
    }
}
