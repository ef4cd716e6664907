//! The queries: parse, read, reply. A card that is not the caller's customer's is read like any other, and then not there.

use platform::db::Reader;
use platform::mandate::Mandate;
use proto::card::v1 as pb;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::pages::{self, next_page};
use super::{Api, reply, status};
use crate::store::read;

impl Api {
    fn as_of(&self, reader: &Reader) -> proto::common::v1::AsOf {
        reply::as_of(reader.as_of(), self.context.clock.now())
    }

    pub(super) async fn one_card(
        &self,
        request: &Request<pb::GetCardRequest>,
    ) -> Result<Response<pb::GetCardResponse>, Status> {
        let mandate = status::mandate(request)?;
        let asked = pages::card(self.fields(), request.get_ref());
        let (id, freshness) = asked.map_err(status::invalid)?;
        let mut reader = self.reader(freshness).await?;
        let found = self.card_on(&mut reader, id).await?;
        let found = found.filter(|(_, owner)| mandate.covers(*owner));
        let (card, _) = found.ok_or_else(|| status::not_found("card"))?;
        let as_of = Some(self.as_of(&reader));
        Ok(Response::new(pb::GetCardResponse { card: Some(card), as_of }))
    }

    pub(super) async fn many_cards(
        &self,
        request: &Request<pb::ListCardsRequest>,
    ) -> Result<Response<pb::ListCardsResponse>, Status> {
        let mandate = status::mandate(request)?;
        let asked = pages::cards(self.fields(), request.get_ref());
        let (customer_id, page) = asked.map_err(status::invalid)?;
        let mut reader = self.reader(page.freshness).await?;
        let which = (page.after.unwrap_or(Uuid::max()), page.size);
        // Somebody else has as many cards as nobody has, and takes as long to say so.
        let found = if mandate.covers(customer_id) {
            let products = &self.context.products;
            read::list_cards(reader.conn(), customer_id, which, products).await
        } else {
            Ok(Vec::new())
        };
        let rows = found.map_err(|error| status::query(&error))?;
        let today = if rows.is_empty() { None } else { Some(self.today(&mut reader).await?) };
        let cards = rows.iter().zip(today.iter().cycle());
        let last = rows.last().map(|held| held.card.id.to_string());
        Ok(Response::new(pb::ListCardsResponse {
            cards: cards.map(|(held, today)| reply::card(held, *today)).collect(),
            next_page_token: next_page(rows.len(), page.size, last),
            as_of: Some(self.as_of(&reader)),
        }))
    }

    pub(super) async fn one_authorization(
        &self,
        request: &Request<pb::GetAuthorizationRequest>,
    ) -> Result<Response<pb::GetAuthorizationResponse>, Status> {
        let mandate = status::mandate(request)?;
        let asked = pages::authorization(self.fields(), request.get_ref());
        let (id, freshness) = asked.map_err(status::invalid)?;
        let mut reader = self.reader(freshness).await?;
        let found = read::find_authorization(reader.conn(), id).await;
        let found = found.map_err(|error| status::query(&error))?;
        // One that is nobody's is the bank's.
        let covered = |owner| covers(&mandate, owner);
        let found = found.filter(|one| covered(one.customer_id));
        let one = found.ok_or_else(|| status::not_found("authorization"))?;
        let authorization = Some(reply::authorization(&one));
        let as_of = Some(self.as_of(&reader));
        Ok(Response::new(pb::GetAuthorizationResponse { authorization, as_of }))
    }

    pub(super) async fn many_authorizations(
        &self,
        request: &Request<pb::ListAuthorizationsRequest>,
    ) -> Result<Response<pb::ListAuthorizationsResponse>, Status> {
        let mandate = status::mandate(request)?;
        let asked = pages::authorizations(self.fields(), request.get_ref());
        let (id, page) = asked.map_err(status::invalid)?;
        let mut reader = self.reader(page.freshness).await?;
        let known = self.card_on(&mut reader, id).await?;
        let known = known.filter(|(_, owner)| mandate.covers(*owner));
        known.ok_or_else(|| status::not_found("card"))?;
        let which = (page.after.unwrap_or(Uuid::max()), page.size);
        let found = read::list_authorizations(reader.conn(), id, which).await;
        let rows = found.map_err(|error| status::query(&error))?;
        let last = rows.last().map(|one| one.id.to_string());
        Ok(Response::new(pb::ListAuthorizationsResponse {
            authorizations: rows.iter().map(reply::authorization).collect(),
            next_page_token: next_page(rows.len(), page.size, last),
            as_of: Some(self.as_of(&reader)),
        }))
    }
}

fn covers(mandate: &Mandate, owner: Option<kernel::CustomerId>) -> bool {
    owner.map_or(mandate.customer().is_none(), |owner| mandate.covers(owner))
}
