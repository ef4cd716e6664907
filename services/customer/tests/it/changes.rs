//! What identifies a customer changes when two people agree.

use proto::customer::v1 as pb;
use sqlx::{AssertSqlSafe, Connection, Executor};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::support::*;

const MAKER: &str = "teller/1";
const CHECKER: &str = "teller/2";
const APPROVALS_AUDITED: &str =
    "SELECT count(*) FROM audit_log WHERE action = 'APPROVE_CUSTOMER_CHANGE'";

fn wanted(customer_id: &str) -> pb::ProposeCustomerChangeRequest {
    pb::ProposeCustomerChangeRequest {
        request_id: request_id(),
        customer_id: customer_id.into(),
        name: "Augusta Ada King".into(),
        document_kind: pb::DocumentKind::Passport.into(),
        document_number: "NEW7654".into(),
        phone: "+442079461234".into(),
        reason: "marriage".into(),
    }
}

async fn propose(
    service: &Service,
    maker: &'static str,
    request: pb::ProposeCustomerChangeRequest,
) -> Result<pb::CustomerChange, Status> {
    let answer = service.client_as(maker).propose_customer_change(request).await?;
    Ok(answer.into_inner().change.unwrap())
}

fn decision(change: &pb::CustomerChange, approve: bool) -> pb::DecideCustomerChangeRequest {
    pb::DecideCustomerChangeRequest {
        request_id: request_id(),
        change_id: change.change_id.clone(),
        payload_sha256: change.payload_sha256.clone(),
        approve,
    }
}

async fn decide(
    service: &Service,
    checker: &'static str,
    request: pb::DecideCustomerChangeRequest,
) -> Result<pb::CustomerChange, Status> {
    let answer = service.client_as(checker).decide_customer_change(request).await?;
    Ok(answer.into_inner().change.unwrap())
}

async fn pending(service: &Service) -> Vec<pb::CustomerChange> {
    let request = pb::ListCustomerChangesRequest::default();
    let answer = service.client_as("auditor/1").list_customer_changes(request).await.unwrap();
    answer.into_inner().changes
}

#[track_caller]
fn assert_refused(answer: Result<pb::CustomerChange, Status>, why: &str) {
    let (code, said, _) = reason(&answer.unwrap_err());
    assert_eq!((code, &*said), (Code::FailedPrecondition, why));
}

#[tokio::test]
async fn what_one_teller_proposes_another_approves_and_then_it_is_so() {
    let service = Service::start().await;
    let id = register_active(&mut service.client(), "P1000001").await.customer_id;

    let change = propose(&service, MAKER, wanted(&id)).await.unwrap();
    let shown = get(&mut service.client(), &id).await;
    assert_eq!(shown.name, "Ada Lovelace", "nothing changes before it is approved");
    assert_eq!(pending(&service).await, std::slice::from_ref(&change));
    let decided = decide(&service, CHECKER, decision(&change, true)).await.unwrap();

    assert_eq!(decided.state(), pb::CustomerChangeState::Approved);
    assert_eq!((&*decided.maker, &*decided.checker), (MAKER, CHECKER));
    let shown = get(&mut service.client(), &id).await;
    assert_eq!((&*shown.name, &*shown.document_number_masked), ("Augusta Ada King", "****654"));
    assert_eq!(pending(&service).await, []);
    let find = pb::FindCustomerByDocumentRequest {
        document_kind: pb::DocumentKind::Passport.into(),
        document_number: "new-7654".into(),
        consistency: Some(primary()),
    };
    let found = service.client().find_customer_by_document(find).await.unwrap().into_inner();
    assert_eq!(found.customer.unwrap().customer_id, id);
    // The old document is free again.
    register(&mut service.client(), "P1000001").await;
    let audited = "SELECT count(*) FROM audit_log WHERE action LIKE '%_CUSTOMER_CHANGE'";
    assert_eq!(service.count(audited).await, 2);
}

#[tokio::test]
async fn what_is_not_named_stays_and_what_is_rejected_changes_nothing() {
    let service = Service::start().await;
    let id = register_active(&mut service.client(), "P1000001").await.customer_id;
    let only_name = pb::ProposeCustomerChangeRequest {
        phone: String::new(),
        document_kind: 0,
        document_number: String::new(),
        ..wanted(&id)
    };

    let rejected = propose(&service, MAKER, wanted(&id)).await.unwrap();
    let rejected = decide(&service, CHECKER, decision(&rejected, false)).await.unwrap();
    let change = propose(&service, MAKER, only_name).await.unwrap();
    decide(&service, CHECKER, decision(&change, true)).await.unwrap();

    assert_eq!(rejected.state(), pb::CustomerChangeState::Rejected);
    let shown = get(&mut service.client(), &id).await;
    assert_eq!((&*shown.name, &*shown.document_number_masked), ("Augusta Ada King", "****0001"));
}

#[tokio::test]
async fn every_decision_that_is_not_another_persons_on_what_was_shown_is_refused() {
    let service = Service::start().await;
    let id = register_active(&mut service.client(), "P1000001").await.customer_id;
    let change = propose(&service, MAKER, wanted(&id)).await.unwrap();
    let good = || decision(&change, true);
    let other_hash = pb::DecideCustomerChangeRequest { payload_sha256: "0".repeat(64), ..good() };
    let unknown = pb::DecideCustomerChangeRequest { change_id: request_id(), ..good() };
    let (by_maker, late) = (good(), good());

    for (who, request, why) in [
        (MAKER, by_maker.clone(), "PROPOSAL_BY_SAME_PERSON"),
        (CHECKER, other_hash.clone(), "PROPOSAL_CHANGED"),
        (CHECKER, unknown.clone(), "PROPOSAL_UNKNOWN"),
    ] {
        assert_refused(decide(&service, who, request).await, why);
    }
    decide(&service, CHECKER, good()).await.unwrap();
    // What was refused stays refused, whatever has happened since.
    for (who, request, why) in [
        (MAKER, by_maker, "PROPOSAL_BY_SAME_PERSON"),
        (CHECKER, other_hash, "PROPOSAL_CHANGED"),
        (CHECKER, unknown, "PROPOSAL_UNKNOWN"),
        ("teller/3", late.clone(), "PROPOSAL_ALREADY_DECIDED"),
        ("teller/3", late, "PROPOSAL_ALREADY_DECIDED"),
    ] {
        assert_refused(decide(&service, who, request).await, why);
    }
}

#[tokio::test]
async fn a_change_that_nobody_approved_in_time_can_only_be_rejected() {
    let service = Service::start().await;
    let id = register_active(&mut service.client(), "P1000001").await.customer_id;
    let change = propose(&service, MAKER, wanted(&id)).await.unwrap();
    let mut admin = service.as_admin().await;
    admin.execute("SET session_replication_role = replica").await.unwrap();
    let past = "UPDATE approvals SET proposed_at = proposed_at - interval '8 days', \
        expires_at = expires_at - interval '8 days'";
    admin.execute(past).await.unwrap();

    assert_refused(decide(&service, CHECKER, decision(&change, true)).await, "PROPOSAL_EXPIRED");
    decide(&service, CHECKER, decision(&change, false)).await.unwrap();
}

#[tokio::test]
async fn nobody_who_is_gone_is_changed_and_no_document_belongs_to_two() {
    let service = Service::start().await;
    let mut client = service.client();
    let id = register_active(&mut client, "P1000001").await.customer_id;
    let other = register(&mut client, "NEW7654").await.customer_id;

    let change = propose(&service, MAKER, wanted(&id)).await.unwrap();
    assert_refused(
        decide(&service, CHECKER, decision(&change, true)).await,
        "DOCUMENT_ALREADY_REGISTERED",
    );
    assert_eq!(pending(&service).await.len(), 1, "it can still be rejected");
    let of_other = propose(&service, MAKER, wanted(&other)).await.unwrap();
    step(&mut client, Step::Reject, &other).await.unwrap();
    assert_refused(decide(&service, CHECKER, decision(&of_other, true)).await, "CUSTOMER_NOT_OPEN");
    assert_refused(propose(&service, MAKER, wanted(&other)).await, "CUSTOMER_NOT_OPEN");
    let nobody = propose(&service, MAKER, wanted(&request_id())).await.unwrap_err();
    assert_eq!(nobody.code(), Code::NotFound);
}

#[tokio::test]
async fn asked_again_both_answer_as_at_first_and_with_other_content_not() {
    let service = Service::start().await;
    let id = register_active(&mut service.client(), "P1000001").await.customer_id;
    let request = wanted(&id);

    let first = propose(&service, MAKER, request.clone()).await.unwrap();
    assert_eq!(propose(&service, MAKER, request.clone()).await.unwrap(), first);
    let other = pb::ProposeCustomerChangeRequest { name: "Eve".into(), ..request.clone() };
    assert_refused(propose(&service, MAKER, other).await, "REQUEST_ID_REUSED");
    assert_refused(propose(&service, "teller/3", request.clone()).await, "REQUEST_ID_REUSED");
    let approve = decision(&first, true);
    let decided = decide(&service, CHECKER, approve.clone()).await.unwrap();
    assert_eq!(decide(&service, CHECKER, approve.clone()).await.unwrap(), decided);
    assert_eq!(propose(&service, MAKER, request.clone()).await.unwrap(), first);
    let reject = pb::DecideCustomerChangeRequest { approve: false, ..approve.clone() };
    assert_refused(decide(&service, CHECKER, reject).await, "REQUEST_ID_REUSED");
    assert_refused(decide(&service, "teller/3", approve).await, "REQUEST_ID_REUSED");
    let again = decision(&first, true);
    assert_refused(decide(&service, CHECKER, again).await, "PROPOSAL_ALREADY_DECIDED");
}

#[tokio::test]
async fn an_id_of_a_change_is_no_id_of_anything_else() {
    let service = Service::start().await;
    let mut client = service.client();
    let id = register_active(&mut client, "P1000001").await.customer_id;
    let registration = ada("P1000002");
    client.register_customer(registration.clone()).await.unwrap();
    let taken = pb::ProposeCustomerChangeRequest {
        request_id: registration.request_id.clone(),
        ..wanted(&id)
    };
    let refused = pb::ProposeCustomerChangeRequest { customer_id: request_id(), ..wanted(&id) };

    assert_refused(propose(&service, MAKER, taken).await, "REQUEST_ID_REUSED");
    let change = propose(&service, MAKER, wanted(&id)).await.unwrap();
    let decided = decision(&change, false);
    decide(&service, CHECKER, decided.clone()).await.unwrap();
    propose(&service, MAKER, refused.clone()).await.unwrap_err();
    for used in [change.change_id, decided.request_id, refused.request_id] {
        let again = pb::RegisterCustomerRequest { request_id: used.clone(), ..ada("P1000003") };
        let status = client.register_customer(again).await.unwrap_err();
        assert_eq!(reason(&status).1, "REQUEST_ID_REUSED");
        let step = step_again(&mut client, Step::Freeze, &id, &used).await.unwrap_err();
        assert_eq!(reason(&step).1, "REQUEST_ID_REUSED");
    }
}

#[tokio::test]
async fn the_same_decision_sent_many_times_at_once_is_made_once() {
    let service = Service::start().await;
    let id = register_active(&mut service.client(), "P1000001").await.customer_id;
    let change = propose(&service, MAKER, wanted(&id)).await.unwrap();
    let approve = decision(&change, true);

    let mut calls = JoinSet::new();
    for _ in 0..8 {
        let (mut client, request) = (service.client_as(CHECKER), approve.clone());
        calls.spawn(async move { client.decide_customer_change(request).await });
    }
    let answers = calls.join_all().await.into_iter();
    let answers: Vec<_> =
        answers.map(|answer| answer.unwrap().into_inner().change.unwrap()).collect();

    assert_eq!(answers[0].state(), pb::CustomerChangeState::Approved);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(service.count(APPROVALS_AUDITED).await, 1);
}

#[tokio::test]
async fn a_decision_that_a_crash_cut_off_is_made_once_when_it_is_sent_again() {
    let mut service = Service::start().await;
    let id = register_active(&mut service.client(), "P1000001").await.customer_id;
    let change = propose(&service, MAKER, wanted(&id)).await.unwrap();
    let approve = decision(&change, true);
    // Everything is done but the audit log and the commit.
    let mut admin = service.as_admin().await;
    admin.execute("BEGIN; SELECT FROM audit_head FOR UPDATE").await.unwrap();
    let (mut client, request) = (service.client_as(CHECKER), approve.clone());
    let calling = tokio::spawn(async move { client.decide_customer_change(request).await });
    service.until_blocked().await;

    service.crash().await;
    calling.await.unwrap().unwrap_err();
    admin.execute("ROLLBACK").await.unwrap();
    service.start_again().await;
    let decided = decide(&service, CHECKER, approve).await.unwrap();

    assert_eq!(decided.state(), pb::CustomerChangeState::Approved);
    assert_eq!(get(&mut service.client(), &id).await.name, "Augusta Ada King");
    assert_eq!(service.count(APPROVALS_AUDITED).await, 1);
}

#[tokio::test]
async fn of_two_checkers_at_once_one_decides() {
    let service = Service::start().await;
    let id = register_active(&mut service.client(), "P1000001").await.customer_id;
    let change = propose(&service, MAKER, wanted(&id)).await.unwrap();

    let (yes, no) = tokio::join!(
        decide(&service, CHECKER, decision(&change, true)),
        decide(&service, "teller/3", decision(&change, false)),
    );

    assert!(yes.is_ok() != no.is_ok(), "{yes:?} {no:?}");
    let name = get(&mut service.client(), &id).await.name;
    assert_eq!(name == "Augusta Ada King", yes.is_ok());
}

#[tokio::test]
async fn a_request_that_is_not_well_formed_names_every_field() {
    let service = Service::start().await;
    let nothing = pb::ProposeCustomerChangeRequest {
        request_id: "x".into(),
        document_kind: pb::DocumentKind::Passport.into(),
        ..Default::default()
    };

    let status = propose(&service, MAKER, nothing).await.unwrap_err();
    let mut fields = wrong_fields(&status);
    fields.sort();
    assert_eq!(fields, ["customer_id", "document_number", "reason", "request_id"]);
    let status = decide(&service, CHECKER, pb::DecideCustomerChangeRequest::default()).await;
    let mut fields = wrong_fields(&status.unwrap_err());
    fields.sort();
    assert_eq!(fields, ["change_id", "payload_sha256", "request_id"]);
}

#[tokio::test]
async fn a_proposal_is_sealed_at_rest_and_masked_for_whoever_may_not_see_it() {
    let service = Service::start().await;
    let id = register_active(&mut service.client(), "P1000001").await.customer_id;
    let change = propose(&service, MAKER, wanted(&id)).await.unwrap();

    assert_eq!((&*change.document_number_masked, &*change.phone_masked), ("****654", "****1234"));
    for secret in ["Augusta", "NEW7654", "442079461234"] {
        let sql = format!(
            "SELECT count(*) FROM approvals WHERE position(convert_to('{secret}', 'UTF8') IN payload) > 0 \
             OR subject LIKE '%{secret}%' OR reason LIKE '%{secret}%'"
        );
        assert_eq!(service.count(&sql).await, 0, "{secret}");
        let sql = format!(
            "SELECT count(*) FROM audit_log WHERE (actor, subject, details)::text LIKE '%{secret}%'"
        );
        let mut admin = service.as_admin().await;
        let found: i64 =
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut admin).await.unwrap();
        assert_eq!(found, 0, "{secret}");
        admin.close().await.unwrap();
    }
}
