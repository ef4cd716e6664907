//! Somebody with an account and a card.

use anyhow::{Context as _, ensure};
use proto::card::v1 as pb;
use proto::customer::v1::{CustomerKind, DocumentKind, RegisterCustomerRequest};
use proto::deposit::v1::OpenAccountRequest;
use scheme::{Channel, Kind};
use uuid::Uuid;

use super::bench::{As, Bench};
use crate::client::{CARD_PRODUCT, CURRENCY, PRODUCT};
use crate::iso8583::{Card, Purchase};

/// 10,000.00, what is on the account at first.
pub(super) const FUNDS: i64 = 1_000_000;

/// A customer, the account, and the card.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    pub(super) customer: Uuid,
    pub(super) account: i64,
    /// What was on the account at first.
    pub(super) funds: i64,
    pub(super) card_id: Uuid,
    pub(super) card: Card,
}

impl Holder {
    /// With a card that can be used, and money.
    pub(super) async fn new(bench: &Bench) -> anyhow::Result<Self> {
        Self::with_funds(bench, FUNDS).await
    }

    /// The same, with this much money.
    pub(super) async fn with_funds(bench: &Bench, funds: i64) -> anyhow::Result<Self> {
        let customer = register(bench).await?;
        let account = open(bench, customer, funds).await?;
        let card_id = issue(bench, customer, account).await?;
        bench.client.activate(bench.ids.next(), card_id).await?;
        let card = bench.client.reveal(bench.ids.next(), card_id, customer).await?;
        Ok(Self { customer, account, funds, card_id, card })
    }

    /// The usual one, with a PIN.
    pub(super) async fn with_pin(bench: &Bench, digits: &str) -> anyhow::Result<Self> {
        let holder = Self::new(bench).await?;
        let pin = bench.keys.sent(digits, &holder.card.pan)?;
        let whose = (holder.card_id, holder.customer);
        bench.client.set_pin(bench.ids.next(), whose, pin).await?;
        Ok(holder)
    }

    /// Something at a terminal.
    pub(super) fn at_terminal(amount_minor: i64) -> Purchase {
        Purchase::new(Kind::Purchase, Channel::Pos, amount_minor)
    }

    /// Something without the card, with the right CVV2.
    pub(super) fn online(&self, amount_minor: i64) -> Purchase {
        let purchase = Purchase::new(Kind::Purchase, Channel::Online, amount_minor);
        Purchase { cvv2: Some(self.card.cvv2.clone()), ..purchase }
    }

    pub(super) async fn block(&self, bench: &Bench) -> anyhow::Result<()> {
        let (request_id, card_id) = (bench.id(), self.card_id.to_string());
        let request = pb::BlockCardRequest { request_id, card_id, reason: "simulator".to_owned() };
        let [_, mut teller] = bench.cards.clone();
        teller.block_card(bench.request(request, As::Teller)).await?;
        Ok(())
    }

    pub(super) async fn report_missing(
        &self,
        bench: &Bench,
        missing_as: pb::CardStatus,
    ) -> anyhow::Result<()> {
        let (request_id, card_id) = (bench.id(), self.card_id.to_string());
        let missing_as = missing_as.into();
        let request = pb::ReportCardMissingRequest { request_id, card_id, missing_as };
        let [mut channel, _] = bench.cards.clone();
        channel.report_card_missing(bench.request(request, As::Holder(self.customer))).await?;
        Ok(())
    }

    pub(super) async fn limit(&self, bench: &Bench, limit: pb::CardLimit) -> anyhow::Result<()> {
        let (request_id, card_id) = (bench.id(), self.card_id.to_string());
        let request = pb::SetCardLimitsRequest { request_id, card_id, limits: vec![limit] };
        let [mut channel, _] = bench.cards.clone();
        channel.set_card_limits(bench.request(request, As::Holder(self.customer))).await?;
        Ok(())
    }

    /// Only cash machines from now on.
    pub(super) async fn only_cash(&self, bench: &Bench) -> anyhow::Result<()> {
        let (request_id, card_id) = (bench.id(), self.card_id.to_string());
        let switches = pb::CardSwitches { atm: true, ..Default::default() };
        let request = pb::SetCardSwitchesRequest { request_id, card_id, switches: Some(switches) };
        let [mut channel, _] = bench.cards.clone();
        channel.set_card_switches(bench.request(request, As::Holder(self.customer))).await?;
        Ok(())
    }

    /// The card as its holder sees it now.
    pub(super) async fn look(&self, bench: &Bench) -> anyhow::Result<pb::Card> {
        let request = pb::GetCardRequest {
            card_id: self.card_id.to_string(),
            consistency: Some(proto::common::v1::ReadConsistency {
                freshness: Some(proto::common::v1::read_consistency::Freshness::Primary(true)),
            }),
        };
        let [mut channel, _] = bench.cards.clone();
        let request = bench.request(request, As::Holder(self.customer));
        channel.get_card(request).await?.into_inner().card.context("no card in the answer")
    }

    /// What was used of all buckets on the business date: the sum, and how often.
    pub(super) async fn used(&self, bench: &Bench) -> anyhow::Result<(i64, i32)> {
        let card = self.look(bench).await?;
        let all = card.usage.iter().find(|one| one.bucket() == pb::CardBucket::All);
        Ok(all.map_or((0, 0), |one| (one.day_minor, one.day_count)))
    }
}

async fn register(bench: &Bench) -> anyhow::Result<Uuid> {
    let person = RegisterCustomerRequest {
        request_id: bench.id(),
        kind: CustomerKind::Person.into(),
        name: "Card Holder".to_owned(),
        document_kind: DocumentKind::IdentityCard.into(),
        document_number: format!("SIM{}", bench.ids.next().simple()),
        phone: String::new(),
    };
    let made = bench.client.register(vec![person]).await?.pop();
    let made = made.context("no customer in the answer")?;
    ensure!(made.refusal_reason.is_empty(), "no customer: {}", made.refusal_reason);
    Ok(Uuid::parse_str(&made.customer_id)?)
}

async fn open(bench: &Bench, customer: Uuid, funds: i64) -> anyhow::Result<i64> {
    let account = OpenAccountRequest {
        request_id: bench.id(),
        customer_id: customer.to_string(),
        product_code: PRODUCT.to_owned(),
        currency_code: CURRENCY.to_owned(),
        opening_deposit_minor: funds,
    };
    let made = bench.client.open(vec![account]).await?.pop().context("no account in the answer")?;
    ensure!(made.refusal_reason.is_empty(), "no account: {}", made.refusal_reason);
    Ok(made.account_number.parse()?)
}

async fn issue(bench: &Bench, customer: Uuid, account: i64) -> anyhow::Result<Uuid> {
    let card = pb::IssueCardRequest {
        request_id: bench.id(),
        customer_id: customer.to_string(),
        account_number: account.to_string(),
        product_code: CARD_PRODUCT.to_owned(),
    };
    let made = bench.client.issue(vec![card]).await?.pop().context("no card in the answer")?;
    ensure!(made.refusal_reason.is_empty(), "no card: {}", made.refusal_reason);
    Ok(Uuid::parse_str(&made.card_id)?)
}
