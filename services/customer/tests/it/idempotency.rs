//! One request id, one outcome: twice, at once, with another body, after a crash.

use proto::customer::v1 as pb;
use tonic::Code;

use crate::support::{
    Service, Step, ada, get, reason, register, register_active, request_id, step, step_again,
};

#[tokio::test]
async fn the_same_registration_sent_twice_gives_the_same_customer() {
    let service = Service::start().await;
    let mut client = service.client();
    let request = ada("P1000001");

    let first = client.register_customer(request.clone()).await.unwrap().into_inner();
    let second = client.register_customer(request).await.unwrap().into_inner();

    assert_eq!(first, second);
    assert_eq!(service.count("SELECT count(*) FROM customers").await, 1);
    assert_eq!(service.count("SELECT count(*) FROM customer_transitions").await, 1);
}

#[tokio::test]
async fn the_same_registration_sent_fifty_times_at_once_registers_once() {
    let service = Service::start().await;
    let request = ada("P1000001");

    let calls: Vec<_> = (0..50)
        .map(|_| {
            let (mut client, request) = (service.client(), request.clone());
            tokio::spawn(async move { client.register_customer(request).await })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap().unwrap().into_inner());
    }

    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert_eq!(service.count("SELECT count(*) FROM requests").await, 1);
}

#[tokio::test]
async fn the_same_id_with_any_other_field_is_refused_and_stores_nothing() {
    let service = Service::start().await;
    let mut client = service.client();
    let request = ada("P1000001");
    client.register_customer(request.clone()).await.unwrap();

    let others = [
        pb::RegisterCustomerRequest { name: "Ada Byron".into(), ..request.clone() },
        pb::RegisterCustomerRequest { document_number: "P1000002".into(), ..request.clone() },
        pb::RegisterCustomerRequest { phone: String::new(), ..request.clone() },
        pb::RegisterCustomerRequest { kind: pb::CustomerKind::Company.into(), ..request.clone() },
        pb::RegisterCustomerRequest {
            document_kind: pb::DocumentKind::IdentityCard.into(),
            ..request.clone()
        },
    ];
    for other in others {
        let refused = client.register_customer(other).await.unwrap_err();
        assert_eq!(reason(&refused).1, "REQUEST_ID_REUSED");
    }
    assert_eq!(service.count("SELECT count(*) FROM customers").await, 1);
    assert_eq!(service.count("SELECT count(*) FROM requests").await, 1);
}

#[tokio::test]
async fn an_id_used_for_one_kind_of_request_is_refused_for_another() {
    let service = Service::start().await;
    let mut client = service.client();
    let request = ada("P1000001");
    let customer = client.register_customer(request.clone()).await.unwrap().into_inner().customer;

    let id = customer.unwrap().customer_id;
    for other in [Step::Activate, Step::Freeze, Step::Reject, Step::Close] {
        let refused = step_again(&mut client, other, &id, &request.request_id).await.unwrap_err();
        assert_eq!(reason(&refused).1, "REQUEST_ID_REUSED");
    }
}

#[tokio::test]
async fn outcomes_and_refusals_survive_a_crash_of_the_service() {
    let mut service = Service::start().await;
    let mut client = service.client();
    let request = ada("P1000001");
    let again = ada("P1000001");
    let first = client.register_customer(request.clone()).await.unwrap().into_inner();
    let refused = client.register_customer(again.clone()).await.unwrap_err();

    service.crash().await;
    service.start_again().await;
    let mut client = service.client();

    assert_eq!(client.register_customer(request).await.unwrap().into_inner(), first);
    let refused_again = client.register_customer(again).await.unwrap_err();
    assert_eq!(reason(&refused_again), reason(&refused));
}

#[tokio::test]
async fn a_step_sent_again_shows_the_customer_as_the_step_left_it() {
    let service = Service::start().await;
    let mut client = service.client();
    let id = register(&mut client, "P1000001").await.customer_id;
    let activation = request_id();

    let first = step_again(&mut client, Step::Activate, &id, &activation).await.unwrap();
    step(&mut client, Step::Freeze, &id).await.unwrap();
    let again = step_again(&mut client, Step::Activate, &id, &activation).await.unwrap();

    assert_eq!(first, again);
    assert_eq!(get(&mut client, &id).await.status(), pb::CustomerStatus::Frozen);
}

#[tokio::test]
async fn a_refusal_is_final_for_its_id_although_the_reason_has_gone() {
    let service = Service::start().await;
    let mut client = service.client();
    let id = register(&mut client, "P1000001").await.customer_id;
    let freeze = request_id();

    let refused = step_again(&mut client, Step::Freeze, &id, &freeze).await.unwrap_err();
    step(&mut client, Step::Activate, &id).await.unwrap();
    let again = step_again(&mut client, Step::Freeze, &id, &freeze).await.unwrap_err();

    assert_eq!(reason(&refused), reason(&again));
    assert!(step(&mut client, Step::Freeze, &id).await.is_ok());
}

#[tokio::test]
async fn the_same_step_sent_fifty_times_at_once_is_taken_once() {
    let service = Service::start().await;
    let id = register_active(&mut service.client(), "P1000001").await.customer_id;
    let freeze = request_id();

    let calls: Vec<_> = (0..50)
        .map(|_| {
            let (mut client, id, freeze) = (service.client(), id.clone(), freeze.clone());
            tokio::spawn(async move { step_again(&mut client, Step::Freeze, &id, &freeze).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().version, 3);
    }
    assert_eq!(service.count("SELECT count(*) FROM customer_transitions").await, 3);
}

#[tokio::test]
async fn fifty_different_freezes_at_once_freeze_once_and_refuse_the_rest() {
    let service = Service::start().await;
    let id = register_active(&mut service.client(), "P1000001").await.customer_id;

    let calls: Vec<_> = (0..50)
        .map(|_| {
            let (mut client, id) = (service.client(), id.clone());
            tokio::spawn(async move { step(&mut client, Step::Freeze, &id).await })
        })
        .collect();
    let mut outcomes = Vec::new();
    for call in calls {
        outcomes.push(call.await.unwrap().map_err(|refused| reason(&refused).1));
    }

    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let refused = Err("ILLEGAL_TRANSITION".to_owned());
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == refused).count(), 49);
}

#[tokio::test]
async fn a_request_id_outside_the_window_is_refused_as_malformed() {
    let service = Service::start().await;
    let mut client = service.client();

    for id in
        ["", "x", "018bcfe5-687b-7000-8000-000000000001", "0fffffff-ffff-7000-8000-000000000001"]
    {
        let request = pb::RegisterCustomerRequest { request_id: id.into(), ..ada("P1000001") };
        let refused = client.register_customer(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(crate::support::wrong_fields(&refused), ["request_id"]);
    }
    assert_eq!(service.count("SELECT count(*) FROM requests").await, 0);
}
