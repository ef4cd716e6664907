//! The only place that knows gRPC. A write is parse, one hand-over to the lanes, reply; a query is parse, read, reply.

#[doc(hidden)]
pub mod fuzzing;
mod parse;
mod post_events;
mod reply;
mod status;

use std::collections::BTreeMap;
use std::sync::Arc;

use kernel::{BusinessDate, Clock};
use platform::db::{Freshness, ReadPool, ReadToken, Reader};
use platform::fields::{Fields, Violations};
use platform::identity::Identity;
use platform::lanes::Lanes;
use proto::accounting::v1 as pb;
use proto::accounting::v1::accounting_service_server::AccountingService;
use tonic::{Extensions, Request, Response, Status};

use crate::clients::SubLedgers;
use crate::commands::{DayBook, DayCommand, PostingBook};
use crate::domain::{BusinessDays, DayDecision, DayStatus, Rulebook, TieOut, TrialBalance};
use crate::store::{days, read};
use post_events::RefusedBatches;

/// What the service is made of.
pub struct Parts {
    /// Where batches are booked.
    pub posting: Lanes<PostingBook>,
    /// Where the business dates change.
    pub days: Lanes<DayBook>,
    /// Where queries read.
    pub reads: ReadPool,
    /// The chart and the rules.
    pub rulebook: Arc<Rulebook>,
    /// Who reports events.
    pub sources: Vec<String>,
    /// What the control accounts are held against.
    pub sub_ledgers: SubLedgers,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// The service as callers see it.
pub struct Api {
    parts: Parts,
    refused: RefusedBatches,
}

impl Api {
    /// Puts the service together.
    pub fn new(parts: Parts) -> Self {
        Self { parts, refused: RefusedBatches::default() }
    }

    fn fields(&self) -> Fields {
        Fields::new(self.parts.clock.now())
    }

    /// Everything here is read on the primary: decisions are made from it, and nothing of it is asked often.
    async fn reader(&self) -> Result<Reader, Status> {
        let reader = self.parts.reads.reader(Freshness::Primary).await;
        reader.map_err(|error| status::query(&error))
    }

    async fn days(&self, reader: &mut Reader) -> Result<BusinessDays, Status> {
        let found = days::find(reader.conn()).await.map_err(|error| status::query(&error))?;
        found.ok_or_else(status::books_not_open)
    }

    /// The date that was asked for, or the current one; and whether it takes postings.
    async fn date(
        &self,
        reader: &mut Reader,
        asked: Option<BusinessDate>,
    ) -> Result<(BusinessDate, DayStatus), Status> {
        let date = match asked {
            Some(date) => date,
            None => self.days(reader).await?.current,
        };
        let found = days::find_status(reader.conn(), date).await;
        let found = found.map_err(|error| status::query(&error))?;
        found.map(|day| (date, day)).ok_or_else(|| status::not_found("business date"))
    }

    async fn decide(
        &self,
        command: Result<DayCommand, Violations>,
    ) -> Result<(DayDecision, ReadToken), Status> {
        let command = command.map_err(status::invalid)?;
        let committed = self.parts.days.submit(command).await.map_err(status::lane)?;
        match committed.outcome {
            DayDecision::Refused(rejection) => Err(status::refused(rejection)),
            decision => Ok((decision, committed.token)),
        }
    }

    /// Lets a service speak for itself and for no other: several may deliver, and each has batch numbers of its own. A
    /// source that there is not is malformed, whoever names it.
    fn in_own_name(&self, caller: &Extensions, source: &str) -> Result<(), Status> {
        let known = self.parts.sources.iter().any(|known| known == source);
        if !known || Identity::name_in(caller).strip_prefix("service/") == Some(source) {
            return Ok(());
        }
        Err(status::source_not_caller())
    }
}

/// Answers a write: the message, and the read token beside it.
fn written<T>(message: T, token: &ReadToken) -> Response<T> {
    let mut response = Response::new(message);
    platform::status::set_read_token(response.metadata_mut(), token);
    response
}

#[tonic::async_trait]
impl AccountingService for Api {
    async fn post_events(
        &self,
        request: Request<pb::PostEventsRequest>,
    ) -> Result<Response<pb::PostEventsResponse>, Status> {
        self.in_own_name(request.extensions(), &request.get_ref().source)?;
        self.post(request.into_inner()).await
    }

    async fn get_business_date(
        &self,
        _: Request<pb::GetBusinessDateRequest>,
    ) -> Result<Response<pb::GetBusinessDateResponse>, Status> {
        let mut reader = self.reader().await?;
        let days = self.days(&mut reader).await?;
        Ok(Response::new(reply::business_date(&days)))
    }

    async fn cut_over(
        &self,
        request: Request<pb::CutOverRequest>,
    ) -> Result<Response<pb::CutOverResponse>, Status> {
        let caller = Identity::name_in(request.extensions());
        let command = parse::cut_over(self.fields(), &caller, request.get_ref());
        let (decision, token) = self.decide(command).await?;
        let business_date = reply::decided_date(decision);
        tracing::info!(business_date, "cut over");
        Ok(written(pb::CutOverResponse { business_date }, &token))
    }

    async fn confirm_cut_over(
        &self,
        request: Request<pb::ConfirmCutOverRequest>,
    ) -> Result<Response<pb::ConfirmCutOverResponse>, Status> {
        let m = request.get_ref();
        let caller = Identity::name_in(request.extensions());
        self.in_own_name(request.extensions(), &m.source)?;
        let command = parse::confirm_cut_over(self.fields(), &caller, m, &self.parts.sources);
        let (decision, token) = self.decide(command).await?;
        let closed = matches!(decision, DayDecision::Confirmed { closed: true, .. });
        let business_date = reply::decided_date(decision);
        tracing::info!(business_date, source = m.source, closed, "a source has finished a date");
        Ok(written(pb::ConfirmCutOverResponse { closed }, &token))
    }

    async fn get_trial_balance(
        &self,
        request: Request<pb::GetTrialBalanceRequest>,
    ) -> Result<Response<pb::GetTrialBalanceResponse>, Status> {
        let asked = parse::optional_date(self.fields(), &request.get_ref().business_date);
        let asked = asked.map_err(status::invalid)?;
        let mut reader = self.reader().await?;
        // The status first: if the date is closed, then what is read after it is final.
        let (date, day) = self.date(&mut reader, asked).await?;
        let found = read::trial_balance(reader.conn(), date).await;
        let lines = found.map_err(|error| status::query(&error))?;
        let closed = day == DayStatus::Closed;
        let trial_balance = TrialBalance { date, closed, lines };
        reply::trial_balance(&trial_balance, self.parts.rulebook.chart())
            .map(Response::new)
            .ok_or_else(status::too_large)
    }

    async fn get_journal(
        &self,
        request: Request<pb::GetJournalRequest>,
    ) -> Result<Response<pb::GetJournalResponse>, Status> {
        let posting = parse::journal(self.fields(), request.get_ref()).map_err(status::invalid)?;
        let mut reader = self.reader().await?;
        let found = read::find_journal(reader.conn(), posting).await;
        let found = found.map_err(|error| status::query(&error))?;
        let journal = found.ok_or_else(|| status::not_found("journal"))?;
        Ok(Response::new(pb::GetJournalResponse { journal: Some(reply::journal(journal)) }))
    }

    async fn get_tie_out(
        &self,
        request: Request<pb::GetTieOutRequest>,
    ) -> Result<Response<pb::GetTieOutResponse>, Status> {
        let asked = parse::optional_date(self.fields(), &request.get_ref().business_date);
        let asked = asked.map_err(status::invalid)?;
        let mut reader = self.reader().await?;
        let (date, _) = self.date(&mut reader, asked).await?;
        drop(reader);
        // The sub-ledgers first: with nothing undelivered, the ledger read after them has all of it.
        let sub_ledger = self.parts.sub_ledgers.day_totals(date).await;
        let sub_ledger =
            sub_ledger.map_err(|error| status::unreachable(error.service, &error.status))?;
        let mut reader = self.reader().await?;
        let ledger = read::turnovers(reader.conn(), date).await;
        let ledger: BTreeMap<_, _> = ledger.map_err(|error| status::query(&error))?;
        let chart = self.parts.rulebook.chart();
        let tie_out = TieOut::compare(chart, &ledger, &sub_ledger.totals);
        Ok(Response::new(reply::tie_out(date, &tie_out, sub_ledger.undelivered_batches)))
    }
}
