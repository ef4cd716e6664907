//! Every request of this service from its bytes, for the fuzz targets. The service itself never comes here.

use chrono::{DateTime, Utc};
use platform::fields::{Fields, Violations};
use platform::fuzzing::{Reading, reading};
use proto::accounting::v1 as pb;

use super::parse::{self, Delivered};

/// Reads a request of the method as its handler does; `None` where the service has no such method.
pub fn read(method: &str, bytes: &[u8], now: DateTime<Utc>) -> Option<Reading> {
    let fields = || Fields::new(now);
    let sources = ["deposit", "loan", "card"].map(str::to_owned);
    Some(match method {
        "PostEvents" => reading(bytes, |m| post_events(now, m, &sources)),
        "GetBusinessDate" => reading(bytes, |_: pb::GetBusinessDateRequest| Ok(())),
        "CutOver" => reading(bytes, |m| parse::cut_over(fields(), &"fuzz".into(), &m)),
        "ConfirmCutOver" => {
            reading(bytes, |m| parse::confirm_cut_over(fields(), &"fuzz".into(), &m, &sources))
        }
        "GetTrialBalance" => reading(bytes, |m: pb::GetTrialBalanceRequest| {
            parse::optional_date(fields(), &m.business_date)
        }),
        "GetJournal" => reading(bytes, |m| parse::journal(fields(), &m)),
        "GetTieOut" => reading(bytes, |m: pb::GetTieOutRequest| {
            parse::optional_date(fields(), &m.business_date)
        }),
        _ => return None,
    })
}

/// A batch that cannot be read is that batch's refusal; here it counts as one of the request.
fn post_events(
    now: DateTime<Utc>,
    m: pb::PostEventsRequest,
    sources: &[String],
) -> Result<(), Violations> {
    let mut fields = Fields::new(now);
    for (index, delivered) in parse::post_events(Fields::new(now), m, sources)?.iter().enumerate() {
        if let Delivered::Malformed(_, refusal) = delivered {
            fields.wrong(&format!("batches[{index}]"), refusal.detail.clone());
        }
    }
    fields.done(Some(()))
}
