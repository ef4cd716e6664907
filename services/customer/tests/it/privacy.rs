//! Nothing that identifies a person is stored or logged in clear, and answers are masked.

use proto::customer::v1 as pb;
use sqlx::{AssertSqlSafe, Row};

use crate::support::{Service, ada, get, primary, register, register_active};

/// What must not be found anywhere: parts of a person's name, document number and phone number.
const SECRETS: [&str; 4] = ["Lovelace", "Ada ", "XY7654321", "442079460"];

fn hexadecimal(text: &str) -> String {
    text.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[tokio::test]
async fn no_table_holds_a_name_a_document_number_or_a_phone_number_in_clear() {
    let service = Service::start().await;
    let mut client = service.client();
    register_active(&mut client, "XY7654321").await;
    client.register_customer(ada("XY-765-4321")).await.unwrap_err();

    let mut admin = service.as_admin().await;
    let tables =
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut admin).await.unwrap();
    assert!(tables.contains(&"customers".to_owned()));
    let mut rows = 0;
    for table in tables {
        // The text of a row shows a bytea in hexadecimal, so clear text is looked for in that form too.
        let sql = format!("SELECT t::text FROM {table} AS t");
        for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut admin).await.unwrap() {
            let text: String = row.get(0);
            rows += 1;
            for secret in SECRETS {
                let hex = hexadecimal(secret);
                assert!(!text.contains(secret) && !text.contains(&hex), "{table} holds {secret}");
            }
        }
    }
    assert!(rows >= 6);
}

#[tokio::test]
async fn no_log_line_and_no_metric_holds_personal_data() {
    let service = Service::start().await;
    let mut client = service.client();
    let request = ada("XY7654321");
    client.register_customer(request.clone()).await.unwrap();
    client.register_customer(ada("XY7654321")).await.unwrap_err();
    let malformed = pb::RegisterCustomerRequest { name: "Ada \u{7} Lovelace".into(), ..request };
    let refused = client.register_customer(malformed).await.unwrap_err();

    let everything =
        format!("{} {} {refused:?}", service.process.log(), service.process.metrics().await);

    assert!(everything.contains("customer_registrations_total"));
    for secret in SECRETS {
        assert!(!everything.contains(secret), "{secret} is in the log, the metrics or an error");
    }
}

#[tokio::test]
async fn a_field_that_was_moved_to_another_customer_is_not_shown() {
    let service = Service::start().await;
    let mut client = service.client();
    let one = register(&mut client, "P1000001").await.customer_id;
    let other = register(&mut client, "P1000002").await.customer_id;

    let swap = format!(
        "UPDATE customers SET name_encrypted = \
         (SELECT name_encrypted FROM customers WHERE customer_id = '{one}') \
         WHERE customer_id = '{other}'"
    );
    sqlx::query(AssertSqlSafe(swap)).execute(&mut service.as_admin().await).await.unwrap();

    let request = pb::GetCustomerRequest { customer_id: other, consistency: Some(primary()) };
    let failed = client.get_customer(request).await.unwrap_err();
    assert_eq!(failed.code(), tonic::Code::Internal);
}

#[tokio::test]
async fn a_teller_and_an_auditor_see_the_name_and_a_channel_its_first_letter() {
    let service = Service::start().await;
    let id = register(&mut service.client(), "XY7654321").await.customer_id;

    for (caller, name) in [
        ("teller/0042", "Ada Lovelace"),
        ("auditor/1", "Ada Lovelace"),
        ("service/deposit", "A****"),
    ] {
        let shown = get(&mut service.client_as(caller), &id).await;
        assert_eq!(
            (shown.name.as_str(), shown.document_number_masked.as_str()),
            (name, "****4321")
        );
    }
    assert_eq!(get(&mut service.channel_for(&id), &id).await.name, "A****");
}

#[tokio::test]
async fn answers_to_writes_are_masked_too() {
    let service = Service::start().await;

    let shown = register(&mut service.client_as("channel/mobile"), "XY7654321").await;

    assert_eq!((shown.name.as_str(), shown.document_number_masked.as_str()), ("A****", "****4321"));
}

#[tokio::test]
async fn a_caller_without_a_role_sees_nothing() {
    let service = Service::start().await;
    let id = register(&mut service.client(), "XY7654321").await.customer_id;

    for caller in ["visitor/1", "service/accounting"] {
        let request = pb::GetCustomerRequest { customer_id: id.clone(), consistency: None };
        let refused = service.client_as(caller).get_customer(request).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::PermissionDenied, "{caller}");
    }
}
