//! Clearing files, settlement reports and what a person decides about them: parse, one write, reply. They are staff's, and
//! know no customer.

use chrono::{DateTime, Utc};
use kernel::{BusinessDate, CardId};
use platform::db::Freshness;
use platform::fields::{Fields, Violations};
use platform::fingerprint;
use platform::fuzzing::{Reading, reading};
use platform::identity::Identity;
use platform::protection::Secret;
use proto::card::v1 as pb;
use scheme::clearing::ClearingKind;
use scheme::settlement::SettlementReport;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::pages::{self, Page, next_page};
use super::{Api, reply, status, written};
use crate::commands::clearing::{CloseFile, ResolveException, SubmitPart, What};
use crate::commands::settlement::{ResolveBreak, SubmitReport};
use crate::commands::{AloneRequest, Done, Wanted, run_alone};
use crate::domain::{
    BreakKind, Decision, FileStatus, Item, ItemStatus, Match, Resolution, SettlementBreak,
};
use crate::store::clearing::FileState;
use crate::store::{clearing, settlement};

/// Lines of one part, and of one report.
const PART_LINES_MAX: usize = 1_000;
const REPORT_LINES_MAX: usize = 20_000;
const REASON_MAX: usize = 200;

/// What is asked, and under which request id.
type Asked = Result<(kernel::RequestId, Wanted), Violations>;

fn file_id(fields: &mut Fields, field: &str, text: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !(1..=40).contains(&text.len()) || !text.bytes().all(fits) {
        return fields.reject(field, "must hold 1 to 40 letters, digits, '-' and '_'");
    }
    Some(text.to_owned())
}

fn lines(fields: &mut Fields, content: &[u8], most: usize) -> Option<Vec<u8>> {
    // The last line ends, so behind it there is nothing.
    let held = content.split(|byte| *byte == b'\n').count().saturating_sub(1);
    if !content.ends_with(b"\n") || held > most {
        return fields.reject("content", format!("must hold 1 to {most} whole lines"));
    }
    if !content.is_ascii() {
        return fields.reject("content", "must be ASCII");
    }
    Some(content.to_vec())
}

fn reason(fields: &mut Fields, text: &str) -> Option<String> {
    let long = text.chars().count() > REASON_MAX;
    if text.trim().is_empty() || long || text.chars().any(char::is_control) {
        let what = format!("must hold 1 to {REASON_MAX} characters, none of them a control");
        return fields.reject("reason", what);
    }
    Some(text.to_owned())
}

fn submit_part(mut fields: Fields, m: &pb::SubmitClearingPartRequest) -> Asked {
    let id = fields.request_id(&m.request_id);
    let file_id = file_id(&mut fields, "file_id", &m.file_id);
    let part = if m.part >= 1 { Some(m.part) } else { fields.reject("part", "must be at least 1") };
    let content = lines(&mut fields, &m.content, PART_LINES_MAX).map(Secret::new);
    let wanted = file_id.zip(part).zip(content).map(|((file_id, part), content)| {
        Wanted::SubmitPart(SubmitPart { file_id, part, content })
    });
    fields.done(id.zip(wanted))
}

fn close_file(mut fields: Fields, m: &pb::CloseClearingFileRequest) -> Asked {
    let id = fields.request_id(&m.request_id);
    let file_id = file_id(&mut fields, "file_id", &m.file_id);
    let wanted = file_id.map(|file_id| Wanted::CloseFile(CloseFile { file_id }));
    fields.done(id.zip(wanted))
}

fn resolve_exception(mut fields: Fields, m: &pb::ResolveClearingExceptionRequest) -> Asked {
    let id = fields.request_id(&m.request_id);
    let item_id = fields.read("item_id", Uuid::try_parse(&m.item_id).map_err(|_| "not an id"));
    let what = match m.resolution() {
        pb::ClearingResolution::Retry => Some(What::Retry),
        pb::ClearingResolution::ForcePost => Some(What::ForcePost),
        pb::ClearingResolution::Return => Some(What::Return),
        pb::ClearingResolution::Unspecified => fields.reject("resolution", "is required"),
    };
    let card_id = if m.card_id.is_empty() {
        Some(None)
    } else {
        fields.read("card_id", CardId::parse(&m.card_id)).map(Some)
    };
    let reason = reason(&mut fields, &m.reason);
    let wanted = (|| {
        let (item_id, what, card_id, reason) = (item_id?, what?, card_id?, reason?);
        Some(Wanted::ResolveException(ResolveException { item_id, what, card_id, reason }))
    })();
    fields.done(id.zip(wanted))
}

fn submit_report(mut fields: Fields, m: &pb::SubmitSettlementReportRequest) -> Asked {
    let id = fields.request_id(&m.request_id);
    let content = lines(&mut fields, &m.content, REPORT_LINES_MAX);
    let wanted = content.map(|content| Wanted::SubmitReport(SubmitReport { content }));
    fields.done(id.zip(wanted))
}

fn resolve_break(mut fields: Fields, m: &pb::ResolveSettlementBreakRequest) -> Asked {
    let id = fields.request_id(&m.request_id);
    let break_id = fields.read("break_id", Uuid::try_parse(&m.break_id).map_err(|_| "not an id"));
    let resolution = match m.resolution() {
        pb::SettlementResolution::Explained => Some(Resolution::Explained),
        pb::SettlementResolution::Adjusted => Some(Resolution::Adjusted),
        pb::SettlementResolution::Unspecified => fields.reject("resolution", "is required"),
    };
    let reason = reason(&mut fields, &m.reason);
    let wanted = break_id.zip(resolution).zip(reason).map(|((break_id, resolution), reason)| {
        Wanted::ResolveBreak(ResolveBreak { break_id, resolution, reason })
    });
    fields.done(id.zip(wanted))
}

fn listed(
    mut fields: Fields,
    (field, only): (&str, &str),
    page: (i32, &str, Option<&proto::common::v1::ReadConsistency>),
) -> Result<(Option<String>, Page), Violations> {
    let only =
        if only.is_empty() { Some(None) } else { file_id(&mut fields, field, only).map(Some) };
    let page = pages::page(&mut fields, (page.0, page.1), page.2);
    fields.done(only.zip(page))
}

fn exceptions(
    fields: Fields,
    m: &pb::ListClearingExceptionsRequest,
) -> Result<(Option<String>, Page), Violations> {
    let page = (m.page_size, m.page_token.as_str(), m.consistency.as_ref());
    listed(fields, ("file_id", &m.file_id), page)
}

fn breaks(
    fields: Fields,
    m: &pb::ListSettlementBreaksRequest,
) -> Result<(Option<String>, Page), Violations> {
    let page = (m.page_size, m.page_token.as_str(), m.consistency.as_ref());
    listed(fields, ("report_id", &m.report_id), page)
}

fn one_file(mut fields: Fields, m: &pb::GetClearingFileRequest) -> Result<String, Violations> {
    let name = file_id(&mut fields, "file_id", &m.file_id);
    fields.done(name)
}

/// Reads a request of these methods as its handler does; `None` where it is none of them.
pub(super) fn read_for_fuzzing(method: &str, bytes: &[u8], now: DateTime<Utc>) -> Option<Reading> {
    let fields = || Fields::new(now);
    Some(match method {
        "SubmitClearingPart" => reading(bytes, |m| submit_part(fields(), &m)),
        "CloseClearingFile" => reading(bytes, |m| close_file(fields(), &m)),
        "ResolveClearingException" => reading(bytes, |m| resolve_exception(fields(), &m)),
        "SubmitSettlementReport" => reading(bytes, |m| submit_report(fields(), &m)),
        "ResolveSettlementBreak" => reading(bytes, |m| resolve_break(fields(), &m)),
        "GetClearingFile" => reading(bytes, |m| one_file(fields(), &m)),
        "ListClearingExceptions" => reading(bytes, |m| exceptions(fields(), &m)),
        "ListSettlementBreaks" => reading(bytes, |m| breaks(fields(), &m)),
        _ => return None,
    })
}

impl Api {
    /// Hands a write in; a refusal is answered as the status it is.
    async fn alone<M>(
        &self,
        request: &Request<M>,
        parse: impl FnOnce(Fields, &M) -> Asked,
        fingerprint: i64,
    ) -> Result<Done, Status> {
        let asked = parse(self.fields(), request.get_ref()).map_err(status::invalid)?;
        let (request_id, wanted) = asked;
        let caller = Identity::name_in(request.extensions());
        let request = AloneRequest { request_id, fingerprint, caller, wanted };
        let done = run_alone(&self.context, request).await.map_err(status::command)?;
        match done.outcome.decision {
            Decision::Done => Ok(done),
            Decision::Refused(rejection) => Err(status::refused(rejection)),
        }
    }

    async fn file_state(&self, name: &str) -> Result<pb::ClearingFile, Status> {
        let mut reader = self.reader(Freshness::Primary).await?;
        let found = clearing::find_file(reader.conn(), name).await;
        let found = found.map_err(|error| status::query(&error))?;
        Ok(file(&found.ok_or_else(|| status::not_found("file"))?))
    }

    pub(super) async fn submit_part(
        &self,
        request: &Request<pb::SubmitClearingPartRequest>,
    ) -> Result<Response<pb::SubmitClearingPartResponse>, Status> {
        let m = request.get_ref();
        // There are card numbers in it: what stands for it in the books is keyed.
        let parts = [m.file_id.as_bytes(), &m.part.to_be_bytes(), &m.content];
        let fingerprint = self.context.search.digest("clearing-part", &parts).short();
        let done = self.alone(request, submit_part, fingerprint).await?;
        let file = Some(self.file_state(&m.file_id).await?);
        Ok(written(pb::SubmitClearingPartResponse { file }, &done.token))
    }

    pub(super) async fn close_file(
        &self,
        request: &Request<pb::CloseClearingFileRequest>,
    ) -> Result<Response<pb::CloseClearingFileResponse>, Status> {
        let m = request.get_ref();
        let fingerprint = fingerprint::of("CloseClearingFile", m);
        let done = self.alone(request, close_file, fingerprint).await?;
        let file = Some(self.file_state(&m.file_id).await?);
        Ok(written(pb::CloseClearingFileResponse { file }, &done.token))
    }

    pub(super) async fn resolve_exception(
        &self,
        request: &Request<pb::ResolveClearingExceptionRequest>,
    ) -> Result<Response<pb::ResolveClearingExceptionResponse>, Status> {
        let fingerprint = fingerprint::of("ResolveClearingException", request.get_ref());
        let done = self.alone(request, resolve_exception, fingerprint).await?;
        let mut reader = self.reader(Freshness::Primary).await?;
        let id = done.outcome.subject_id.unwrap_or_default();
        let found = clearing::find_item(reader.conn(), id).await;
        let found = found.map_err(|error| status::query(&error))?;
        let item = Some(item(&found.ok_or_else(|| status::not_found("record"))?));
        Ok(written(pb::ResolveClearingExceptionResponse { item }, &done.token))
    }

    pub(super) async fn submit_report(
        &self,
        request: &Request<pb::SubmitSettlementReportRequest>,
    ) -> Result<Response<pb::SubmitSettlementReportResponse>, Status> {
        let m = request.get_ref();
        let fingerprint = fingerprint::of("SubmitSettlementReport", m);
        let done = self.alone(request, submit_report, fingerprint).await?;
        let name = SettlementReport::parse(&m.content).map(|report| report.header.report_id);
        let mut reader = self.reader(Freshness::Primary).await?;
        let found = settlement::find_report(reader.conn(), &name.unwrap_or_default()).await;
        let found = found.map_err(|error| status::query(&error))?;
        let found = found.ok_or_else(|| status::not_found("report"))?;
        let message = pb::SubmitSettlementReportResponse {
            report_id: found.report_id,
            agreed: found.agreed,
            breaks: found.breaks,
            net_minor: found.net_minor,
        };
        Ok(written(message, &done.token))
    }

    pub(super) async fn resolve_break(
        &self,
        request: &Request<pb::ResolveSettlementBreakRequest>,
    ) -> Result<Response<pb::ResolveSettlementBreakResponse>, Status> {
        let fingerprint = fingerprint::of("ResolveSettlementBreak", request.get_ref());
        let done = self.alone(request, resolve_break, fingerprint).await?;
        let mut reader = self.reader(Freshness::Primary).await?;
        let id = done.outcome.subject_id.unwrap_or_default();
        let found = settlement::find_break(reader.conn(), id).await;
        let found = found.map_err(|error| status::query(&error))?;
        let found = found.ok_or_else(|| status::not_found("break"))?;
        let settlement_break = Some(settlement_break(&found));
        Ok(written(pb::ResolveSettlementBreakResponse { settlement_break }, &done.token))
    }

    pub(super) async fn clearing_file(
        &self,
        request: &Request<pb::GetClearingFileRequest>,
    ) -> Result<Response<pb::GetClearingFileResponse>, Status> {
        let name = one_file(self.fields(), request.get_ref()).map_err(status::invalid)?;
        let file = Some(self.file_state(&name).await?);
        Ok(Response::new(pb::GetClearingFileResponse { file }))
    }

    pub(super) async fn clearing_exceptions(
        &self,
        request: &Request<pb::ListClearingExceptionsRequest>,
    ) -> Result<Response<pb::ListClearingExceptionsResponse>, Status> {
        let asked = exceptions(self.fields(), request.get_ref()).map_err(status::invalid)?;
        let (only, page) = asked;
        let mut reader = self.reader(page.freshness).await?;
        let which = (page.after.unwrap_or_default(), page.size);
        let found = clearing::list_exceptions(reader.conn(), only.as_deref(), which).await;
        let rows = found.map_err(|error| status::query(&error))?;
        let last = rows.last().map(|item| item.id.to_string());
        Ok(Response::new(pb::ListClearingExceptionsResponse {
            items: rows.iter().map(item).collect(),
            next_page_token: next_page(rows.len(), page.size, last),
            as_of: Some(reply::as_of(reader.as_of(), self.context.clock.now())),
        }))
    }

    pub(super) async fn settlement_breaks(
        &self,
        request: &Request<pb::ListSettlementBreaksRequest>,
    ) -> Result<Response<pb::ListSettlementBreaksResponse>, Status> {
        let asked = breaks(self.fields(), request.get_ref()).map_err(status::invalid)?;
        let (only, page) = asked;
        let mut reader = self.reader(page.freshness).await?;
        let which = (page.after.unwrap_or_default(), page.size);
        let found = settlement::list_breaks(reader.conn(), only.as_deref(), which).await;
        let rows = found.map_err(|error| status::query(&error))?;
        let last = rows.last().map(|one| one.id.to_string());
        Ok(Response::new(pb::ListSettlementBreaksResponse {
            breaks: rows.iter().map(settlement_break).collect(),
            next_page_token: next_page(rows.len(), page.size, last),
            as_of: Some(reply::as_of(reader.as_of(), self.context.clock.now())),
        }))
    }

    pub(super) async fn day_totals(
        &self,
        request: &Request<pb::GetDayTotalsRequest>,
    ) -> Result<Response<pb::GetDayTotalsResponse>, Status> {
        let asked = pages::business_date(self.fields(), &request.get_ref().business_date);
        let date: BusinessDate = asked.map_err(status::invalid)?;
        let mut reader = self.reader(Freshness::Primary).await?;
        let found = settlement::day_totals(reader.conn(), date).await;
        let (totals, undelivered_batches) = found.map_err(|error| status::query(&error))?;
        let total = |row: settlement::DayTotalRow| pb::DayTotal {
            product_code: row.product,
            currency_code: row.currency,
            debit_minor: row.debit_minor,
            credit_minor: row.credit_minor,
        };
        let totals = totals.into_iter().map(total).collect();
        Ok(Response::new(pb::GetDayTotalsResponse { totals, undelivered_batches }))
    }
}

fn file(state: &FileState) -> pb::ClearingFile {
    let of = &state.file;
    let status = match of.status {
        FileStatus::Receiving => pb::ClearingFileStatus::Receiving,
        FileStatus::Accepted => pb::ClearingFileStatus::Accepted,
        FileStatus::Refused => pb::ClearingFileStatus::Refused,
        FileStatus::Finished => pb::ClearingFileStatus::Finished,
    };
    let count = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
    pb::ClearingFile {
        file_id: of.file_id.clone(),
        status: status.into(),
        clearing_date: of.clearing_date.map(|date| date.to_string()).unwrap_or_default(),
        records: count(of.totals.records.into()),
        posted: count(state.posted),
        exceptions: count(state.exceptions),
        refusal: of.refusal.clone().unwrap_or_default(),
    }
}

fn item(item: &Item) -> pb::ClearingItem {
    let status = match item.status {
        ItemStatus::Received => pb::ClearingItemStatus::Received,
        ItemStatus::Posting => pb::ClearingItemStatus::Posting,
        ItemStatus::Posted => pb::ClearingItemStatus::Posted,
        ItemStatus::Exception => pb::ClearingItemStatus::Exception,
        ItemStatus::Returned => pb::ClearingItemStatus::Returned,
    };
    let found = match item.found {
        None => pb::ClearingMatch::Unspecified,
        Some(Match::Full) => pb::ClearingMatch::Full,
        Some(Match::Partial) => pb::ClearingMatch::Partial,
        Some(Match::OneOfSeveral) => pb::ClearingMatch::OneOfSeveral,
        Some(Match::Above) => pb::ClearingMatch::Above,
        Some(Match::Late) => pb::ClearingMatch::Late,
        Some(Match::None) => pb::ClearingMatch::None,
        Some(Match::AlreadyPosted) => pb::ClearingMatch::AlreadyPosted,
    };
    let matched = item.found.is_some_and(|found| found != Match::None);
    let kind = match item.kind {
        ClearingKind::Purchase => "PURCHASE",
        ClearingKind::Cash => "CASH",
        ClearingKind::Refund => "REFUND",
    };
    let authorization_id = if matched { item.authorization_id.to_string() } else { String::new() };
    pb::ClearingItem {
        item_id: item.id.to_string(),
        file_id: item.file_id.clone(),
        line: item.line,
        scheme_reference: item.scheme_reference.clone(),
        kind: kind.to_owned(),
        card_id: item.card_id.map(|id| id.to_string()).unwrap_or_default(),
        authorization_id,
        amount: Some(reply::money(item.amount_minor, item.currency)),
        posted_minor: item.posted_minor,
        receivable_minor: item.receivable_minor,
        status: status.into(),
        r#match: found.into(),
        exception: item.exception.clone().unwrap_or_default(),
    }
}

fn settlement_break(one: &SettlementBreak) -> pb::SettlementBreak {
    let of = &one.difference;
    let kind = match of.kind {
        BreakKind::NotCleared => pb::SettlementBreakKind::NotCleared,
        BreakKind::NotSettled => pb::SettlementBreakKind::NotSettled,
        BreakKind::AmountDiffers => pb::SettlementBreakKind::AmountDiffers,
    };
    let resolution = match one.resolution {
        None => pb::SettlementResolution::Unspecified,
        Some(Resolution::Explained) => pb::SettlementResolution::Explained,
        Some(Resolution::Adjusted) => pb::SettlementResolution::Adjusted,
    };
    pb::SettlementBreak {
        break_id: one.id.to_string(),
        report_id: one.report_id.clone(),
        scheme_reference: of.scheme_reference.clone(),
        kind: kind.into(),
        scheme_minor: of.scheme_minor,
        bank_minor: of.bank_minor,
        currency_code: one.currency.code().to_owned(),
        resolution: resolution.into(),
        reason: one.reason.clone().unwrap_or_default(),
    }
}
