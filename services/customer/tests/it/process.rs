//! The program itself: its settings, its migrations, how it ends.

use std::process::{Command, Output};
use std::time::Duration;

use crate::support::{Service, get, register};

fn customer(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_customer")).args(arguments).output().unwrap()
}

#[tokio::test]
async fn told_to_stop_it_ends_by_itself_although_callers_are_connected() {
    let mut service = Service::start().await;
    let mut client = service.client();
    let id = register(&mut client, "P1000001").await.customer_id;

    let politely = service.process.stop(Duration::from_secs(20)).await;

    assert!(politely, "{}", service.process.log());
    service.start_again().await;
    assert_eq!(get(&mut service.client(), &id).await.customer_id, id);
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let service = Service::start().await;
    register(&mut service.client(), "P1000001").await;

    let output = customer(&["migrate", "--owner-url", &service.database.owner_url]);

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(service.count("SELECT count(*) FROM customers").await, 1);
}

#[test]
fn keys_that_cannot_be_used_are_reported_together_and_not_printed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("customer.toml");
    let settings = "
[server]
listen = \"127.0.0.1:1\"
operations_listen = \"127.0.0.1:2\"
[database]
nodes = [\"postgres://customer_app@127.0.0.1:3/customer\"]
[clients]
deposit = \"https://127.0.0.1:4\"
loan = \"https://127.0.0.1:5\"
card = \"https://127.0.0.1:6\"
[protection]
key_encryption_key_id = \"k1\"
key_encryption_key_hex = \"5ec4e7\"
search_key_hex = \"5ec4e8\"
[protection.retired_key_encryption_keys]
k1 = \"5ec4e9\"
";
    std::fs::write(&file, settings).unwrap();

    let output = customer(&["serve", "--config", file.to_str().unwrap()]);

    assert!(!output.status.success());
    let message = String::from_utf8(output.stderr).unwrap();
    for problem in [
        "key-encryption key \"k1\"",
        "protection.search_key_hex",
        "protection.retired_key_encryption_keys",
    ] {
        assert!(message.contains(problem), "{problem} is not in: {message}");
    }
    assert!(!message.contains("5ec4e"));
}
