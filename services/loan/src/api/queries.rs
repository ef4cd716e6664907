//! The queries: parse, read, reply. A loan that is not the caller's customer's is read like any other, and then not there.

use kernel::{LoanId, Money};
use platform::db::{Freshness, Reader};
use platform::fields::Violations;
use platform::mandate::Mandate;
use proto::loan::v1 as pb;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Api, parse, reply, shown, status};
use crate::domain::{self, Loan};
use crate::store::{end_of_day, read};

impl Api {
    /// The loan that was asked for, and the session that it was read on.
    async fn own_loan(
        &self,
        mandate: &Mandate,
        asked: Result<(LoanId, Freshness), Violations>,
    ) -> Result<(Loan, Reader), Status> {
        let (id, freshness) = asked.map_err(status::invalid)?;
        let mut reader = self.reader(freshness).await?;
        let found = self.loan_on(&mut reader, id).await?;
        let found = found.filter(|loan| mandate.covers(loan.customer_id));
        Ok((found.ok_or_else(|| status::not_found("loan"))?, reader))
    }

    fn as_of(&self, reader: &Reader) -> proto::common::v1::AsOf {
        reply::as_of(reader.as_of(), self.context.clock.now())
    }

    pub(super) async fn one_loan(
        &self,
        request: &Request<pb::GetLoanRequest>,
    ) -> Result<Response<pb::GetLoanResponse>, Status> {
        let (mandate, m) = (status::mandate(request)?, request.get_ref());
        let asked = parse::loan_query(self.fields(), &m.loan_id, m.consistency.as_ref());
        let (loan, reader) = self.own_loan(&mandate, asked).await?;
        let (loan, as_of) = (shown(&loan)?, Some(self.as_of(&reader)));
        Ok(Response::new(pb::GetLoanResponse { loan, as_of }))
    }

    pub(super) async fn schedule(
        &self,
        request: &Request<pb::GetScheduleRequest>,
    ) -> Result<Response<pb::GetScheduleResponse>, Status> {
        let (mandate, m) = (status::mandate(request)?, request.get_ref());
        let asked = parse::loan_query(self.fields(), &m.loan_id, m.consistency.as_ref());
        let (loan, reader) = self.own_loan(&mandate, asked).await?;
        let instalments = reply::schedule(&loan.instalments, loan.terms.currency);
        let instalments = instalments.map_err(status::out_of_range)?;
        let as_of = Some(self.as_of(&reader));
        Ok(Response::new(pb::GetScheduleResponse { instalments, as_of }))
    }

    pub(super) async fn many_loans(
        &self,
        request: &Request<pb::ListLoansRequest>,
    ) -> Result<Response<pb::ListLoansResponse>, Status> {
        let mandate = status::mandate(request)?;
        let asked = parse::list_loans(self.fields(), request.get_ref());
        let (customer_id, page) = asked.map_err(status::invalid)?;
        let mut reader = self.reader(page.freshness).await?;
        let which = (page.after.unwrap_or(Uuid::nil()), page.size);
        // Somebody else has as many loans as nobody has, and takes as long to say so.
        let found = if mandate.covers(customer_id) {
            let products = &self.context.products;
            read::list_loans(reader.conn(), customer_id, which, products).await
        } else {
            Ok(Vec::new())
        };
        let rows = found.map_err(|error| status::query(&error))?;
        let loans: Result<Vec<_>, Status> =
            rows.iter().map(|loan| reply::loan(loan).map_err(status::out_of_range)).collect();
        let last = rows.last().map(|loan| loan.id.to_string());
        Ok(Response::new(pb::ListLoansResponse {
            loans: loans?,
            next_page_token: next_page(rows.len(), page.size, last),
            as_of: Some(self.as_of(&reader)),
        }))
    }

    pub(super) async fn entries(
        &self,
        request: &Request<pb::ListLoanEntriesRequest>,
    ) -> Result<Response<pb::ListLoanEntriesResponse>, Status> {
        let mandate = status::mandate(request)?;
        let asked = parse::list_entries(self.fields(), request.get_ref());
        let (id, page) = asked.map_err(status::invalid)?;
        let mut reader = self.reader(page.freshness).await?;
        let which = (page.after.unwrap_or(i64::MAX), page.size);
        let found = read::list_entries(reader.conn(), id, mandate.customer(), which).await;
        let rows = found.map_err(|error| status::query(&error))?;
        if rows.is_empty() && page.after.is_none() {
            // A loan without entries has an empty history; only an unknown one has none.
            let known = self.loan_on(&mut reader, id).await?;
            let known = known.filter(|loan| mandate.covers(loan.customer_id));
            known.ok_or_else(|| status::not_found("loan"))?;
        }
        let last = rows.last().map(|row| row.sequence.to_string());
        Ok(Response::new(pb::ListLoanEntriesResponse {
            entries: rows.iter().map(reply::entry).collect(),
            next_page_token: next_page(rows.len(), page.size, last),
            as_of: Some(self.as_of(&reader)),
        }))
    }

    pub(super) async fn preview(
        &self,
        request: &Request<pb::PreviewScheduleRequest>,
    ) -> Result<Response<pb::PreviewScheduleResponse>, Status> {
        let mandate = status::mandate(request)?;
        let asked = parse::preview(self.fields(), request.get_ref()).map_err(status::invalid)?;
        let amount = Money::new(asked.terms.amount_minor, asked.terms.currency);
        status::within_limit(&mandate, amount)?;
        let product = self.context.products.find(&asked.product_code);
        let product = product.ok_or(domain::Rejection::ProductUnknown).map_err(status::refused)?;
        let on = match asked.disbursed_on {
            Some(on) => on,
            None => self.today().await?,
        };
        let instalments = domain::preview(product, &asked.terms, on.as_date());
        let instalments = instalments.map_err(status::refused)?;
        let instalments = reply::schedule(&instalments, asked.terms.currency);
        let instalments = instalments.map_err(status::out_of_range)?;
        Ok(Response::new(pb::PreviewScheduleResponse { instalments }))
    }

    async fn today(&self) -> Result<kernel::BusinessDate, Status> {
        let mut reader = self.reader(Freshness::Any).await?;
        let date = read::business_date(reader.conn()).await;
        let date = date.map_err(|error| status::query(&error))?;
        date.ok_or_else(|| status::not_found("business date"))
    }

    pub(super) async fn end_of_day(
        &self,
        request: &Request<pb::GetEndOfDayRequest>,
    ) -> Result<Response<pb::GetEndOfDayResponse>, Status> {
        let asked = parse::business_date(self.fields(), &request.get_ref().business_date);
        let date = asked.map_err(status::invalid)?;
        let mut reader = self.reader(Freshness::Primary).await?;
        let found = end_of_day::find(reader.conn(), date).await;
        let found = found.map_err(|error| status::query(&error))?;
        let found = found.ok_or_else(|| status::not_found("end of day"))?;
        let end_of_day = Some(reply::end_of_day(&found));
        Ok(Response::new(pb::GetEndOfDayResponse { end_of_day }))
    }

    pub(super) async fn day_totals(
        &self,
        request: &Request<pb::GetDayTotalsRequest>,
    ) -> Result<Response<pb::GetDayTotalsResponse>, Status> {
        let asked = parse::business_date(self.fields(), &request.get_ref().business_date);
        let date = asked.map_err(status::invalid)?;
        let mut reader = self.reader(Freshness::Primary).await?;
        let found = read::day_totals(reader.conn(), date).await;
        let (totals, undelivered_batches) = found.map_err(|error| status::query(&error))?;
        Ok(Response::new(pb::GetDayTotalsResponse {
            totals: totals.into_iter().map(reply::day_total).collect(),
            undelivered_batches,
        }))
    }
}

/// The key to go on after; empty where the page was not full.
fn next_page(rows: usize, size: i64, last: Option<String>) -> String {
    let full = i64::try_from(rows).is_ok_and(|rows| rows == size);
    last.filter(|_| full).unwrap_or_default()
}
