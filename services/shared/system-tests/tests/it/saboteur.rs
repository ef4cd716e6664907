//! Somebody with the rights of a superuser goes at the audit log, in many ways; `V9` notices every time.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use sqlx::{AssertSqlSafe, Executor, PgConnection};
use testkit::invariants;

use crate::support::*;

/// The same sabotage on every run; another number, other sabotage.
const SEED: u64 = 20_261_123;
const ATTEMPTS: usize = 40;

const REMEMBER: &str = "SET session_replication_role = replica; \
    CREATE TABLE as_it_was AS TABLE audit_log; CREATE TABLE head_as_it_was AS TABLE audit_head";
const PUT_BACK: &str = "DELETE FROM audit_log; INSERT INTO audit_log TABLE as_it_was; \
    DELETE FROM audit_head; INSERT INTO audit_head TABLE head_as_it_was";
/// Computes the chain anew from some record on, as whoever knows how it is made would.
const RECOMPUTE: &str = include_str!("../../../testkit/src/invariants/sql/recompute_audit.sql");

/// A bank in which eight customers were moved about, and whose heads have been exported.
async fn a_bank_with_an_audit_log() -> Bank {
    let bank = Bank::start_with(|options| {
        options.overrides = vec!["customer.audit.export_seconds=1".parse().unwrap()];
    })
    .await;
    for _ in 0..8 {
        let customer = bank.register_active().await;
        bank.freeze_customer(&customer).await;
    }
    let heads = bank.file().service("customer").unwrap().audit_heads.clone();
    eventually("the head is exported", async || {
        let text = std::fs::read_to_string(&heads).unwrap_or_default();
        text.lines().any(|line| line.contains(r#""sequence":16,"#))
    })
    .await;
    bank
}

/// One act of sabotage, as statements.
fn sabotage(rng: &mut StdRng) -> (&'static str, Vec<String>) {
    let one = rng.random_range(1..=16);
    let other = one % 16 + 1;
    let column = *["actor", "action", "subject", "details"].choose(rng).unwrap();
    let edit = format!("UPDATE audit_log SET {column} = {column} || 'x' WHERE sequence = {one}");
    let later = format!(
        "UPDATE audit_log SET recorded_at = recorded_at + interval '1 microsecond' WHERE sequence = {one}"
    );
    let delete = format!("DELETE FROM audit_log WHERE sequence = {one}");
    let close_the_gap =
        format!("UPDATE audit_log SET sequence = sequence - 1 WHERE sequence > {one}");
    let cut = format!("DELETE FROM audit_log WHERE sequence >= {one}");
    let move_the_head = "UPDATE audit_head SET (sequence, hash) = (SELECT coalesce(max(sequence), 0), \
        coalesce((array_agg(hash ORDER BY sequence DESC))[1], decode(repeat('00', 32), 'hex')) FROM audit_log)";
    let swap = format!(
        "UPDATE audit_log AS a SET (recorded_at, actor, action, subject, details) \
         = (SELECT recorded_at, actor, action, subject, details FROM as_it_was AS b \
            WHERE b.sequence = CASE a.sequence WHEN {one} THEN {other} ELSE {one} END) \
         WHERE sequence IN ({one}, {other})"
    );
    let swap_whole = format!(
        "UPDATE audit_log AS a SET (recorded_at, actor, action, subject, details, previous_hash, hash) \
         = (SELECT recorded_at, actor, action, subject, details, previous_hash, hash FROM as_it_was AS b \
            WHERE b.sequence = CASE a.sequence WHEN {one} THEN {other} ELSE {one} END) \
         WHERE sequence IN ({one}, {other})"
    );
    let recompute = || RECOMPUTE.to_owned();
    let own = str::to_owned;
    let ways = [
        ("an edit", vec![edit.clone()]),
        ("another time", vec![later]),
        ("an edit, chain computed anew", vec![edit, recompute()]),
        ("a deletion", vec![delete.clone()]),
        (
            "a deletion, numbers closed, chain computed anew",
            vec![delete, close_the_gap, recompute()],
        ),
        ("two contents swapped", vec![swap.clone()]),
        ("two contents swapped, chain computed anew", vec![swap, recompute()]),
        ("two records swapped", vec![swap_whole]),
        ("the end cut off", vec![cut.clone()]),
        ("the end cut off, head moved", vec![cut, own(move_the_head)]),
        ("everything emptied", vec![own("TRUNCATE audit_log")]),
        ("everything emptied, head moved", vec![own("TRUNCATE audit_log"), own(move_the_head)]),
        ("only the head changed", vec![own("UPDATE audit_head SET hash = sha256(hash)")]),
    ];
    ways.choose(rng).cloned().unwrap()
}

async fn run(superuser: &mut PgConnection, statement: &str) {
    superuser.execute(sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))).await.unwrap();
}

/// Whether V9 holds, and what it says where it does not.
async fn v9(bank: &Bank) -> (bool, Vec<String>) {
    let report = invariants::check(&bank.books()).await.unwrap();
    let check = report.checks.into_iter().find(|check| check.id == "V9").unwrap();
    assert!(check.examined >= 8 || !check.passed, "{check:?}");
    (check.passed, check.violations)
}

#[tokio::test]
async fn whatever_a_superuser_does_to_the_audit_log_is_noticed() {
    let bank = a_bank_with_an_audit_log().await;
    let mut superuser = bank.tamper_with("customer").await;
    run(&mut superuser, REMEMBER).await;
    assert_eq!(v9(&bank).await, (true, Vec::new()));
    let mut rng = StdRng::seed_from_u64(SEED);

    for attempt in 0..ATTEMPTS {
        let (what, statements) = sabotage(&mut rng);
        for statement in &statements {
            run(&mut superuser, statement).await;
        }
        assert!(!v9(&bank).await.0, "attempt {attempt} was not noticed: {what}: {statements:#?}");
        run(&mut superuser, PUT_BACK).await;
    }

    assert_eq!(v9(&bank).await, (true, Vec::new()));
    run(&mut superuser, "DROP TABLE as_it_was, head_as_it_was").await;
    bank.audit().await;
}

#[tokio::test]
async fn without_a_superusers_rights_nobody_changes_the_audit_log() {
    let bank = a_bank_with_an_audit_log().await;
    let database = bank.file().service("customer").unwrap().database.clone();
    for url in [&database.app_urls[0], &database.owner_url, &database.auditor_urls[0]] {
        let mut connection = <PgConnection as sqlx::Connection>::connect(url).await.unwrap();
        for statement in
            ["UPDATE audit_log SET actor = 'nobody'", "DELETE FROM audit_log", "TRUNCATE audit_log"]
        {
            let refused = connection.execute(statement).await.unwrap_err();
            let code = refused.as_database_error().and_then(|error| error.code().map(String::from));
            let expected = ["42501", "23001"].map(Some);
            assert!(expected.contains(&code.as_deref()), "{statement}: {refused}");
        }
    }
    bank.audit().await;
}
