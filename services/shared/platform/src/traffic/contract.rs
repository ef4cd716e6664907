//! The limits as the contract writes them.

use prost_types::Timestamp;
use proto::operations::v1 as pb;

use super::versions::Version;
use super::{ClassRates, Limits, Rate};
use crate::fields::Fields;

/// Reads limits; everything that is missing or out of range is noted.
pub(super) fn read(fields: &mut Fields, given: Option<&pb::Limits>) -> Option<Limits> {
    let Some(given) = given else { return fields.reject("limits", "is missing") };
    let mut bucket = |field: &str, rate: Option<&pb::Rate>| {
        let rate = rate.map(|rate| Rate { rate: rate.rate, burst: rate.burst });
        rate.or_else(|| fields.reject(&format!("limits.{field}"), "is missing"))
    };
    let none = pb::ClassRates::default();
    let classes = given.classes.as_ref().unwrap_or(&none);
    let caller = bucket("caller", given.caller.as_ref());
    let service = bucket("service", given.service.as_ref());
    let card_authorization =
        bucket("classes.card_authorization", classes.card_authorization.as_ref());
    let payment = bucket("classes.payment", classes.payment.as_ref());
    let query = bucket("classes.query", classes.query.as_ref());
    let report = bucket("classes.report", classes.report.as_ref());
    let batch = bucket("classes.batch", classes.batch.as_ref());
    let callers = given.callers.iter();
    let callers =
        callers.map(|(name, rate)| (name.clone(), Rate { rate: rate.rate, burst: rate.burst }));
    let limits = Limits {
        caller: caller?,
        callers: callers.collect(),
        classes: ClassRates {
            card_authorization: card_authorization?,
            payment: payment?,
            query: query?,
            report: report?,
            batch: batch?,
        },
        service: service?,
        queue_target_ms: given.queue_target_ms,
        in_flight_min: given.in_flight_min,
        in_flight_max: given.in_flight_max,
    };
    let problems = limits.problems();
    let fine = problems.is_empty();
    for (field, what) in problems {
        fields.wrong(&format!("limits.{field}"), what);
    }
    fine.then_some(limits)
}

/// Writes limits.
pub(super) fn write(limits: &Limits) -> pb::Limits {
    let bucket = |rate: &Rate| pb::Rate { rate: rate.rate, burst: rate.burst };
    let classes = &limits.classes;
    pb::Limits {
        caller: Some(bucket(&limits.caller)),
        callers: limits.callers.iter().map(|(name, rate)| (name.clone(), bucket(rate))).collect(),
        classes: Some(pb::ClassRates {
            card_authorization: Some(bucket(&classes.card_authorization)),
            payment: Some(bucket(&classes.payment)),
            query: Some(bucket(&classes.query)),
            report: Some(bucket(&classes.report)),
            batch: Some(bucket(&classes.batch)),
        }),
        service: Some(bucket(&limits.service)),
        queue_target_ms: limits.queue_target_ms,
        in_flight_min: limits.in_flight_min,
        in_flight_max: limits.in_flight_max,
    }
}

/// Writes a version.
pub(super) fn version(version: Version) -> pb::LimitVersion {
    pb::LimitVersion {
        version: version.number,
        limits: Some(write(&version.limits)),
        proposed_by: version.proposed_by,
        approved_by: version.approved_by.unwrap_or_default(),
        reason: version.reason,
        decided_at: Some(timestamp(version.decided_at)),
        rolled_back_to: version.rolled_back_to,
    }
}

/// Writes an instant.
pub(super) fn timestamp(at: chrono::DateTime<chrono::Utc>) -> Timestamp {
    let nanos = i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default();
    Timestamp { seconds: at.timestamp(), nanos }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::config::TrafficConfig;

    fn read_all(given: Option<&pb::Limits>) -> Result<Limits, Vec<String>> {
        let mut fields = Fields::new(DateTime::UNIX_EPOCH);
        let limits = read(&mut fields, given);
        let done = fields.done(limits);
        done.map_err(|wrong| wrong.into_iter().map(|violation| violation.field).collect())
    }

    #[test]
    fn what_is_written_reads_back() {
        let mut limits = Limits::of(&TrafficConfig::default());
        limits.callers.insert("channel/mobile".into(), Rate { rate: 7, burst: 3 });

        assert_eq!(read_all(Some(&write(&limits))), Ok(limits));
    }

    #[test]
    fn everything_that_is_missing_is_named() {
        assert_eq!(read_all(None), Err(vec!["limits".into()]));
        let mut given = write(&Limits::of(&TrafficConfig::default()));
        given.service = None;
        given.classes.as_mut().unwrap().query = None;

        let expected = vec!["limits.service".into(), "limits.classes.query".into()];
        assert_eq!(read_all(Some(&given)), Err(expected));
    }

    #[test]
    fn everything_that_is_out_of_range_is_named() {
        let mut given = write(&Limits::of(&TrafficConfig::default()));
        given.caller.as_mut().unwrap().rate = 0;
        given.in_flight_max = 0;

        let expected = ["limits.caller.rate", "limits.in_flight_min", "limits.in_flight_max"];
        assert_eq!(read_all(Some(&given)), Err(expected.map(str::to_owned).to_vec()));
    }
}
