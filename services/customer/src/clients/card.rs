//! The card service: does this customer owe anything on a card?

use kernel::CustomerId;
use platform::client::Channel;
use proto::card::v1::ListCardsRequest;
use proto::card::v1::card_service_client::CardServiceClient;
use proto::common::v1::ReadConsistency;
use proto::common::v1::read_consistency::Freshness;

use super::Error;

/// As many cards as card gives in one page.
const PAGE: i32 = 500;

/// The card service, seen from customer.
#[derive(Clone)]
pub struct Card {
    client: CardServiceClient<Channel>,
}

impl Card {
    /// Speaks over this channel.
    pub fn new(channel: Channel) -> Self {
        Self { client: CardServiceClient::new(channel) }
    }

    /// Whether the customer owes for a payment that could not be taken from the account, on any card, one that is
    /// cancelled included. Asked on card's primary.
    ///
    /// # Errors
    /// Card does not answer.
    pub async fn owes(&self, customer_id: CustomerId) -> Result<bool, Error> {
        let mut page_token = String::new();
        loop {
            let request = ListCardsRequest {
                customer_id: customer_id.to_string(),
                page_size: PAGE,
                page_token,
                consistency: Some(ReadConsistency { freshness: Some(Freshness::Primary(true)) }),
            };
            let answer = self.client.clone().list_cards(request).await;
            let page = answer
                .map_err(|status| Error { service: "card", code: status.code() })?
                .into_inner();
            if page.cards.iter().any(|card| card.receivable_minor > 0) {
                return Ok(true);
            }
            if page.next_page_token.is_empty() {
                return Ok(false);
            }
            page_token = page.next_page_token;
        }
    }
}
