//! What changes the standing of an account is in the audit log, once, with who did it.

use deposit::commands::{Action, Command, FreezeAccount, FreezeScope};
use deposit::domain::Asker;
use kernel::{AccountNumber, RequestId, SystemClock};
use platform::lanes::Book;
use proto::deposit::v1 as pb;

use crate::support::{Service, assert_refused, request_id, transfer};

#[tokio::test]
async fn freezing_is_remembered_once_with_its_teller_and_payments_and_refusals_are_not() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let mut teller = service.teller();
    let freeze = pb::FreezeAccountRequest {
        request_id: request_id(),
        account_number: accounts[0].clone(),
        scope: pb::FreezeScope::Debits.into(),
    };
    let thaw = pb::UnfreezeAccountRequest {
        request_id: request_id(),
        account_number: accounts[0].clone(),
    };

    teller.freeze_account(freeze.clone()).await.unwrap();
    teller.freeze_account(freeze.clone()).await.unwrap();
    let again = pb::FreezeAccountRequest { request_id: request_id(), ..freeze };
    assert_refused(teller.freeze_account(again).await, "ILLEGAL_TRANSITION");
    teller.unfreeze_account(thaw).await.unwrap();
    teller.transfer(transfer(&accounts[0], &accounts[1], 1)).await.unwrap();

    let by_the_teller = format!(
        "SELECT count(*) FROM audit_log WHERE actor LIKE 'teller/%' AND subject = '{}'",
        accounts[0]
    );
    assert_eq!(service.count(&by_the_teller).await, 2);
    assert_eq!(service.count("SELECT count(*) FROM audit_log").await, 2);
}

#[tokio::test]
async fn what_stands_in_a_batch_twice_is_remembered_once_and_what_reuses_its_id_is_not() {
    let service = Service::start().await;
    let accounts = service.accounts(&[0, 0]).await;
    let request_id = RequestId::generate(&SystemClock);
    let freeze = |account: &str, fingerprint, caller: &str| Command {
        request_id,
        fingerprint,
        asker: Asker::Bank,
        caller: Some(caller.into()),
        action: Action::FreezeAccount(FreezeAccount {
            account: AccountNumber::parse(account).unwrap(),
            scope: FreezeScope::Debits,
        }),
    };
    let first = freeze(&accounts[0], 1, "teller/1");
    let batch = [first.clone(), first, freeze(&accounts[1], 2, "teller/2")];

    let (books, book) = service.books().await;
    let mut tx = books.write_pool().begin().await.unwrap();
    let outcomes = book.post(&mut tx, &batch).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(outcomes.len(), 3);
    let by_the_first = "SELECT count(*) FROM audit_log WHERE actor = 'teller/1'";
    assert_eq!(service.count(by_the_first).await, 1);
    assert_eq!(service.count("SELECT count(*) FROM audit_log").await, 1);
    books.close().await;
}
