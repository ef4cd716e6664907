//! A good request for each method: one that is granted to whoever may make it, unless a comment says why not.

use prost::Message as _;
use proto::accounting::v1 as accounting;
use proto::customer::v1 as customer;
use proto::operations::v1 as operations;

use super::world::World;
use super::{Case, Scope};
use super::{samples_of_card, samples_of_deposit, samples_of_loan};
use crate::support::{TELLER, activate, person, primary, request_id};

/// The encoded request.
pub async fn sample(world: &World, service: &str, method: &str, case: &Case) -> Vec<u8> {
    match service {
        "bank.accounting.v1.AccountingService" => of_accounting(world, method).await,
        "bank.customer.v1.CustomerService" => of_customer(world, method, case).await,
        "bank.deposit.v1.DepositService" => samples_of_deposit::sample(world, method, case).await,
        "bank.card.v1.CardService" => samples_of_card::sample(world, method, case).await,
        "bank.loan.v1.LoanService" => samples_of_loan::sample(world, method, case).await,
        "bank.operations.v1.OperationsService" => of_operations(method),
        _ => missing(service, method),
    }
}

pub fn missing(service: &str, method: &str) -> ! {
    panic!("give a sample request of {service}/{method}")
}

async fn of_customer(world: &World, method: &str, case: &Case) -> Vec<u8> {
    let request_id = request_id();
    let reason = "papers seen".to_owned();
    match method {
        "RegisterCustomer" => person().encode_to_vec(),
        "BatchRegisterCustomers" => {
            customer::BatchRegisterCustomersRequest { items: vec![person()], activate: true }
                .encode_to_vec()
        }
        "ActivateCustomer" => activate(&world.bank.register().await).encode_to_vec(),
        "FreezeCustomer" => customer::FreezeCustomerRequest {
            request_id,
            customer_id: world.bank.register_active().await,
            reason,
        }
        .encode_to_vec(),
        "RejectCustomer" => customer::RejectCustomerRequest {
            request_id,
            customer_id: world.bank.register().await,
            reason,
        }
        .encode_to_vec(),
        "CloseCustomer" => customer::CloseCustomerRequest {
            request_id,
            customer_id: world.bank.register_active().await,
            reason,
        }
        .encode_to_vec(),
        "GetCustomer" => customer::GetCustomerRequest {
            customer_id: world.customer(case.scope),
            consistency: Some(primary()),
        }
        .encode_to_vec(),
        "BatchGetCustomerStatus" => customer::BatchGetCustomerStatusRequest {
            customer_ids: vec![world.customer(case.scope)],
        }
        .encode_to_vec(),
        "FindCustomerByDocument" => {
            let known = person();
            world.bank.customer(TELLER).register_customer(known.clone()).await.unwrap();
            customer::FindCustomerByDocumentRequest {
                document_kind: known.document_kind,
                document_number: known.document_number,
                consistency: Some(primary()),
            }
            .encode_to_vec()
        }
        "ProposeCustomerChange" => {
            propose_change(&world.bank.register_active().await).encode_to_vec()
        }
        "DecideCustomerChange" => {
            let proposal = propose_change(&world.bank.register_active().await);
            let mut maker = world.bank.customer("teller/2");
            let change = maker.propose_customer_change(proposal).await.unwrap().into_inner().change;
            let change = change.unwrap();
            customer::DecideCustomerChangeRequest {
                request_id,
                change_id: change.change_id,
                payload_sha256: change.payload_sha256,
                approve: true,
            }
            .encode_to_vec()
        }
        "ListCustomerChanges" => customer::ListCustomerChangesRequest::default().encode_to_vec(),
        _ => missing("CustomerService", method),
    }
}

fn propose_change(customer_id: &str) -> customer::ProposeCustomerChangeRequest {
    customer::ProposeCustomerChangeRequest {
        request_id: request_id(),
        customer_id: customer_id.to_owned(),
        name: "Ada King".to_owned(),
        reason: "marriage".to_owned(),
        ..Default::default()
    }
}

async fn of_accounting(world: &World, method: &str) -> Vec<u8> {
    let request_id = request_id();
    // In the name of deposit, which no other service may do.
    let source = "deposit".to_owned();
    match method {
        // Whoever may deliver hears what is wrong with the batch.
        "PostEvents" => {
            let batch = accounting::EventBatch { batch_number: 1 << 40, ..Default::default() };
            accounting::PostEventsRequest { request_id, source, batches: vec![batch] }
                .encode_to_vec()
        }
        "GetBusinessDate" => accounting::GetBusinessDateRequest {}.encode_to_vec(),
        // Of a date that is not the current one: the bank stays where it is.
        "CutOver" => accounting::CutOverRequest { request_id, from_date: "2020-01-01".into() }
            .encode_to_vec(),
        "ConfirmCutOver" => accounting::ConfirmCutOverRequest {
            request_id,
            source,
            business_date: "2020-01-01".into(),
        }
        .encode_to_vec(),
        "GetTrialBalance" => accounting::GetTrialBalanceRequest::default().encode_to_vec(),
        "GetJournal" => {
            let posting_id = a_delivered_posting(world).await;
            accounting::GetJournalRequest { posting_id }.encode_to_vec()
        }
        "GetTieOut" => accounting::GetTieOutRequest::default().encode_to_vec(),
        _ => missing("AccountingService", method),
    }
}

async fn a_delivered_posting(world: &World) -> String {
    let request = crate::support::cash_in(&world.account(Scope::Bank), 100);
    let id = request.request_id.clone();
    world.bank.deposit(TELLER).deposit_cash(request).await.unwrap();
    world.bank.delivered().await;
    id
}

fn of_operations(method: &str) -> Vec<u8> {
    let (request_id, reason) = (request_id(), "a quieter night".to_owned());
    match method {
        "GetLimits" => operations::GetLimitsRequest {}.encode_to_vec(),
        "ProposeLimits" => {
            let rate = || Some(operations::Rate { rate: 100_000, burst: 100_000 });
            let classes = operations::ClassRates {
                card_authorization: rate(),
                payment: rate(),
                query: rate(),
                report: rate(),
                batch: rate(),
            };
            let limits = operations::Limits {
                caller: rate(),
                classes: Some(classes),
                service: rate(),
                queue_target_ms: 100,
                in_flight_min: 16,
                in_flight_max: 1_000,
                ..Default::default()
            };
            operations::ProposeLimitsRequest { request_id, limits: Some(limits), reason }
                .encode_to_vec()
        }
        // There is no such proposal, and no such version.
        "GetLimitProposal" => {
            operations::GetLimitProposalRequest { approval_id: request_id }.encode_to_vec()
        }
        "DecideLimits" => operations::DecideLimitsRequest {
            approval_id: request_id.clone(),
            request_id,
            payload_sha256: "0".repeat(64),
            verdict: operations::Verdict::Reject.into(),
        }
        .encode_to_vec(),
        "RollBackLimits" => {
            operations::RollBackLimitsRequest { request_id, to_version: 1_000, reason }
                .encode_to_vec()
        }
        "ListLimitVersions" => operations::ListLimitVersionsRequest::default().encode_to_vec(),
        _ => missing("OperationsService", method),
    }
}
