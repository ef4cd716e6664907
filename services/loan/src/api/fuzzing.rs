//! Every request of this service from its bytes, for the fuzz targets. The service itself never comes here.

use chrono::{DateTime, Utc};
use platform::fields::Fields;
use platform::fuzzing::{Reading, reading};
use proto::loan::v1 as pb;

use super::parse;

/// Reads a request of the method as its handler does; `None` where the service has no such method.
pub fn read(method: &str, bytes: &[u8], now: DateTime<Utc>) -> Option<Reading> {
    let fields = || Fields::new(now);
    Some(match method {
        "ApplyForLoan" => reading(bytes, |m| parse::apply(fields(), &m)),
        "DecideLoan" => reading(bytes, |m| parse::decide(fields(), &m)),
        "DisburseLoan" => reading(bytes, |m| parse::disburse(fields(), &m)),
        "RepayLoan" => reading(bytes, |m| parse::repay(fields(), &m)),
        "QuotePrepayment" => reading(bytes, |m| parse::quote(fields(), &m)),
        "PrepayLoan" => reading(bytes, |m| parse::prepay(fields(), &m)),
        "ClassifyLoan" => reading(bytes, |m| parse::classify(fields(), &m)),
        "ProposeWriteOff" => reading(bytes, |m| parse::propose_write_off(fields(), &m)),
        "DecideWriteOff" => reading(bytes, |m| parse::decide_write_off(fields(), &m)),
        "RunEndOfDay" => reading(bytes, |m| parse::run_end_of_day(fields(), &m)),
        "GetEndOfDay" => reading(bytes, |m: pb::GetEndOfDayRequest| {
            parse::business_date(fields(), &m.business_date)
        }),
        "PreviewSchedule" => reading(bytes, |m| parse::preview(fields(), &m)),
        "GetLoan" => reading(bytes, |m: pb::GetLoanRequest| {
            parse::loan_query(fields(), &m.loan_id, m.consistency.as_ref())
        }),
        "ListLoans" => reading(bytes, |m| parse::list_loans(fields(), &m)),
        "GetSchedule" => reading(bytes, |m: pb::GetScheduleRequest| {
            parse::loan_query(fields(), &m.loan_id, m.consistency.as_ref())
        }),
        "ListLoanEntries" => reading(bytes, |m| parse::list_entries(fields(), &m)),
        "GetDayTotals" => reading(bytes, |m: pb::GetDayTotalsRequest| {
            parse::business_date(fields(), &m.business_date)
        }),
        _ => return None,
    })
}
