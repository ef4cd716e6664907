//! Every request of the operations service from its bytes, for the fuzz targets. No service comes here.

use chrono::{DateTime, Utc};
use proto::operations::v1 as pb;

use super::parse;
use crate::fields::Fields;
use crate::fuzzing::{Reading, reading};

/// Reads a request of the method as its handler does; `None` where the service has no such method.
pub fn read(method: &str, bytes: &[u8], now: DateTime<Utc>) -> Option<Reading> {
    let fields = || Fields::new(now);
    Some(match method {
        "GetLimits" => reading(bytes, |_: pb::GetLimitsRequest| Ok(())),
        "ProposeLimits" => reading(bytes, |m| parse::proposal(fields(), &m)),
        "GetLimitProposal" => reading(bytes, |m| parse::proposal_query(fields(), &m)),
        "DecideLimits" => reading(bytes, |m| parse::decision(fields(), &m)),
        "RollBackLimits" => reading(bytes, |m| parse::roll_back(fields(), &m)),
        "ListLimitVersions" => reading(bytes, |m| parse::page(fields(), &m)),
        _ => return None,
    })
}
