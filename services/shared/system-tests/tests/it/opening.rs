//! Who may open accounts, and how a customer relationship ends.

use proto::customer::v1::CustomerStatus;
use proto::deposit::v1 as pb;

use crate::support::*;

#[tokio::test]
async fn a_customer_registers_opens_pays_in_transfers_and_reads_the_statement() {
    let bank = Bank::start().await;
    let customer = bank.register().await;
    bank.customer(TELLER).activate_customer(activate(&customer)).await.unwrap();
    let mine = bank.open(&customer, 0).await.unwrap();
    let other = bank.open(&bank.register_active().await, 500).await.unwrap();

    bank.channel_of(&mine).deposit_cash(cash_in(&mine, 10_000)).await.unwrap();
    let posting = bank.transfer(&mine, &other, 2_500).await.unwrap();

    assert_eq!(bank.balance(&mine).await, (7_500, 0, 7_500));
    assert_eq!(bank.balance(&other).await, (3_000, 0, 3_000));
    let statement = bank.statement(&mine).await;
    let lines: Vec<_> = statement
        .iter()
        .map(|entry| {
            let (amount, after) = (entry.amount.as_ref(), entry.balance_after.as_ref());
            (entry.sequence, amount.unwrap().amount_minor, after.unwrap().amount_minor)
        })
        .collect();
    assert_eq!(lines, [(2, -2_500, 7_500), (1, 10_000, 10_000)]);
    assert_eq!(statement[0].posting_id, posting.posting_id);
    assert_eq!(statement[0].counterparty_account_number, other);
    bank.audit().await;
}

#[tokio::test]
async fn only_an_active_customer_opens_an_account_and_only_of_a_product_that_exists() {
    let bank = Bank::start().await;
    let pending = bank.register().await;
    let frozen = bank.register_active().await;
    bank.freeze_customer(&frozen).await;
    let closed = bank.register_active().await;
    bank.close_customer(&closed).await.unwrap();
    let unknown = request_id();

    assert_refused(bank.open(&unknown, 0).await, "CUSTOMER_UNKNOWN");
    assert_refused(bank.open(&pending, 0).await, "CUSTOMER_NOT_ACTIVE");
    assert_refused(bank.open(&frozen, 0).await, "CUSTOMER_NOT_ACTIVE");
    assert_refused(bank.open(&closed, 0).await, "CUSTOMER_NOT_ACTIVE");
    let active = bank.register_active().await;
    let mut platinum = open(&active, 0);
    platinum.product_code = "PLATINUM".into();
    assert_refused(bank.channel_for(&active).open_account(platinum).await, "PRODUCT_UNKNOWN");
    assert_eq!(bank.count("deposit", "SELECT count(*) FROM accounts").await, 0);
}

/// What the customer service does first when it closes a customer; here it crashes right after.
#[tokio::test]
async fn an_owner_whom_deposit_has_closed_opens_nothing_even_while_the_customer_is_active() {
    let bank = Bank::start().await;
    let customer = bank.register_active().await;
    let request = pb::CloseOwnerRequest { request_id: request_id(), customer_id: customer.clone() };
    bank.deposit("service/customer").close_owner(request).await.unwrap();

    assert_refused(bank.open(&customer, 0).await, "OWNER_CLOSED");
    let ended = bank.close_customer(&customer).await.unwrap();

    assert_eq!(ended.status(), CustomerStatus::Closed);
}

#[tokio::test]
async fn a_customer_is_closed_only_after_the_last_account_and_for_good() {
    let bank = Bank::start().await;
    let customer = bank.register_active().await;
    let account = bank.open(&customer, 700).await.unwrap();

    assert_refused(bank.close_customer(&customer).await, "CUSTOMER_HAS_PRODUCTS");
    bank.channel_of(&account).withdraw_cash(cash_out(&account, 700)).await.unwrap();
    bank.deposit(TELLER).close_account(close(&account)).await.unwrap();
    let closed = bank.close_customer(&customer).await.unwrap();

    assert_eq!(closed.status(), CustomerStatus::Closed);
    assert_refused(bank.open(&customer, 0).await, "CUSTOMER_NOT_ACTIVE");
    assert_refused(bank.close_customer(&customer).await, "ILLEGAL_TRANSITION");
    bank.audit().await;
}
