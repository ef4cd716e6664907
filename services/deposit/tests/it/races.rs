//! Many at once on few accounts: nobody waits for ever, nothing is lost, nothing goes below its limit.

use proto::deposit::v1 as pb;
use tokio::task::JoinSet;

use crate::support::*;

#[tokio::test]
async fn two_opposite_transfers_at_once_both_happen() {
    let service = Service::start().await;
    let accounts = service.accounts(&[100, 100]).await;
    for _ in 0..20 {
        let (mut one, mut other) = (service.client(), service.client());
        let (there, back) = tokio::join!(
            one.transfer(transfer(&accounts[0], &accounts[1], 50)),
            other.transfer(transfer(&accounts[1], &accounts[0], 50)),
        );
        there.unwrap();
        back.unwrap();
    }

    assert_eq!(balance(&mut service.client(), &accounts[0]).await.0, 100);
}

#[tokio::test]
async fn a_thousand_transfers_at_once_on_two_accounts_keep_every_cent() {
    let service = Service::start().await;
    let accounts = service.accounts(&[300, 300]).await;
    let client = service.client();
    let mut calls = JoinSet::new();
    for n in 0..1_000_usize {
        let (mut client, from, to) = (client.clone(), n % 2, 1 - n % 2);
        let request = transfer(&accounts[from], &accounts[to], 7);
        calls.spawn(async move { (from, client.transfer(request).await.is_ok()) });
    }

    let mut expected = [300, 300];
    for (from, posted) in calls.join_all().await {
        if posted {
            expected[from] -= 7;
            expected[1 - from] += 7;
        }
    }

    let mut client = service.client();
    assert_eq!(balance(&mut client, &accounts[0]).await.0, expected[0]);
    assert_eq!(balance(&mut client, &accounts[1]).await.0, expected[1]);
    let broken = "SELECT count(*) FROM accounts AS a WHERE balance_minor < 0 OR balance_minor <> \
        (SELECT COALESCE(sum(amount_minor), 0) FROM entries AS e WHERE e.account_number = a.account_number)";
    assert_eq!(service.count(broken).await, 0);
}

#[tokio::test]
async fn a_database_connection_that_is_cut_under_load_ends_in_true_outcomes() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000_000, 0]).await;
    let client = service.client();
    let mut calls = JoinSet::new();
    for _ in 0..500 {
        let mut client = client.clone();
        let request = transfer(&accounts[0], &accounts[1], 3);
        calls.spawn(async move { client.transfer(request).await });
    }
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
        WHERE datname = current_database() AND usename = 'deposit_app' AND pid <> pg_backend_pid()";
    for _ in 0..5 {
        service.count(cut).await;
    }

    let mut posted = 0;
    for answer in calls.join_all().await {
        answer.unwrap();
        posted += 3;
    }

    // Asked of the database itself: a pooled reading connection may have been cut as well, and a
    // query that meets one is answered UNAVAILABLE, for its caller to ask again.
    let credited =
        format!("SELECT balance_minor FROM accounts WHERE account_number = {}", accounts[1]);
    assert_eq!(service.count(&credited).await, posted);
}

#[tokio::test]
async fn a_corrupt_row_fails_only_who_needs_it_and_not_the_rest_of_the_batch() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 1_000, 0]).await;
    let corrupt = format!(
        "UPDATE accounts SET product = 'NO SUCH PRODUCT' WHERE account_number = {}",
        accounts[1]
    );
    let corrupt = sqlx::AssertSqlSafe(corrupt);
    sqlx::query(corrupt).execute(&mut service.admin().await).await.unwrap();
    let client = service.client();
    let mut calls = JoinSet::new();
    for n in 0..60_usize {
        let (mut client, from) = (client.clone(), usize::from(n % 20 == 7));
        let request = transfer(&accounts[from], &accounts[2], 1);
        calls.spawn(async move { (from, client.transfer(request).await) });
    }

    for (from, answer) in calls.join_all().await {
        let code = answer.err().map(|status| status.code());
        assert_eq!(code, (from == 1).then_some(tonic::Code::Internal));
    }
    assert_eq!(balance(&mut service.client(), &accounts[2]).await.0, 57);
}

#[tokio::test]
async fn a_transfer_and_its_reversal_at_once_move_nothing_in_the_end() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let (client, canceller) = (service.client(), service.client());
    let mut calls = JoinSet::new();
    for _ in 0..300 {
        let request = transfer(&accounts[0], &accounts[1], 1);
        let undo = pb::ReversePostingRequest {
            request_id: request_id(),
            posting_id: request.request_id.clone(),
        };
        let (mut one, mut other) = (client.clone(), canceller.clone());
        calls.spawn(async move {
            let (posted, undone) = tokio::join!(one.transfer(request), other.reverse_posting(undo));
            let undone = undone.unwrap().into_inner().posting.unwrap();
            // Either both moved money, or the reversal came first and neither did.
            assert_eq!(posted.is_ok(), undone.amount.is_some());
            if let Err(fenced) = posted {
                assert_refused::<()>(Err(fenced), "REVERSED_BEFORE_POSTED");
            }
        });
    }
    calls.join_all().await;

    assert_eq!(balance(&mut service.client(), &accounts[0]).await.0, 1_000);
    assert_eq!(balance(&mut service.client(), &accounts[1]).await.0, 0);
}
