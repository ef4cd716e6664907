//! Take what the scheme says it settled, compare it with what was cleared, and resolve what differs.
//!
//! Round trips: of a report, known, unfinished, cleared, report, records, differences; of a resolution, difference twice.
//! Locks: of a report, one that parts of clearing files share. Two reports of one date are kept apart by its unique key,
//! and the second begins anew and is refused.

use kernel::{Currency, RequestId};
use platform::db::{self, WriteTx};
use scheme::clearing::Totals;
use scheme::settlement::SettlementReport;
use uuid::Uuid;

use super::Context;
use super::alone::Acted;
use crate::domain::{
    Booking, BookingKind, Books, Compared, Difference, Rejection, Resolution, compare,
};
use crate::store::settlement::{self, Report};

/// What the scheme settled.
#[derive(Debug, Clone)]
pub struct SubmitReport {
    /// The report, whole.
    pub content: Vec<u8>,
}

/// A difference to resolve.
#[derive(Debug, Clone)]
pub struct ResolveBreak {
    /// Which one.
    pub break_id: Uuid,
    /// How.
    pub resolution: Resolution,
    /// Why.
    pub reason: String,
}

impl SubmitReport {
    pub(super) async fn act(
        &self,
        ctx: &Context,
        tx: &mut WriteTx,
        books: &mut Books,
    ) -> Result<Result<Acted, Rejection>, db::Error> {
        let Ok(report) = SettlementReport::parse(&self.content) else {
            return Ok(Err(Rejection::RecordMalformed));
        };
        if report.sums() != Some(report.trailer) {
            return Ok(Err(Rejection::FileTotalsDiffer));
        }
        let header = &report.header;
        settlement::enter(tx.conn()).await?;
        if settlement::is_known(tx.conn(), header).await? {
            return Ok(Err(Rejection::ReportKnown));
        }
        if settlement::is_unfinished(tx.conn(), header.clearing_date).await? {
            return Ok(Err(Rejection::FileNotFinished));
        }
        let cleared = settlement::cleared(tx.conn(), header).await?;
        let booked = product_in(ctx, header.currency)
            .and_then(|product| book(&product, header.currency, report.trailer, books))
            .and_then(|net_minor| Ok((net_minor, compare(&report.records, &cleared)?)));
        let (net_minor, Compared { agreed, differences }) = match booked {
            Ok(booked) => booked,
            Err(why) => return Ok(Err(why)),
        };
        let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let taken = Report {
            report_id: header.report_id.clone(),
            agreed: count(agreed.len()),
            breaks: count(differences.len()),
            net_minor,
        };
        let breaks: Vec<(Uuid, Difference)> = differences
            .into_iter()
            .map(|one| (RequestId::generate(ctx.clock.as_ref()).as_uuid(), one))
            .collect();
        let about = (header, &taken, report.trailer.fee_minor);
        settlement::insert_report(tx.conn(), about, (&agreed, &breaks), books.now()).await?;
        Ok(Ok(Acted::default()))
    }
}

/// Tells accounting what was paid and what was earned, and answers what the scheme gets in all.
fn book(
    product: &str,
    currency: Currency,
    totals: Totals,
    books: &mut Books,
) -> Result<i64, Rejection> {
    let principal = totals.debit_minor.checked_sub(totals.credit_minor);
    let principal = principal.ok_or(Rejection::RecordMalformed)?;
    let fee = totals.fee_minor;
    let net_minor = principal.checked_sub(fee).ok_or(Rejection::RecordMalformed)?;
    let settled = |principal: i64, fee: i64| Booking {
        card_id: None,
        product: product.to_owned(),
        kind: BookingKind::Settled,
        principal_minor: principal.saturating_abs(),
        fee_minor: fee.saturating_abs(),
        currency,
        // Only one of them is there.
        reversal: principal < 0 || fee < 0,
    };
    if principal != 0 {
        books.book(settled(principal, 0));
    }
    if fee != 0 {
        books.book(settled(0, fee));
    }
    Ok(net_minor)
}

fn product_in(ctx: &Context, currency: Currency) -> Result<String, Rejection> {
    let product = ctx.products.of_currency(currency).ok_or(Rejection::CurrencyMismatch)?;
    Ok(product.code.clone())
}

impl ResolveBreak {
    pub(super) async fn act(
        &self,
        ctx: &Context,
        tx: &mut WriteTx,
        books: &mut Books,
    ) -> Result<Result<Acted, Rejection>, db::Error> {
        let Some(found) = settlement::lock_break(tx.conn(), self.break_id).await? else {
            return Ok(Err(Rejection::BreakUnknown));
        };
        if found.resolution.is_some() {
            return Ok(Err(Rejection::BreakResolved));
        }
        if self.resolution == Resolution::Adjusted {
            let product = match product_in(ctx, found.currency) {
                Ok(product) => product,
                Err(why) => return Ok(Err(why)),
            };
            let Difference { scheme_minor, bank_minor, .. } = found.difference;
            let more = scheme_minor.saturating_sub(bank_minor);
            books.book(Booking {
                card_id: None,
                product,
                kind: BookingKind::Difference,
                principal_minor: more.saturating_abs(),
                fee_minor: 0,
                currency: found.currency,
                reversal: more < 0,
            });
        }
        let how = (self.resolution, self.reason.as_str());
        settlement::resolve_break(tx.conn(), self.break_id, how, books.now()).await?;
        Ok(Ok(Acted {
            card_id: None,
            subject_id: Some(self.break_id),
            audited: Some((
                self.break_id.to_string(),
                format!("{}: {}", self.resolution.code(), self.reason),
            )),
        }))
    }
}
