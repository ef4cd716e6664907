//! Rows as domain values. A row that the domain cannot hold is a corrupt row, never a default.

use chrono::NaiveDate;
use kernel::{BusinessDate, Currency, RequestId};
use platform::db::Error;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::domain::{
    DayDecision, DayOutcome, DayRequestKind, DayStatus, EventKind, GlAccount, Side, Turnover,
};

pub(super) fn date(row: &PgRow, column: &str) -> Result<BusinessDate, Error> {
    let date: NaiveDate = row.try_get(column)?;
    Ok(BusinessDate::from_date(date))
}

pub(super) fn currency(row: &PgRow) -> Result<Currency, Error> {
    let code: &str = row.try_get("currency")?;
    Currency::parse(code).map_err(|_| corrupt("currency", code))
}

pub(super) fn account(row: &PgRow) -> Result<GlAccount, Error> {
    let code: &str = row.try_get("gl_account")?;
    Ok(GlAccount::from_code(code))
}

pub(super) fn side(row: &PgRow) -> Result<Side, Error> {
    let code: &str = row.try_get("side")?;
    Side::from_code(code).ok_or_else(|| corrupt("side", code))
}

pub(super) fn event(row: &PgRow) -> Result<EventKind, Error> {
    let code: &str = row.try_get("event")?;
    EventKind::from_code(code).ok_or_else(|| corrupt("event", code))
}

pub(super) fn status(row: &PgRow) -> Result<DayStatus, Error> {
    let code: &str = row.try_get("status")?;
    DayStatus::from_code(code).ok_or_else(|| corrupt("status", code))
}

pub(super) fn turnover(row: &PgRow) -> Result<Turnover, Error> {
    Ok(Turnover {
        debit_minor: row.try_get("debit_minor")?,
        credit_minor: row.try_get("credit_minor")?,
    })
}

pub(super) fn day_outcome(row: &PgRow) -> Result<DayOutcome, Error> {
    let id: Uuid = row.try_get("request_id")?;
    let kind: &str = row.try_get("kind")?;
    let kind = DayRequestKind::from_code(kind).ok_or_else(|| corrupt("kind", kind))?;
    let result: &str = row.try_get("result")?;
    let date: Option<NaiveDate> = row.try_get("business_date")?;
    let date = date.map(BusinessDate::from_date);
    let decision =
        DayDecision::from_parts(kind, result, date).ok_or_else(|| corrupt("result", result))?;
    Ok(DayOutcome {
        request_id: RequestId::from_uuid(id).map_err(|_| corrupt("request id", &id.to_string()))?,
        fingerprint: row.try_get("fingerprint")?,
        kind,
        decision,
    })
}

pub(super) fn corrupt(what: &str, value: &str) -> Error {
    Error::Inconsistent(format!("{value:?} is no {what}"))
}
