//! Every step from every status, and the history it leaves.

use proto::customer::v1 as pb;
use proto::customer::v1::CustomerStatus::{Active, Closed, Frozen, Pending, Rejected};
use sqlx::Row;

use crate::support::{Client, Service, Step, get, reason, register, step};

const STEPS: [Step; 4] = [Step::Activate, Step::Freeze, Step::Reject, Step::Close];

/// How a new customer gets to each status.
const PATHS: [(pb::CustomerStatus, &[Step]); 5] = [
    (Pending, &[]),
    (Active, &[Step::Activate]),
    (Frozen, &[Step::Activate, Step::Freeze]),
    (Closed, &[Step::Activate, Step::Close]),
    (Rejected, &[Step::Reject]),
];

/// Where a step leads, if it is allowed.
fn next(from: pb::CustomerStatus, step: Step) -> Option<pb::CustomerStatus> {
    match (from, step) {
        (Pending | Frozen, Step::Activate) => Some(Active),
        (Active, Step::Freeze) => Some(Frozen),
        (Pending, Step::Reject) => Some(Rejected),
        (Active | Frozen, Step::Close) => Some(Closed),
        _ => None,
    }
}

async fn customer_at(client: &mut Client, path: &[Step], passport: &str) -> String {
    let id = register(client, passport).await.customer_id;
    for taken in path {
        step(client, *taken, &id).await.unwrap();
    }
    id
}

#[tokio::test]
async fn every_step_from_every_status_is_taken_or_refused_as_the_life_cycle_says() {
    let service = Service::start().await;
    let mut client = service.client();

    let mut number = 0;
    for (from, path) in PATHS {
        for wanted in STEPS {
            number += 1;
            let id = customer_at(&mut client, path, &format!("P{number:07}")).await;
            let answer = step(&mut client, wanted, &id).await;
            let expected = next(from, wanted).ok_or(("ILLEGAL_TRANSITION".to_owned(), from));
            let got = answer.map(|customer| customer.status()).map_err(|refused| {
                let (_, code, metadata) = reason(&refused);
                let status = format!("CUSTOMER_STATUS_{}", metadata["status"]);
                (code, pb::CustomerStatus::from_str_name(&status).unwrap())
            });
            assert_eq!(got, expected, "{wanted:?} from {from:?}");
            let now = get(&mut client, &id).await.status();
            assert_eq!(now, next(from, wanted).unwrap_or(from), "{wanted:?} from {from:?}");
        }
    }
}

#[tokio::test]
async fn every_step_is_in_the_history_with_reason_caller_and_time() {
    let service = Service::start().await;
    let mut client = service.client();
    let id =
        customer_at(&mut client, &[Step::Activate, Step::Freeze, Step::Activate], "P1000001").await;
    assert_eq!(get(&mut client, &id).await.version, 4);

    let history = "SELECT version, from_status, to_status, reason \
        FROM customer_transitions ORDER BY version";
    let rows = sqlx::query(history).fetch_all(&mut service.as_admin().await).await.unwrap();

    let rows: Vec<(i64, String, String, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect();
    let row = |version, from: &str, to: &str, reason: &str| {
        (version, from.to_owned(), to.to_owned(), reason.to_owned())
    };
    assert_eq!(
        rows,
        [
            row(1, "NONE", "PENDING", ""),
            row(2, "PENDING", "ACTIVE", "as asked"),
            row(3, "ACTIVE", "FROZEN", "as asked"),
            row(4, "FROZEN", "ACTIVE", "as asked"),
        ]
    );
    let complete = "SELECT count(*) FROM customer_transitions \
        WHERE changed_by = 'teller/0042' AND changed_at > now() - interval '1 minute'";
    assert_eq!(service.count(complete).await, 4);
}

#[tokio::test]
async fn a_step_without_a_reason_is_malformed_where_one_is_required() {
    let service = Service::start().await;
    let mut client = service.client();
    let id = register(&mut client, "P1000001").await.customer_id;
    let request_id = crate::support::request_id();

    let activate = pb::ActivateCustomerRequest {
        request_id: request_id.clone(),
        customer_id: id.clone(),
        reason: String::new(),
    };
    assert!(client.activate_customer(activate).await.is_ok());
    let freeze = pb::FreezeCustomerRequest { request_id, customer_id: id, reason: String::new() };
    let refused = client.freeze_customer(freeze).await.unwrap_err();
    assert_eq!(crate::support::wrong_fields(&refused), ["reason"]);
}
