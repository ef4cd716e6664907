//! Every request of this service from its bytes, for the fuzz targets. The service itself never comes here.

use chrono::{DateTime, Utc};
use platform::fields::Fields;
use platform::fuzzing::{Reading, reading};
use proto::card::v1 as pb;

use super::{clearing, pages, parse};

/// Reads a request of the method as its handler does; `None` where the service has no such method.
pub fn read(method: &str, bytes: &[u8], now: DateTime<Utc>) -> Option<Reading> {
    let fields = || Fields::new(now);
    Some(match method {
        "IssueCard" => reading(bytes, |m| parse::issue(fields(), &m)),
        "BatchIssueCards" => reading(bytes, |m| parse::batch_issue(fields(), &m)),
        "ActivateCard" => reading(bytes, |m| parse::activate(fields(), &m)),
        "SetPin" => reading(bytes, |m| parse::set_pin(fields(), &m)),
        "ChangePin" => reading(bytes, |m| parse::change_pin(fields(), &m)),
        "VerifyPin" => reading(bytes, |m| parse::verify_pin(fields(), &m)),
        "BlockCard" => reading(bytes, |m| parse::block(fields(), &m)),
        "UnblockCard" => reading(bytes, |m| parse::unblock(fields(), &m)),
        "ReportCardMissing" => reading(bytes, |m| parse::report_missing(fields(), &m)),
        "ReplaceCard" => reading(bytes, |m| parse::replace(fields(), &m)),
        "RenewCard" => reading(bytes, |m| parse::renew(fields(), &m)),
        "CancelCard" => reading(bytes, |m| parse::cancel(fields(), &m)),
        "SetCardSwitches" => reading(bytes, |m| parse::set_switches(fields(), &m)),
        "SetCardLimits" => reading(bytes, |m| parse::set_limits(fields(), &m)),
        "RevealCard" => reading(bytes, |m| parse::reveal(fields(), &m)),
        "Authorize" => reading(bytes, |m| parse::authorize(fields(), &m)),
        "ReverseAuthorization" => reading(bytes, |m| parse::reverse(fields(), &m)),
        "CompleteAuthorization" => reading(bytes, |m| parse::complete(fields(), &m)),
        "GetCard" => reading(bytes, |m| pages::card(fields(), &m)),
        "ListCards" => reading(bytes, |m| pages::cards(fields(), &m)),
        "GetAuthorization" => reading(bytes, |m| pages::authorization(fields(), &m)),
        "ListAuthorizations" => reading(bytes, |m| pages::authorizations(fields(), &m)),
        "GetDayTotals" => reading(bytes, |m: pb::GetDayTotalsRequest| {
            pages::business_date(fields(), &m.business_date)
        }),
        other => return clearing::read_for_fuzzing(other, bytes, now),
    })
}
