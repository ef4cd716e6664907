//! `bank verify`: what it answers of sound books, of planted discrepancies, and of books that somebody changed.

use std::process::Output;

use serde_json::Value;
use sqlx::Executor;

use crate::support::*;

async fn a_bank_with_some_books() -> Bank {
    let bank = Bank::start().await;
    let accounts = bank.accounts(&[10_000, 20_000, 0]).await;
    for minor in 1..=20 {
        bank.transfer(&accounts[0], &accounts[1], minor).await.unwrap();
        bank.transfer(&accounts[1], &accounts[2], minor).await.unwrap();
    }
    for account in &accounts[..2] {
        bank.channel_of(account).place_hold(hold(account, 100)).await.unwrap();
    }
    bank.delivered().await;
    bank
}

fn json(output: &Output) -> Value {
    let error = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {error}"))
}

/// The checks of a report, as id and verdict.
fn verdicts(report: &Value) -> Vec<(&str, bool)> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks
        .map(|check| (check["id"].as_str().unwrap(), check["passed"].as_bool().unwrap()))
        .collect()
}

#[tokio::test]
async fn sound_books_pass_and_fail_with_exit_code_1_once_a_superuser_has_changed_an_entry() {
    let bank = a_bank_with_some_books().await;

    let sound = bank.command(&["verify", "--json"]);
    let mut superuser = bank.tamper_with("deposit").await;
    superuser.execute("SET session_replication_role = replica").await.unwrap();
    let change = "UPDATE entries SET amount_minor = amount_minor + 1000 WHERE sequence = 3";
    let changed = superuser.execute(change).await.unwrap();
    let broken = bank.command(&["verify", "--json"]);

    let report = json(&sound);
    assert_eq!((sound.status.code(), &report["passed"]), (Some(0), &Value::Bool(true)));
    assert_eq!(verdicts(&report), ["V1", "V2", "V3", "V4", "V6", "V7", "V9"].map(|id| (id, true)));
    for check in report["checks"].as_array().unwrap() {
        assert!(check["examined"].is_u64() && check["name"].is_string(), "{check:#}");
        assert_eq!(check["violations"], Value::Array(Vec::new()), "{check:#}");
    }
    assert_eq!(changed.rows_affected(), 3);
    let report = json(&broken);
    assert_eq!((broken.status.code(), &report["passed"]), (Some(1), &Value::Bool(false)));
    assert!(verdicts(&report).contains(&("V2", false)), "{report:#}");
    let error = String::from_utf8(broken.stderr).unwrap();
    assert!(error.starts_with("error: verification failed: "), "{error}");
}

#[tokio::test]
async fn the_self_test_finds_every_planted_discrepancy_and_leaves_the_bank_alone() {
    let bank = a_bank_with_some_books().await;

    let output = bank.command(&["verify", "--self-test", "--json"]);

    let report = json(&output);
    let planted = report["planted"].as_array().unwrap();
    let missed: Vec<_> = planted.iter().filter(|one| one["found"] != true).collect();
    assert!(missed.is_empty(), "{missed:#?}");
    assert_eq!((output.status.code(), &report["passed"]), (Some(0), &Value::Bool(true)));
    let mut aimed_at: Vec<_> =
        planted.iter().map(|one| one["invariant"].as_str().unwrap()).collect();
    aimed_at.dedup();
    assert_eq!(aimed_at, ["all", "V1", "V2", "V3", "V4", "V6", "V7", "V9", "V5"]);
    bank.audit().await;
}
