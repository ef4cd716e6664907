//! The only place that knows gRPC. A write is parse, one hand-over to the lanes, reply; a query is parse, read, reply.

#[doc(hidden)]
pub mod fuzzing;
mod open;
mod parse;
mod reply;
mod status;

use std::sync::Arc;

use kernel::{AccountNumber, Clock};
use platform::db::{Freshness, ReadPool, ReadToken, Reader};
use platform::fields::{Fields, Violations};
use platform::identity::Identity;
use platform::lanes::Lanes;
use platform::mandate::Mandate;
use proto::deposit::v1 as pb;
use proto::deposit::v1::deposit_service_server::DepositService;
use tonic::{Request, Response, Status};

use crate::clients::Customers;
use crate::commands::{Command, PostingBook};
use crate::domain::{Decision, Outcome};
use crate::store::read;

/// The service as callers see it.
pub struct Api {
    lanes: Lanes<PostingBook>,
    reads: ReadPool,
    customers: Customers,
    clock: Arc<dyn Clock>,
}

impl Api {
    /// Puts the service together.
    pub fn new(
        lanes: Lanes<PostingBook>,
        reads: ReadPool,
        customers: Customers,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { lanes, reads, customers, clock }
    }

    fn fields(&self) -> Fields {
        Fields::new(self.clock.now())
    }

    /// Parses a write on behalf of whoever asks, and hands it to the lanes; a posting is answered with its read token,
    /// a refusal as the status it is.
    async fn post<M>(
        &self,
        request: &Request<M>,
        parse: impl FnOnce(Fields, &M) -> Result<Command, Violations>,
    ) -> Result<(pb::Posting, ReadToken), Status> {
        let mandate = status::mandate(request)?;
        let command = parse(self.fields(), request.get_ref()).map_err(status::invalid)?;
        let caller = Some(Identity::name_in(request.extensions()));
        self.submit(mandated(&mandate, Command { caller, ..command })?).await
    }

    async fn submit(&self, command: Command) -> Result<(pb::Posting, ReadToken), Status> {
        let committed = self.lanes.submit(command).await.map_err(status::lane)?;
        Ok((posted(&committed.outcome)?, committed.token))
    }

    async fn reader(&self, freshness: Freshness) -> Result<Reader, Status> {
        self.reads.reader(freshness).await.map_err(|error| status::query(&error))
    }

    /// The account that was asked for, and the session that it was read on. One that is not the caller's customer's is
    /// read like any other, and then not there.
    async fn account(
        &self,
        mandate: &Mandate,
        asked: Result<(AccountNumber, Freshness), Violations>,
    ) -> Result<(read::AccountRow, Reader), Status> {
        let (number, freshness) = asked.map_err(status::invalid)?;
        let mut reader = self.reader(freshness).await?;
        let found = read::find_account(reader.conn(), number).await;
        let found = found.map_err(|error| status::query(&error))?;
        let found = found.filter(|row| mandate.covers(row.account.customer_id));
        Ok((found.ok_or_else(|| status::not_found("account"))?, reader))
    }

    fn as_of(&self, reader: &Reader) -> proto::common::v1::AsOf {
        reply::as_of(reader.as_of(), self.clock.now())
    }
}

/// The command as its caller may give it: no larger than the role allows, on behalf of the customer that it names.
fn mandated(mandate: &Mandate, command: Command) -> Result<Command, Status> {
    if let Some(amount) = command.amount() {
        status::within_limit(mandate, amount)?;
    }
    Ok(match mandate.customer() {
        Some(customer) => command.on_behalf_of(customer),
        None => command,
    })
}

fn posted(outcome: &Outcome) -> Result<pb::Posting, Status> {
    match outcome.decision {
        Decision::Posted => Ok(reply::posting(outcome)),
        Decision::Refused(rejection) => Err(status::refused(rejection)),
    }
}

/// Answers a write: the message, and the read token beside it.
fn written<T>(message: T, token: &ReadToken) -> Response<T> {
    let mut response = Response::new(message);
    platform::status::set_read_token(response.metadata_mut(), token);
    response
}

#[tonic::async_trait]
impl DepositService for Api {
    async fn open_account(
        &self,
        request: Request<pb::OpenAccountRequest>,
    ) -> Result<Response<pb::OpenAccountResponse>, Status> {
        let (posting, token) = self.open_one(&request).await?;
        Ok(written(pb::OpenAccountResponse { posting: Some(posting) }, &token))
    }

    async fn batch_open_accounts(
        &self,
        request: Request<pb::BatchOpenAccountsRequest>,
    ) -> Result<Response<pb::BatchOpenAccountsResponse>, Status> {
        self.open_many(&request).await
    }

    async fn deposit_cash(
        &self,
        request: Request<pb::DepositCashRequest>,
    ) -> Result<Response<pb::DepositCashResponse>, Status> {
        let (posting, token) = self.post(&request, parse::deposit_cash).await?;
        Ok(written(pb::DepositCashResponse { posting: Some(posting) }, &token))
    }

    async fn withdraw_cash(
        &self,
        request: Request<pb::WithdrawCashRequest>,
    ) -> Result<Response<pb::WithdrawCashResponse>, Status> {
        let (posting, token) = self.post(&request, parse::withdraw_cash).await?;
        Ok(written(pb::WithdrawCashResponse { posting: Some(posting) }, &token))
    }

    async fn transfer(
        &self,
        request: Request<pb::TransferRequest>,
    ) -> Result<Response<pb::TransferResponse>, Status> {
        let (posting, token) = self.post(&request, parse::transfer).await?;
        Ok(written(pb::TransferResponse { posting: Some(posting) }, &token))
    }

    async fn place_hold(
        &self,
        request: Request<pb::PlaceHoldRequest>,
    ) -> Result<Response<pb::PlaceHoldResponse>, Status> {
        if request.get_ref().reason == i32::from(pb::HoldReason::Card) {
            status::only_card(&request, "placed for cards")?;
        }
        let (posting, token) = self.post(&request, parse::place_hold).await?;
        Ok(written(pb::PlaceHoldResponse { posting: Some(posting) }, &token))
    }

    async fn capture_hold(
        &self,
        request: Request<pb::CaptureHoldRequest>,
    ) -> Result<Response<pb::CaptureHoldResponse>, Status> {
        let (posting, token) = self.post(&request, parse::capture_hold).await?;
        Ok(written(pb::CaptureHoldResponse { posting: Some(posting) }, &token))
    }

    async fn release_hold(
        &self,
        request: Request<pb::ReleaseHoldRequest>,
    ) -> Result<Response<pb::ReleaseHoldResponse>, Status> {
        if request.get_ref().fence_unknown {
            status::only_card(&request, "fenced")?;
        }
        let (posting, token) = self.post(&request, parse::release_hold).await?;
        Ok(written(pb::ReleaseHoldResponse { posting: Some(posting) }, &token))
    }

    async fn reverse_posting(
        &self,
        request: Request<pb::ReversePostingRequest>,
    ) -> Result<Response<pb::ReversePostingResponse>, Status> {
        let (posting, token) = self.post(&request, parse::reverse_posting).await?;
        Ok(written(pb::ReversePostingResponse { posting: Some(posting) }, &token))
    }

    async fn freeze_account(
        &self,
        request: Request<pb::FreezeAccountRequest>,
    ) -> Result<Response<pb::FreezeAccountResponse>, Status> {
        let (posting, token) = self.post(&request, parse::freeze_account).await?;
        Ok(written(pb::FreezeAccountResponse { posting: Some(posting) }, &token))
    }

    async fn unfreeze_account(
        &self,
        request: Request<pb::UnfreezeAccountRequest>,
    ) -> Result<Response<pb::UnfreezeAccountResponse>, Status> {
        let (posting, token) = self.post(&request, parse::unfreeze_account).await?;
        Ok(written(pb::UnfreezeAccountResponse { posting: Some(posting) }, &token))
    }

    async fn close_account(
        &self,
        request: Request<pb::CloseAccountRequest>,
    ) -> Result<Response<pb::CloseAccountResponse>, Status> {
        let (posting, token) = self.post(&request, parse::close_account).await?;
        Ok(written(pb::CloseAccountResponse { posting: Some(posting) }, &token))
    }

    async fn close_owner(
        &self,
        request: Request<pb::CloseOwnerRequest>,
    ) -> Result<Response<pb::CloseOwnerResponse>, Status> {
        let (posting, token) = self.post(&request, parse::close_owner).await?;
        Ok(written(pb::CloseOwnerResponse { posting: Some(posting) }, &token))
    }

    async fn settle_to_account(
        &self,
        request: Request<pb::SettleToAccountRequest>,
    ) -> Result<Response<pb::SettleToAccountResponse>, Status> {
        let (posting, token) = self.post(&request, parse::settle_to_account).await?;
        Ok(written(pb::SettleToAccountResponse { posting: Some(posting) }, &token))
    }

    async fn collect_from_account(
        &self,
        request: Request<pb::CollectFromAccountRequest>,
    ) -> Result<Response<pb::CollectFromAccountResponse>, Status> {
        let (posting, token) = self.post(&request, parse::collect_from_account).await?;
        Ok(written(pb::CollectFromAccountResponse { posting: Some(posting) }, &token))
    }

    async fn debit_card_payment(
        &self,
        request: Request<pb::DebitCardPaymentRequest>,
    ) -> Result<Response<pb::DebitCardPaymentResponse>, Status> {
        let (posting, token) = self.post(&request, parse::debit_card_payment).await?;
        Ok(written(pb::DebitCardPaymentResponse { posting: Some(posting) }, &token))
    }

    async fn credit_card_payment(
        &self,
        request: Request<pb::CreditCardPaymentRequest>,
    ) -> Result<Response<pb::CreditCardPaymentResponse>, Status> {
        let (posting, token) = self.post(&request, parse::credit_card_payment).await?;
        Ok(written(pb::CreditCardPaymentResponse { posting: Some(posting) }, &token))
    }

    async fn list_holds(
        &self,
        request: Request<pb::ListHoldsRequest>,
    ) -> Result<Response<pb::ListHoldsResponse>, Status> {
        let asked = parse::list_holds(self.fields(), request.get_ref());
        let query = asked.map_err(status::invalid)?;
        let mut reader = self.reader(query.freshness).await?;
        let between = (query.after, query.before);
        let found = read::list_holds(reader.conn(), query.reason, between, query.size).await;
        let ids = found.map_err(|error| status::query(&error))?;
        Ok(Response::new(pb::ListHoldsResponse {
            hold_ids: ids.iter().map(ToString::to_string).collect(),
            next_page_token: next_page(ids.len(), query.size, ids.last()),
            as_of: Some(self.as_of(&reader)),
        }))
    }

    async fn get_balance(
        &self,
        request: Request<pb::GetBalanceRequest>,
    ) -> Result<Response<pb::GetBalanceResponse>, Status> {
        let mandate = status::mandate(&request)?;
        let m = request.get_ref();
        let asked = parse::account_query(self.fields(), &m.account_number, m.consistency.as_ref());
        let (row, reader) = self.account(&mandate, asked).await?;
        Ok(Response::new(reply::balance(&row.account, self.as_of(&reader))))
    }

    async fn get_account(
        &self,
        request: Request<pb::GetAccountRequest>,
    ) -> Result<Response<pb::GetAccountResponse>, Status> {
        let mandate = status::mandate(&request)?;
        let m = request.get_ref();
        let asked = parse::account_query(self.fields(), &m.account_number, m.consistency.as_ref());
        let (row, reader) = self.account(&mandate, asked).await?;
        Ok(Response::new(pb::GetAccountResponse {
            account: Some(reply::account(&row)),
            as_of: Some(self.as_of(&reader)),
        }))
    }

    async fn list_accounts(
        &self,
        request: Request<pb::ListAccountsRequest>,
    ) -> Result<Response<pb::ListAccountsResponse>, Status> {
        let mandate = status::mandate(&request)?;
        let asked = parse::list_accounts(self.fields(), request.get_ref());
        let (customer_id, page) = asked.map_err(status::invalid)?;
        let mut reader = self.reader(page.freshness).await?;
        let after = page.after.unwrap_or(0);
        // Somebody else has as many accounts as nobody has, and takes as long to say so.
        let found = if mandate.covers(customer_id) {
            read::list_accounts(reader.conn(), customer_id, after, page.size).await
        } else {
            Ok(Vec::new())
        };
        let rows = found.map_err(|error| status::query(&error))?;
        let last = rows.last().map(|row| row.account.number.as_i64());
        Ok(Response::new(pb::ListAccountsResponse {
            accounts: rows.iter().map(reply::account).collect(),
            next_page_token: next_page(rows.len(), page.size, last),
            as_of: Some(self.as_of(&reader)),
        }))
    }

    async fn list_entries(
        &self,
        request: Request<pb::ListEntriesRequest>,
    ) -> Result<Response<pb::ListEntriesResponse>, Status> {
        let mandate = status::mandate(&request)?;
        let asked = parse::list_entries(self.fields(), request.get_ref());
        let (number, page) = asked.map_err(status::invalid)?;
        let mut reader = self.reader(page.freshness).await?;
        let before = page.after.unwrap_or(i64::MAX);
        let (owner, size) = (mandate.customer(), page.size);
        let found = read::list_entries(reader.conn(), number, owner, before, size).await;
        let rows = found.map_err(|error| status::query(&error))?;
        if rows.is_empty() && page.after.is_none() {
            // An account without entries has an empty statement; only an unknown one has none.
            let known = read::find_account(reader.conn(), number).await;
            known
                .map_err(|error| status::query(&error))?
                .filter(|row| mandate.covers(row.account.customer_id))
                .ok_or_else(|| status::not_found("account"))?;
        }
        let last = rows.last().map(|row| row.sequence);
        Ok(Response::new(pb::ListEntriesResponse {
            entries: rows.iter().map(reply::entry).collect(),
            next_page_token: next_page(rows.len(), page.size, last),
            as_of: Some(self.as_of(&reader)),
        }))
    }

    async fn get_day_totals(
        &self,
        request: Request<pb::GetDayTotalsRequest>,
    ) -> Result<Response<pb::GetDayTotalsResponse>, Status> {
        let date = parse::day_totals(self.fields(), request.get_ref()).map_err(status::invalid)?;
        let mut reader = self.reader(Freshness::Primary).await?;
        let found = read::day_totals(reader.conn(), date).await;
        let (totals, undelivered_batches) = found.map_err(|error| status::query(&error))?;
        let total = |row: read::DayTotalRow| pb::DayTotal {
            product_code: row.product,
            currency_code: row.currency,
            debit_minor: row.debit_minor,
            credit_minor: row.credit_minor,
            entries: row.entries,
        };
        Ok(Response::new(pb::GetDayTotalsResponse {
            totals: totals.into_iter().map(total).collect(),
            undelivered_batches,
        }))
    }
}

/// The key to go on after; empty where the page was not full.
fn next_page(rows: usize, size: i64, last: Option<impl ToString>) -> String {
    let full = i64::try_from(rows).is_ok_and(|rows| rows == size);
    last.filter(|_| full).map(|key| key.to_string()).unwrap_or_default()
}
