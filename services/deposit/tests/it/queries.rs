//! Queries: by replica, as fresh as asked, page by page.

use proto::common::v1::ReadConsistency;
use proto::common::v1::read_consistency::Freshness;
use proto::deposit::v1 as pb;
use tonic::Code;

use crate::support::*;

const TOKEN: &str = "thincore-read-token";

#[tokio::test]
async fn a_read_with_a_token_sees_the_write_that_gave_it() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000_000, 0]).await;
    let mut client = service.client();

    for round in 1..=200 {
        let written = client.transfer(transfer(&accounts[0], &accounts[1], 1)).await.unwrap();
        let token = written.metadata().get(TOKEN).unwrap().to_str().unwrap().to_owned();
        let request = pb::GetBalanceRequest {
            account_number: accounts[1].clone(),
            consistency: Some(ReadConsistency { freshness: Some(Freshness::AtLeast(token)) }),
        };
        let read = client.get_balance(request).await.unwrap().into_inner();
        assert_eq!(read.balance.unwrap().amount_minor, round);
    }
}

#[tokio::test]
async fn a_read_that_asks_for_nothing_is_served_by_the_replica() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000]).await;
    let mut client = service.client();

    let served = async {
        loop {
            let request =
                pb::GetBalanceRequest { account_number: accounts[0].clone(), consistency: None };
            let read = client.get_balance(request).await;
            if read.is_ok_and(|read| read.into_inner().as_of.unwrap().from_replica) {
                return;
            }
        }
    };

    tokio::time::timeout(std::time::Duration::from_secs(20), served).await.unwrap();
}

#[tokio::test]
async fn a_statement_comes_page_by_page_newest_first_and_misses_nothing() {
    let service = Service::start().await;
    let accounts = service.accounts(&[1_000, 0]).await;
    let mut client = service.client();
    for _ in 0..7 {
        client.transfer(transfer(&accounts[0], &accounts[1], 1)).await.unwrap();
    }

    let mut sequences = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListEntriesRequest {
            account_number: accounts[0].clone(),
            page_size: 3,
            page_token,
            consistency: Some(ReadConsistency { freshness: Some(Freshness::Primary(true)) }),
        };
        let page = client.list_entries(request).await.unwrap().into_inner();
        for entry in &page.entries {
            let counterparty = &entry.counterparty_account_number;
            assert_eq!(counterparty.is_empty(), entry.sequence == 1);
        }
        sequences.extend(page.entries.into_iter().map(|entry| entry.sequence));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }

    assert_eq!(sequences, [8, 7, 6, 5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn a_query_for_what_is_not_there_says_so() {
    let service = Service::start().await;
    let mut client = service.client();
    let cell = kernel::CellCode::try_new(999).unwrap();
    let number = kernel::AccountNumber::from_parts(cell, 1).unwrap().to_string();

    let request = pb::GetAccountRequest { account_number: number.clone(), consistency: None };
    assert_eq!(reason(client.get_account(request).await).0, Code::NotFound);
    let request = pb::ListEntriesRequest {
        account_number: number,
        page_size: 501,
        page_token: "x".into(),
        consistency: None,
    };
    assert_eq!(reason(client.list_entries(request).await).0, Code::InvalidArgument);
}
