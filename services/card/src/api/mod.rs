//! The only place that knows gRPC. A write is parse, one command, reply; a query is parse, read, reply.
//!
//! A write on a card is answered with the card as it stands, read on the primary after the commit; so a repeated request
//! gets its first outcome with the card of today.

mod clearing;
#[doc(hidden)]
pub mod fuzzing;
mod pages;
mod parse;
mod queries;
mod reply;
mod status;

use std::sync::Arc;

use chrono::NaiveDate;
use kernel::{CardId, CustomerId, Money};
use platform::db::{Freshness, ReadToken, Reader};
use platform::fields::{Fields, Violations};
use platform::identity::Identity;
use platform::mandate::Mandate;
use platform::policy::Role;
use proto::card::v1 as pb;
use proto::card::v1::card_service_server::CardService;
use tonic::{Request, Response, Status};

use crate::commands::{self, Action, Command, Context, Done};
use crate::domain::{CardStatus, Decision, Expiry, Rejection, ResponseCode};
use crate::store::read;

/// The service as callers see it.
pub struct Api {
    context: Context,
}

impl Api {
    /// Puts the service together.
    pub fn new(context: Context) -> Self {
        Self { context }
    }

    fn fields(&self) -> Fields {
        Fields::new(self.context.clock.now())
    }

    /// A write on behalf of whoever asks.
    fn command<M>(
        &self,
        request: &Request<M>,
        parse: impl FnOnce(Fields, &M) -> Result<Command, Violations>,
    ) -> Result<Command, Status> {
        let mandate = status::mandate(request)?;
        let command = parse(self.fields(), request.get_ref()).map_err(status::invalid)?;
        let caller = Some(Identity::name_in(request.extensions()));
        let command = Command { caller, ..command };
        Ok(match mandate.customer() {
            Some(customer) => command.on_behalf_of(customer),
            None => command,
        })
    }

    /// Hands a command in and sees it through; a refusal is answered as the status it is.
    async fn post(&self, command: Command) -> Result<Done, Status> {
        let done = commands::run(&self.context, command).await.map_err(status::command)?;
        match done.outcome.decision {
            Decision::Done => Ok(done),
            Decision::Refused(rejection) => Err(status::refused(rejection)),
        }
    }

    /// The same for a command on a card, which is answered as it stands.
    async fn post_on_card(&self, command: Command) -> Result<(pb::Card, ReadToken), Status> {
        let done = self.post(command).await?;
        // A replacement is about the old card, and answers with the new one.
        let id = done.outcome.subject_id.map(CardId::from_uuid).or(done.outcome.card_id);
        let id = id.ok_or_else(|| status::not_found("card"))?;
        let mut reader = self.reader(Freshness::Primary).await?;
        let card = self.card_on(&mut reader, id).await?;
        Ok((card.ok_or_else(|| status::not_found("card"))?.0, done.token))
    }

    /// A card as it is shown, and whose it is.
    async fn card_on(
        &self,
        reader: &mut Reader,
        id: CardId,
    ) -> Result<Option<(pb::Card, CustomerId)>, Status> {
        let found = read::find_card(reader.conn(), id, &self.context.products).await;
        let found = found.map_err(|error| status::query(&error))?;
        let Some(held) = found else { return Ok(None) };
        let today = self.today(reader).await?;
        Ok(Some((reply::card(&held, today), held.card.customer_id)))
    }

    async fn today(&self, reader: &mut Reader) -> Result<NaiveDate, Status> {
        let date = read::business_date(reader.conn()).await;
        let date = date.map_err(|error| status::query(&error))?;
        Ok(date.ok_or_else(|| status::not_found("business date"))?.as_date())
    }

    /// Lets through limits that the caller's role may set.
    async fn check_limits(&self, mandate: &Mandate, command: &Command) -> Result<(), Status> {
        let Action::SetLimits(wanted) = &command.action else { return Ok(()) };
        let mut reader = self.reader(Freshness::Primary).await?;
        let found = read::find_card(reader.conn(), wanted.card_id, &self.context.products).await;
        // Of a card that is not there the command says so.
        let Some(held) = found.map_err(|error| status::query(&error))? else { return Ok(()) };
        for (_, limit) in &wanted.limits {
            let amounts = [limit.transaction_minor, limit.day_minor, limit.month_minor];
            for minor in amounts.into_iter().flatten() {
                status::within_limit(mandate, Money::new(minor, held.card.currency))?;
            }
        }
        Ok(())
    }

    async fn reader(&self, freshness: Freshness) -> Result<Reader, Status> {
        let reader = self.context.reads.reader(freshness).await;
        reader.map_err(|error| status::query(&error))
    }
}

/// Answers a write: the message, and the read token beside it.
fn written<T>(message: T, token: &ReadToken) -> Response<T> {
    let mut response = Response::new(message);
    platform::status::set_read_token(response.metadata_mut(), token);
    response
}

#[tonic::async_trait]
impl CardService for Api {
    async fn issue_card(
        &self,
        request: Request<pb::IssueCardRequest>,
    ) -> Result<Response<pb::IssueCardResponse>, Status> {
        let command = self.command(&request, parse::issue)?;
        let (card, token) = self.post_on_card(command).await?;
        Ok(written(pb::IssueCardResponse { card: Some(card) }, &token))
    }

    async fn batch_issue_cards(
        &self,
        request: Request<pb::BatchIssueCardsRequest>,
    ) -> Result<Response<pb::BatchIssueCardsResponse>, Status> {
        let asked = parse::batch_issue(self.fields(), request.get_ref());
        let commands = asked.map_err(status::invalid)?;
        let caller = Identity::name_in(request.extensions());
        let ids: Vec<_> = commands.iter().map(|command| command.request_id).collect();
        let commands = commands
            .into_iter()
            .map(|command| Command { caller: Some(Arc::clone(&caller)), ..command })
            .collect();
        let done = commands::run_all(&self.context, commands).await.map_err(status::command)?;
        let (mut results, mut token) = (Vec::with_capacity(ids.len()), None);
        for (id, done) in ids.into_iter().zip(done) {
            let Done { outcome, token: seen } = done.map_err(status::command)?;
            let (card_id, refusal_reason) = match outcome.decision {
                Decision::Done => (outcome.card_id.map(|id| id.to_string()), String::new()),
                Decision::Refused(rejection) => (None, rejection.code().to_owned()),
            };
            token = Some(seen);
            results.push(pb::BatchIssueCardsResult {
                request_id: id.to_string(),
                card_id: card_id.unwrap_or_default(),
                refusal_reason,
            });
        }
        let message = pb::BatchIssueCardsResponse { results };
        Ok(match token {
            Some(token) => written(message, &token),
            None => Response::new(message),
        })
    }

    async fn activate_card(
        &self,
        request: Request<pb::ActivateCardRequest>,
    ) -> Result<Response<pb::ActivateCardResponse>, Status> {
        let command = self.command(&request, parse::activate)?;
        let (card, token) = self.post_on_card(command).await?;
        Ok(written(pb::ActivateCardResponse { card: Some(card) }, &token))
    }

    async fn set_pin(
        &self,
        request: Request<pb::SetPinRequest>,
    ) -> Result<Response<pb::SetPinResponse>, Status> {
        // Only whoever has seen the holder's document replaces a PIN without knowing it.
        let caller = request.extensions().get::<Identity>();
        let replace = caller.is_some_and(|caller| caller.role == Some(Role::Teller));
        let mut command = self.command(&request, parse::set_pin)?;
        if let Action::SetPin(wanted) = &mut command.action {
            wanted.replace = replace;
        }
        let (card, token) = self.post_on_card(command).await?;
        Ok(written(pb::SetPinResponse { card: Some(card) }, &token))
    }

    async fn change_pin(
        &self,
        request: Request<pb::ChangePinRequest>,
    ) -> Result<Response<pb::ChangePinResponse>, Status> {
        let command = self.command(&request, parse::change_pin)?;
        let (card, token) = self.post_on_card(command).await?;
        Ok(written(pb::ChangePinResponse { card: Some(card) }, &token))
    }

    async fn verify_pin(
        &self,
        request: Request<pb::VerifyPinRequest>,
    ) -> Result<Response<pb::VerifyPinResponse>, Status> {
        let command = self.command(&request, parse::verify_pin)?;
        let (card, token) = self.post_on_card(command).await?;
        Ok(written(pb::VerifyPinResponse { card: Some(card) }, &token))
    }

    async fn block_card(
        &self,
        request: Request<pb::BlockCardRequest>,
    ) -> Result<Response<pb::BlockCardResponse>, Status> {
        let command = self.command(&request, parse::block)?;
        let (card, token) = self.post_on_card(command).await?;
        Ok(written(pb::BlockCardResponse { card: Some(card) }, &token))
    }

    async fn unblock_card(
        &self,
        request: Request<pb::UnblockCardRequest>,
    ) -> Result<Response<pb::UnblockCardResponse>, Status> {
        let command = self.command(&request, parse::unblock)?;
        let (card, token) = self.post_on_card(command).await?;
        Ok(written(pb::UnblockCardResponse { card: Some(card) }, &token))
    }

    async fn report_card_missing(
        &self,
        request: Request<pb::ReportCardMissingRequest>,
    ) -> Result<Response<pb::ReportCardMissingResponse>, Status> {
        let command = self.command(&request, parse::report_missing)?;
        let (card, token) = self.post_on_card(command).await?;
        Ok(written(pb::ReportCardMissingResponse { card: Some(card) }, &token))
    }

    async fn replace_card(
        &self,
        request: Request<pb::ReplaceCardRequest>,
    ) -> Result<Response<pb::ReplaceCardResponse>, Status> {
        let command = self.command(&request, parse::replace)?;
        let (card, token) = self.post_on_card(command).await?;
        Ok(written(pb::ReplaceCardResponse { card: Some(card) }, &token))
    }

    async fn renew_card(
        &self,
        request: Request<pb::RenewCardRequest>,
    ) -> Result<Response<pb::RenewCardResponse>, Status> {
        let command = self.command(&request, parse::renew)?;
        let (card, token) = self.post_on_card(command).await?;
        Ok(written(pb::RenewCardResponse { card: Some(card) }, &token))
    }

    async fn cancel_card(
        &self,
        request: Request<pb::CancelCardRequest>,
    ) -> Result<Response<pb::CancelCardResponse>, Status> {
        let command = self.command(&request, parse::cancel)?;
        let (card, token) = self.post_on_card(command).await?;
        Ok(written(pb::CancelCardResponse { card: Some(card) }, &token))
    }

    async fn set_card_switches(
        &self,
        request: Request<pb::SetCardSwitchesRequest>,
    ) -> Result<Response<pb::SetCardSwitchesResponse>, Status> {
        let command = self.command(&request, parse::set_switches)?;
        let (card, token) = self.post_on_card(command).await?;
        Ok(written(pb::SetCardSwitchesResponse { card: Some(card) }, &token))
    }

    async fn set_card_limits(
        &self,
        request: Request<pb::SetCardLimitsRequest>,
    ) -> Result<Response<pb::SetCardLimitsResponse>, Status> {
        let mandate = status::mandate(&request)?;
        let command = self.command(&request, parse::set_limits)?;
        self.check_limits(&mandate, &command).await?;
        let (card, token) = self.post_on_card(command).await?;
        Ok(written(pb::SetCardLimitsResponse { card: Some(card) }, &token))
    }

    async fn reveal_card(
        &self,
        request: Request<pb::RevealCardRequest>,
    ) -> Result<Response<pb::RevealCardResponse>, Status> {
        let done = self.post(self.command(&request, parse::reveal)?).await?;
        let id = done.outcome.card_id.ok_or_else(|| status::not_found("card"))?;
        let mut reader = self.reader(Freshness::Primary).await?;
        let found = read::find_card(reader.conn(), id, &self.context.products).await;
        let found = found.map_err(|error| status::query(&error))?;
        let card = found.ok_or_else(|| status::not_found("card"))?.card;
        // A repetition is answered too, but not once the card is blocked or missing.
        if card.status != CardStatus::Active {
            return Err(status::refused(Rejection::IllegalTransition));
        }
        let number = self.context.keys.open_pan(&card).map_err(|error| status::keys(&error))?;
        let expiry = Expiry::of(card.expires_on);
        let cvv2 = self.context.card_keys.cvv2(&number, expiry);
        let message = pb::RevealCardResponse {
            number: number.expose().to_owned(),
            expiry: expiry.to_text(),
            cvv2: cvv2.map_err(|error| status::keys(&error))?.into_exposed(),
        };
        Ok(written(message, &done.token))
    }

    async fn authorize(
        &self,
        request: Request<pb::AuthorizeRequest>,
    ) -> Result<Response<pb::AuthorizeResponse>, Status> {
        let asked = parse::authorize(self.fields(), request.get_ref()).map_err(status::invalid)?;
        let authorized = commands::authorize(&self.context, asked).await;
        let authorized = authorized.map_err(status::command)?;
        // The same id with another content.
        if authorized.authorization.response_code == ResponseCode::DUPLICATE {
            return Err(status::refused(Rejection::RequestIdReused));
        }
        let message = pb::AuthorizeResponse {
            authorization: Some(reply::authorization(&authorized.authorization)),
            available: authorized.available.map(|(minor, currency)| reply::money(minor, currency)),
        };
        Ok(written(message, &authorized.token))
    }

    async fn reverse_authorization(
        &self,
        request: Request<pb::ReverseAuthorizationRequest>,
    ) -> Result<Response<pb::ReverseAuthorizationResponse>, Status> {
        let asked = parse::reverse(self.fields(), request.get_ref());
        let asked = asked.map_err(status::invalid)?;
        let followed = commands::reverse(&self.context, asked).await.map_err(status::command)?;
        let followed = followed.map_err(status::refused)?;
        let authorization = Some(reply::authorization(&followed.authorization));
        Ok(written(pb::ReverseAuthorizationResponse { authorization }, &followed.token))
    }

    async fn complete_authorization(
        &self,
        request: Request<pb::CompleteAuthorizationRequest>,
    ) -> Result<Response<pb::CompleteAuthorizationResponse>, Status> {
        let asked = parse::complete(self.fields(), request.get_ref());
        let asked = asked.map_err(status::invalid)?;
        let followed = commands::complete(&self.context, asked).await.map_err(status::command)?;
        let followed = followed.map_err(status::refused)?;
        let authorization = Some(reply::authorization(&followed.authorization));
        Ok(written(pb::CompleteAuthorizationResponse { authorization }, &followed.token))
    }

    async fn submit_clearing_part(
        &self,
        request: Request<pb::SubmitClearingPartRequest>,
    ) -> Result<Response<pb::SubmitClearingPartResponse>, Status> {
        self.submit_part(&request).await
    }

    async fn close_clearing_file(
        &self,
        request: Request<pb::CloseClearingFileRequest>,
    ) -> Result<Response<pb::CloseClearingFileResponse>, Status> {
        self.close_file(&request).await
    }

    async fn resolve_clearing_exception(
        &self,
        request: Request<pb::ResolveClearingExceptionRequest>,
    ) -> Result<Response<pb::ResolveClearingExceptionResponse>, Status> {
        self.resolve_exception(&request).await
    }

    async fn submit_settlement_report(
        &self,
        request: Request<pb::SubmitSettlementReportRequest>,
    ) -> Result<Response<pb::SubmitSettlementReportResponse>, Status> {
        self.submit_report(&request).await
    }

    async fn resolve_settlement_break(
        &self,
        request: Request<pb::ResolveSettlementBreakRequest>,
    ) -> Result<Response<pb::ResolveSettlementBreakResponse>, Status> {
        self.resolve_break(&request).await
    }

    async fn get_card(
        &self,
        request: Request<pb::GetCardRequest>,
    ) -> Result<Response<pb::GetCardResponse>, Status> {
        self.one_card(&request).await
    }

    async fn list_cards(
        &self,
        request: Request<pb::ListCardsRequest>,
    ) -> Result<Response<pb::ListCardsResponse>, Status> {
        self.many_cards(&request).await
    }

    async fn get_authorization(
        &self,
        request: Request<pb::GetAuthorizationRequest>,
    ) -> Result<Response<pb::GetAuthorizationResponse>, Status> {
        self.one_authorization(&request).await
    }

    async fn list_authorizations(
        &self,
        request: Request<pb::ListAuthorizationsRequest>,
    ) -> Result<Response<pb::ListAuthorizationsResponse>, Status> {
        self.many_authorizations(&request).await
    }

    async fn get_clearing_file(
        &self,
        request: Request<pb::GetClearingFileRequest>,
    ) -> Result<Response<pb::GetClearingFileResponse>, Status> {
        self.clearing_file(&request).await
    }

    async fn list_clearing_exceptions(
        &self,
        request: Request<pb::ListClearingExceptionsRequest>,
    ) -> Result<Response<pb::ListClearingExceptionsResponse>, Status> {
        self.clearing_exceptions(&request).await
    }

    async fn list_settlement_breaks(
        &self,
        request: Request<pb::ListSettlementBreaksRequest>,
    ) -> Result<Response<pb::ListSettlementBreaksResponse>, Status> {
        self.settlement_breaks(&request).await
    }

    async fn get_day_totals(
        &self,
        request: Request<pb::GetDayTotalsRequest>,
    ) -> Result<Response<pb::GetDayTotalsResponse>, Status> {
        self.day_totals(&request).await
    }
}
