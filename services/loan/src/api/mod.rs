//! The only place that knows gRPC. A write is parse, one command, reply; a query is parse, read, reply.
//!
//! A write is answered with the loan as it stands, read on the primary after the commit; so a repeated request gets its
//! first outcome with the loan of today.

#[doc(hidden)]
pub mod fuzzing;
mod parse;
mod queries;
mod reply;
mod status;

use kernel::{LoanId, RequestId};
use platform::db::{Freshness, ReadToken, Reader};
use platform::fields::{Fields, Violations};
use platform::identity::Identity;
use platform::mandate::Mandate;
use proto::loan::v1 as pb;
use proto::loan::v1::loan_service_server::LoanService;
use tonic::{Request, Response, Status};

use crate::commands::{
    self, Action, Command, CommandError, Context, Done, Known, decide_write_off, proposal_hash,
};
use crate::domain::{Decision, Loan};
use crate::store::{end_of_day, read};

/// The service as callers see it.
pub struct Api {
    context: Context,
}

/// The loan that a request was about, as it stands, and the read token of what was done.
struct Written {
    done: Done,
    loan: Loan,
}

impl Api {
    /// Puts the service together.
    pub fn new(context: Context) -> Self {
        Self { context }
    }

    fn fields(&self) -> Fields {
        Fields::new(self.context.clock.now())
    }

    /// A write on behalf of whoever asks, no larger than the caller's role allows.
    fn command<M>(
        &self,
        request: &Request<M>,
        parse: impl FnOnce(Fields, &M) -> Result<Command, Violations>,
    ) -> Result<Command, Status> {
        let mandate = status::mandate(request)?;
        let command = parse(self.fields(), request.get_ref()).map_err(status::invalid)?;
        let caller = Some(Identity::name_in(request.extensions()));
        let movement_id = RequestId::generate(self.context.clock.as_ref());
        mandated(&mandate, Command { movement_id, caller, ..command })
    }

    /// Hands a command in and sees it through; a refusal is answered as the status it is.
    async fn post(&self, command: Command) -> Result<Done, Status> {
        let done = match &command.action {
            Action::DecideWriteOff(_) => decide_write_off(&self.context, command).await,
            _ => commands::settle(&self.context, command).await,
        };
        let done = done.map_err(status::command)?;
        match done.outcome.decision {
            Decision::Done => Ok(done),
            Decision::Refused(rejection) => Err(status::refused(rejection)),
        }
    }

    /// The same for a command about a loan, which is answered as it stands.
    async fn post_on_loan(&self, command: Command) -> Result<Written, Status> {
        let done = self.post(command).await?;
        let mut reader = self.reader(Freshness::Primary).await?;
        let id = done.outcome.loan_id.unwrap_or_else(|| LoanId::from_uuid(uuid::Uuid::nil()));
        let loan = self.loan_on(&mut reader, id).await?;
        let loan = loan.ok_or_else(|| status::not_found("loan"))?;
        Ok(Written { done, loan })
    }

    async fn reader(&self, freshness: Freshness) -> Result<Reader, Status> {
        let reader = self.context.reads.reader(freshness).await;
        reader.map_err(|error| status::query(&error))
    }

    async fn loan_on(&self, reader: &mut Reader, id: LoanId) -> Result<Option<Loan>, Status> {
        let found = read::find_loan(reader.conn(), id, &self.context.products).await;
        found.map_err(|error| status::query(&error))
    }

    /// The entry that the money of a request made.
    async fn entry_of(&self, written: &Written) -> Result<Option<pb::LoanEntry>, Status> {
        let mut reader = self.reader(Freshness::Primary).await?;
        let (loan_id, request_id) = (written.loan.id, written.done.outcome.request_id);
        let found = read::find_entry(reader.conn(), loan_id, request_id).await;
        Ok(found.map_err(|error| status::query(&error))?.as_ref().map(reply::entry))
    }

    /// Completes an application with the product, and with what customer and deposit say.
    async fn ask_neighbours(&self, command: &mut Command) -> Result<(), Status> {
        let Action::Apply(wanted) = &mut command.action else { return Ok(()) };
        wanted.product = self.context.products.find(&wanted.product_code).cloned();
        let (customers, deposits) = (&self.context.customers, &self.context.deposits);
        let answers = tokio::try_join!(
            customers.standing(wanted.customer_id),
            deposits.account(wanted.terms.account),
        );
        let answers = answers.map_err(|error| status::command(CommandError::Callee(error)));
        let (standing, account) = answers?;
        wanted.known = Some(Known { standing, account });
        Ok(())
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

fn shown(loan: &Loan) -> Result<Option<pb::Loan>, Status> {
    reply::loan(loan).map(Some).map_err(status::out_of_range)
}

/// Answers a write: the message, and the read token beside it.
fn written<T>(message: T, token: &ReadToken) -> Response<T> {
    let mut response = Response::new(message);
    platform::status::set_read_token(response.metadata_mut(), token);
    response
}

#[tonic::async_trait]
impl LoanService for Api {
    async fn apply_for_loan(
        &self,
        request: Request<pb::ApplyForLoanRequest>,
    ) -> Result<Response<pb::ApplyForLoanResponse>, Status> {
        // Parsed before the neighbours are asked: a bad request costs one service, not three.
        let mut command = self.command(&request, parse::apply)?;
        self.ask_neighbours(&mut command).await?;
        let done = self.post_on_loan(command).await?;
        let message = pb::ApplyForLoanResponse { loan: shown(&done.loan)? };
        Ok(written(message, &done.done.token))
    }

    async fn decide_loan(
        &self,
        request: Request<pb::DecideLoanRequest>,
    ) -> Result<Response<pb::DecideLoanResponse>, Status> {
        let done = self.post_on_loan(self.command(&request, parse::decide)?).await?;
        let message = pb::DecideLoanResponse { loan: shown(&done.loan)? };
        Ok(written(message, &done.done.token))
    }

    async fn disburse_loan(
        &self,
        request: Request<pb::DisburseLoanRequest>,
    ) -> Result<Response<pb::DisburseLoanResponse>, Status> {
        let done = self.post_on_loan(self.command(&request, parse::disburse)?).await?;
        let message = pb::DisburseLoanResponse { loan: shown(&done.loan)? };
        Ok(written(message, &done.done.token))
    }

    async fn repay_loan(
        &self,
        request: Request<pb::RepayLoanRequest>,
    ) -> Result<Response<pb::RepayLoanResponse>, Status> {
        let done = self.post_on_loan(self.command(&request, parse::repay)?).await?;
        let entry = self.entry_of(&done).await?;
        let message = pb::RepayLoanResponse { loan: shown(&done.loan)?, entry };
        Ok(written(message, &done.done.token))
    }

    async fn quote_prepayment(
        &self,
        request: Request<pb::QuotePrepaymentRequest>,
    ) -> Result<Response<pb::QuotePrepaymentResponse>, Status> {
        let done = self.post(self.command(&request, parse::quote)?).await?;
        let id = done.outcome.request_id.as_uuid();
        let mut reader = self.reader(Freshness::Primary).await?;
        let found = read::find_quote(reader.conn(), id).await;
        let found = found.map_err(|error| status::query(&error))?;
        let (loan_id, quote) = found.ok_or_else(|| status::not_found("quote"))?;
        let quote = reply::quote(id, loan_id, &quote, done.outcome.currency);
        let quote = Some(quote.map_err(status::out_of_range)?);
        Ok(written(pb::QuotePrepaymentResponse { quote }, &done.token))
    }

    async fn prepay_loan(
        &self,
        request: Request<pb::PrepayLoanRequest>,
    ) -> Result<Response<pb::PrepayLoanResponse>, Status> {
        let done = self.post_on_loan(self.command(&request, parse::prepay)?).await?;
        let entry = self.entry_of(&done).await?;
        let message = pb::PrepayLoanResponse { loan: shown(&done.loan)?, entry };
        Ok(written(message, &done.done.token))
    }

    async fn classify_loan(
        &self,
        request: Request<pb::ClassifyLoanRequest>,
    ) -> Result<Response<pb::ClassifyLoanResponse>, Status> {
        let done = self.post_on_loan(self.command(&request, parse::classify)?).await?;
        let message = pb::ClassifyLoanResponse { loan: shown(&done.loan)? };
        Ok(written(message, &done.done.token))
    }

    async fn propose_write_off(
        &self,
        request: Request<pb::ProposeWriteOffRequest>,
    ) -> Result<Response<pb::ProposeWriteOffResponse>, Status> {
        let done = self.post(self.command(&request, parse::propose_write_off)?).await?;
        let proposal = done.outcome.subject_id.zip(done.outcome.loan_id);
        let (id, loan_id) = proposal.ok_or_else(|| status::not_found("proposal"))?;
        let payload_hash = proposal_hash(id, loan_id).to_vec();
        let message = pb::ProposeWriteOffResponse { proposal_id: id.to_string(), payload_hash };
        Ok(written(message, &done.token))
    }

    async fn decide_write_off(
        &self,
        request: Request<pb::DecideWriteOffRequest>,
    ) -> Result<Response<pb::DecideWriteOffResponse>, Status> {
        let done = self.post_on_loan(self.command(&request, parse::decide_write_off)?).await?;
        let message = pb::DecideWriteOffResponse { loan: shown(&done.loan)? };
        Ok(written(message, &done.done.token))
    }

    async fn run_end_of_day(
        &self,
        request: Request<pb::RunEndOfDayRequest>,
    ) -> Result<Response<pb::RunEndOfDayResponse>, Status> {
        let command = self.command(&request, parse::run_end_of_day)?;
        let Action::RunEndOfDay(wanted) = &command.action else {
            return Err(status::command(CommandError::Fault));
        };
        let date = wanted.date;
        let done = self.post(command).await?;
        self.context.woken.notify_one();
        let mut reader = self.reader(Freshness::Primary).await?;
        let found = end_of_day::find(reader.conn(), date).await;
        let found = found.map_err(|error| status::query(&error))?;
        let end_of_day = found.as_ref().map(reply::end_of_day);
        Ok(written(pb::RunEndOfDayResponse { end_of_day }, &done.token))
    }

    async fn get_end_of_day(
        &self,
        request: Request<pb::GetEndOfDayRequest>,
    ) -> Result<Response<pb::GetEndOfDayResponse>, Status> {
        self.end_of_day(&request).await
    }

    async fn preview_schedule(
        &self,
        request: Request<pb::PreviewScheduleRequest>,
    ) -> Result<Response<pb::PreviewScheduleResponse>, Status> {
        self.preview(&request).await
    }

    async fn get_loan(
        &self,
        request: Request<pb::GetLoanRequest>,
    ) -> Result<Response<pb::GetLoanResponse>, Status> {
        self.one_loan(&request).await
    }

    async fn list_loans(
        &self,
        request: Request<pb::ListLoansRequest>,
    ) -> Result<Response<pb::ListLoansResponse>, Status> {
        self.many_loans(&request).await
    }

    async fn get_schedule(
        &self,
        request: Request<pb::GetScheduleRequest>,
    ) -> Result<Response<pb::GetScheduleResponse>, Status> {
        self.schedule(&request).await
    }

    async fn list_loan_entries(
        &self,
        request: Request<pb::ListLoanEntriesRequest>,
    ) -> Result<Response<pb::ListLoanEntriesResponse>, Status> {
        self.entries(&request).await
    }

    async fn get_day_totals(
        &self,
        request: Request<pb::GetDayTotalsRequest>,
    ) -> Result<Response<pb::GetDayTotalsResponse>, Status> {
        self.day_totals(&request).await
    }
}
