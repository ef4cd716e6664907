//! Verbs: what holders, tellers, operators and the scheme do about cards, over gRPC.

use proto::card::v1 as pb;
use proto::card::v1::{AuthorizationKind, CardBucket};
use tonic::Status;

use crate::support::*;

pub const SCHEME: &str = "scheme/lab";

/// A card in its holder's hands: usable, with what is printed on it.
#[derive(Debug, Clone)]
pub struct Held {
    pub card_id: String,
    pub customer_id: String,
    pub account: String,
    pub number: String,
    /// Year and month, YYMM.
    pub expiry: String,
    pub cvv2: String,
}

impl Bank {
    /// A new customer with an account that holds so much and a card that is in use.
    pub async fn card_holder(&self, balance_minor: i64) -> Held {
        let customer_id = self.register_active().await;
        let account = self.open(&customer_id, balance_minor).await.unwrap();
        self.card_on(&customer_id, &account).await
    }

    /// Issues a card on an account, activates and reveals it.
    pub async fn card_on(&self, customer_id: &str, account: &str) -> Held {
        let mut channel = self.cards_for(customer_id);
        let issued = channel.issue_card(issue(customer_id, account)).await.unwrap().into_inner();
        let card_id = issued.card.unwrap().card_id;
        channel.activate_card(activate_card(&card_id)).await.unwrap();
        let request = pb::RevealCardRequest { request_id: request_id(), card_id: card_id.clone() };
        let pb::RevealCardResponse { number, expiry, cvv2 } =
            channel.reveal_card(request).await.unwrap().into_inner();
        let (customer_id, account) = (customer_id.to_owned(), account.to_owned());
        Held { card_id, customer_id, account, number, expiry, cvv2 }
    }

    /// What the bank decides on a request of the scheme.
    pub async fn authorize(&self, request: pb::AuthorizeRequest) -> pb::Authorization {
        let answer = self.card(SCHEME).authorize(request).await.unwrap();
        answer.into_inner().authorization.unwrap()
    }

    /// Takes an authorization back, if the bank agrees.
    pub async fn reverse(&self, authorization_id: &str) -> Result<pb::Authorization, Status> {
        let request = reverse(authorization_id);
        let answer = self.card(SCHEME).reverse_authorization(request).await?;
        Ok(answer.into_inner().authorization.unwrap())
    }

    /// Completes an authorization with its final amount, if the bank agrees.
    pub async fn complete(
        &self,
        authorization_id: &str,
        minor: i64,
    ) -> Result<pb::Authorization, Status> {
        let request = pb::CompleteAuthorizationRequest {
            request_id: request_id(),
            authorization_id: authorization_id.into(),
            amount: Some(cny(minor)),
        };
        let answer = self.card(SCHEME).complete_authorization(request).await?;
        Ok(answer.into_inner().authorization.unwrap())
    }

    /// An authorization on the primary.
    pub async fn authorization_now(&self, authorization_id: &str) -> pb::Authorization {
        let request = pb::GetAuthorizationRequest {
            authorization_id: authorization_id.into(),
            consistency: Some(primary()),
        };
        let answer = self.card(AUDITOR).get_authorization(request).await.unwrap();
        answer.into_inner().authorization.unwrap()
    }

    /// A card on the primary.
    pub async fn card_now(&self, card_id: &str) -> pb::Card {
        let request = pb::GetCardRequest { card_id: card_id.into(), consistency: Some(primary()) };
        self.card(TELLER).get_card(request).await.unwrap().into_inner().card.unwrap()
    }

    /// Waits until deposit has done everything that cards ask of it.
    pub async fn carried_out(&self) {
        let mut card = self.look_into("card").await;
        eventually("no order is pending", async || {
            let pending = sqlx::query_scalar::<_, i64>(
                "SELECT count(*) FROM orders WHERE status = 'PENDING'",
            );
            pending.fetch_one(&mut card).await.unwrap() == 0
        })
        .await;
    }

    /// Sends a clearing file in one part, and closes it.
    pub async fn clear(&self, file_id: &str, content: String) -> pb::ClearingFile {
        let mut operator = self.card(OPERATOR);
        let part = pb::SubmitClearingPartRequest {
            request_id: request_id(),
            file_id: file_id.into(),
            part: 1,
            content: content.into_bytes(),
        };
        operator.submit_clearing_part(part).await.unwrap();
        let close =
            pb::CloseClearingFileRequest { request_id: request_id(), file_id: file_id.into() };
        operator.close_clearing_file(close).await.unwrap().into_inner().file.unwrap()
    }

    /// How far a clearing file is.
    pub async fn clearing_file(&self, file_id: &str) -> pb::ClearingFile {
        let request = pb::GetClearingFileRequest { file_id: file_id.into() };
        let answer = self.card(OPERATOR).get_clearing_file(request).await.unwrap();
        answer.into_inner().file.unwrap()
    }

    /// Waits until every record of a file is posted, or waits for a person.
    pub async fn cleared(&self, file_id: &str) -> pb::ClearingFile {
        let mut file = pb::ClearingFile::default();
        eventually("the file is worked off", async || {
            file = self.clearing_file(file_id).await;
            let done = file.status() == pb::ClearingFileStatus::Finished;
            file.posted + file.exceptions == file.records && (done || file.exceptions > 0)
        })
        .await;
        file
    }

    /// Sends the report by which the scheme settles.
    pub async fn settle(&self, report: String) -> pb::SubmitSettlementReportResponse {
        let request = pb::SubmitSettlementReportRequest {
            request_id: request_id(),
            content: report.into_bytes(),
        };
        self.card(OPERATOR).submit_settlement_report(request).await.unwrap().into_inner()
    }

    /// The records that wait for a person.
    pub async fn exceptions(&self) -> Vec<pb::ClearingItem> {
        let request = pb::ListClearingExceptionsRequest {
            consistency: Some(primary()),
            ..Default::default()
        };
        let answer = self.card(OPERATOR).list_clearing_exceptions(request).await.unwrap();
        answer.into_inner().items
    }
}

/// A debit card under a new request id.
pub fn issue(customer_id: &str, account: &str) -> pb::IssueCardRequest {
    pb::IssueCardRequest {
        request_id: request_id(),
        customer_id: customer_id.into(),
        account_number: account.into(),
        product_code: "DEBIT".into(),
    }
}

/// An activation under a new request id.
pub fn activate_card(card_id: &str) -> pb::ActivateCardRequest {
    pb::ActivateCardRequest { request_id: request_id(), card_id: card_id.into() }
}

/// A purchase in a shop by chip, without a PIN, under a new request id.
pub fn purchase(card: &Held, minor: i64) -> pb::AuthorizeRequest {
    let request_id = request_id();
    // The scheme counts; what is random in the id serves as well.
    let counted: u32 = request_id[request_id.len() - 8..]
        .chars()
        .fold(0, |sum, digit| (sum * 16 + digit.to_digit(16).unwrap_or_default()) % 1_000_000);
    pb::AuthorizeRequest {
        card_number: card.number.clone(),
        expiry: card.expiry.clone(),
        kind: AuthorizationKind::Purchase.into(),
        channel: CardBucket::Pos.into(),
        amount: Some(cny(minor)),
        pin: None,
        cvv2: String::new(),
        merchant_category: "5411".into(),
        abroad: false,
        acquirer: "4711".into(),
        terminal: "SHOP0001".into(),
        retrieval_reference: format!("R{counted:011}"),
        trace_number: format!("{counted:06}"),
        post_now: false,
        request_id,
    }
}

/// A purchase on the internet under a new request id.
pub fn online(card: &Held, minor: i64) -> pb::AuthorizeRequest {
    pb::AuthorizeRequest {
        channel: CardBucket::Online.into(),
        cvv2: card.cvv2.clone(),
        ..purchase(card, minor)
    }
}

/// A reversal under a new request id.
pub fn reverse(authorization_id: &str) -> pb::ReverseAuthorizationRequest {
    pb::ReverseAuthorizationRequest {
        request_id: request_id(),
        authorization_id: authorization_id.into(),
    }
}
