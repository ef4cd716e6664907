//! Every request of this service from its bytes, for the fuzz targets. The service itself never comes here.

use chrono::{DateTime, Utc};
use platform::fields::Fields;
use platform::fuzzing::{Reading, reading};
use proto::customer::v1 as pb;

use super::parse;

/// Reads a request of the method as its handler does; `None` where the service has no such method.
pub fn read(method: &str, bytes: &[u8], now: DateTime<Utc>) -> Option<Reading> {
    let fields = || Fields::new(now);
    Some(match method {
        "RegisterCustomer" => reading(bytes, |m| parse::register(fields(), &m, false)),
        "BatchRegisterCustomers" => reading(bytes, |m| parse::register_batch(now, &m)),
        "ActivateCustomer" => reading(bytes, |m| parse::activate(fields(), &m)),
        "FreezeCustomer" => reading(bytes, |m| parse::freeze(fields(), &m)),
        "RejectCustomer" => reading(bytes, |m| parse::reject(fields(), &m)),
        "CloseCustomer" => reading(bytes, |m| parse::close(fields(), &m)),
        "GetCustomer" => reading(bytes, |m| parse::get(fields(), &m)),
        "FindCustomerByDocument" => reading(bytes, |m| parse::find_by_document(fields(), &m)),
        "ProposeCustomerChange" => reading(bytes, |m| parse::propose_change(fields(), &m)),
        "DecideCustomerChange" => reading(bytes, |m| parse::decide_change(fields(), &m)),
        "ListCustomerChanges" => reading(bytes, |m| parse::list_changes(fields(), &m)),
        "BatchGetCustomerStatus" => {
            reading(bytes, |m: pb::BatchGetCustomerStatusRequest| parse::statuses(fields(), &m))
        }
        _ => return None,
    })
}
