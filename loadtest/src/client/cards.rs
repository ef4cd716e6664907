//! The calls about cards: issuing and showing them while we seed; over ISO 8583, asking and what follows while the load
//! runs.

use std::time::Duration;

use proto::card::v1 as pb;
use scheme::{Channel, FieldError, Kind, Message, Pan};
use tonic::Status;
use uuid::Uuid;

use super::{Client, Reply, TELLER};
use crate::cards::{Cards, LoadCard};
use crate::iso8583::{
    Card, Following, NoAnswer, Pool, Purchase, Trace, authorization_id, code, following,
};
use crate::order::{Operation, Order};

/// The card product of the load test.
pub const PRODUCT: &str = "DEBIT";

/// The line to the gateway, and what is on the cards.
#[derive(Debug)]
pub struct Scheme {
    pool: Pool,
    cards: Cards,
    deadline: Duration,
}

impl Scheme {
    /// Asks about these cards on these connections.
    pub fn new(pool: Pool, cards: Cards, deadline: Duration) -> Self {
        Self { pool, cards, deadline }
    }

    /// Sends an order that concerns a card, and says what it came to.
    pub(super) async fn send(&self, order: &Order, repeated: bool) -> Reply {
        let mut message = match message(order, &self.cards) {
            Ok(message) => message,
            Err(error) => return Reply::Rejected(error.to_string()),
        };
        if repeated {
            message.set_mti(message.mti().repeat());
        }
        match self.pool.ask(&message, self.deadline).await {
            Ok(answer) => conclude(order, &answer),
            Err(error @ (NoAnswer::Late | NoAnswer::Lost(_))) => Reply::Unknown(error.to_string()),
        }
    }
}

/// What the caller may conclude from an answer.
fn conclude(order: &Order, answer: &Message) -> Reply {
    let code = code(answer);
    match code.as_str() {
        // Wrong requests are our fault.
        "12" | "30" | "58" => Reply::Rejected(format!("response code {code}")),
        // It does not say whether anything was decided. What follows an authorization is only done when it is approved.
        "96" | "" => Reply::Unknown(format!("response code {code}")),
        "91" if order.subject.is_some() => Reply::Unknown("response code 91".to_owned()),
        _ => Reply::Authorized { authorization_id: authorization_id(answer), code },
    }
}

/// The same order always makes the same message.
fn message(order: &Order, cards: &Cards) -> Result<Message, FieldError> {
    let own = Trace::of(order.request_id);
    let missing = FieldError { field: 2, problem: scheme::FieldProblem::Missing };
    let card = cards.get(order.counterparty).ok_or(missing)?;
    let what = match order.operation {
        Operation::CardReversal => Following::Reversal,
        Operation::CardCompletion => Following::Completion(order.amount_minor),
        _ => return purchase(order, card).message(&card.card, &own),
    };
    let original = order.subject.ok_or(missing)?;
    let asked = purchase(order, card).message(&card.card, &Trace::of(original))?;
    following(what, &asked, &own)
}

/// Every other card pays without being there, and proves itself by its CVV2; those with a PIN pay with it.
fn purchase(order: &Order, card: &LoadCard) -> Purchase {
    let online = order.counterparty % 2 == 1;
    let channel = if online { Channel::Online } else { Channel::Pos };
    Purchase {
        cvv2: online.then(|| card.card.cvv2.clone()),
        pin: card.pin.filter(|_| !online),
        ..Purchase::new(Kind::Purchase, channel, order.amount_minor)
    }
}

impl Client {
    /// Issues cards; the answer is in the order of the question.
    pub async fn issue(
        &self,
        items: Vec<pb::IssueCardRequest>,
    ) -> Result<Vec<pb::BatchIssueCardsResult>, Status> {
        let [_, mut teller] = self.card.clone();
        let request = pb::BatchIssueCardsRequest { items };
        let answer = teller.batch_issue_cards(self.request(request, TELLER)).await?;
        Ok(answer.into_inner().results)
    }

    /// Makes a card usable.
    pub async fn activate(&self, request_id: Uuid, card: Uuid) -> Result<(), Status> {
        let request = pb::ActivateCardRequest {
            request_id: request_id.to_string(),
            card_id: card.to_string(),
        };
        let [_, mut teller] = self.card.clone();
        teller.activate_card(self.request(request, TELLER)).await.map(|_| ())
    }

    /// Shows a holder what is on a card.
    pub async fn reveal(&self, request_id: Uuid, card: Uuid, owner: Uuid) -> Result<Card, Status> {
        let request =
            pb::RevealCardRequest { request_id: request_id.to_string(), card_id: card.to_string() };
        let [mut channel, _] = self.card.clone();
        let shown = channel.reveal_card(self.for_customer(request, owner)).await?.into_inner();
        let pan = Pan::parse(&shown.number)
            .map_err(|_| Status::internal("a card whose number cannot be read"))?;
        Ok(Card { pan, expiry: shown.expiry, cvv2: shown.cvv2 })
    }

    /// Sets a holder's first PIN.
    pub async fn set_pin(
        &self,
        request_id: Uuid,
        (card, owner): (Uuid, Uuid),
        pin: pb::PinBlock,
    ) -> Result<(), Status> {
        let request = pb::SetPinRequest {
            request_id: request_id.to_string(),
            card_id: card.to_string(),
            new_pin: Some(pin),
        };
        let [mut channel, _] = self.card.clone();
        channel.set_pin(self.for_customer(request, owner)).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cards() -> Cards {
        let pan = Pan::with_check_digit("621234000000001").unwrap();
        let card = Card { pan, expiry: "3011".to_owned(), cvv2: "123".to_owned() };
        Cards::new(vec![LoadCard { id: Uuid::from_u128(1), account: 0, card, pin: None }])
    }

    fn order(operation: Operation, subject: Option<Uuid>) -> Order {
        let request_id = Uuid::from_u128(7 << 64 | 5);
        Order { request_id, operation, account: 0, counterparty: 0, amount_minor: 9, subject }
    }

    #[test]
    fn an_order_makes_the_same_message_each_time() {
        let purchase = order(Operation::CardPurchase, None);

        assert_eq!(message(&purchase, &cards()).unwrap(), message(&purchase, &cards()).unwrap());
    }

    #[test]
    fn what_follows_names_what_it_follows() {
        let original = message(&order(Operation::CardPurchase, None), &cards()).unwrap();
        let mut reversal = order(Operation::CardReversal, Some(Uuid::from_u128(7 << 64 | 5)));
        reversal.request_id = Uuid::from_u128(9 << 64);

        let reversal = message(&reversal, &cards()).unwrap();

        let named = scheme::OriginalData::named_in(&reversal).unwrap();
        assert_eq!(named, scheme::OriginalData::of(&original).unwrap());
        assert_eq!(reversal.text(41), original.text(41));
    }

    #[test]
    fn an_answer_that_does_not_tell_is_unknown_and_a_decline_is_an_answer() {
        let asked = message(&order(Operation::CardPurchase, None), &cards()).unwrap();
        let purchase = order(Operation::CardPurchase, None);
        let reply = |code| conclude(&purchase, &asked.answer(code));

        assert!(matches!(reply(scheme::ResponseCode::SYSTEM_MALFUNCTION), Reply::Unknown(_)));
        assert!(matches!(reply(scheme::ResponseCode::FORMAT_ERROR), Reply::Rejected(_)));
        let declined = Reply::Authorized { authorization_id: None, code: "51".to_owned() };
        assert_eq!(reply(scheme::ResponseCode::INSUFFICIENT_FUNDS), declined);
        let reversal = order(Operation::CardReversal, Some(Uuid::from_u128(1)));
        let unavailable = asked.answer(scheme::ResponseCode::ISSUER_UNAVAILABLE);
        assert!(matches!(conclude(&reversal, &unavailable), Reply::Unknown(_)));
    }
}
