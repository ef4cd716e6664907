//! What is counted of each call: by method, code and kind of caller. The series are looked up once and kept, since a
//! lookup by labels would cost more than everything else that the gate does.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use metrics::{Counter, Histogram};
use tonic::Code;

use crate::identity::CALLER_CLASSES;

const CODES: usize = 17;

/// The series of one method.
pub(super) struct Meter {
    method: String,
    by_caller: [ByCaller; CALLER_CLASSES.len()],
}

#[derive(Default)]
struct ByCaller {
    requests: [OnceLock<Counter>; CODES],
    seconds: OnceLock<Histogram>,
}

impl Meter {
    pub(super) fn new(method: &str) -> Self {
        Self { method: method.to_owned(), by_caller: Default::default() }
    }

    fn record(&self, caller: &'static str, code: Code, started: Instant) {
        let class = CALLER_CLASSES.iter().position(|class| *class == caller);
        let Some(series) = class.and_then(|class| self.by_caller.get(class)) else { return };
        if let Some(requests) =
            usize::try_from(i32::from(code)).ok().and_then(|i| series.requests.get(i))
        {
            let requests = requests.get_or_init(|| {
                let (method, code) = (self.method.clone(), name(code));
                metrics::counter!("rpc_requests_total", "method" => method, "code" => code, "caller" => caller)
            });
            requests.increment(1);
        }
        let seconds = series.seconds.get_or_init(|| {
            let method = self.method.clone();
            metrics::histogram!("rpc_duration_seconds", "method" => method, "caller" => caller)
        });
        seconds.record(started.elapsed());
    }
}

/// A call under way. It counts itself when dropped: as CANCELLED, unless it was said how it ended.
pub(super) struct CallMeter {
    meter: Arc<Meter>,
    caller: &'static str,
    started: Instant,
    code: Code,
}

impl CallMeter {
    pub(super) fn start(meter: &Arc<Meter>, caller: &'static str, started: Instant) -> Self {
        Self { meter: Arc::clone(meter), caller, started, code: Code::Cancelled }
    }

    pub(super) fn ended(&mut self, code: Code) {
        self.code = code;
    }
}

impl Drop for CallMeter {
    fn drop(&mut self) {
        self.meter.record(self.caller, self.code, self.started);
    }
}

/// The code as gRPC writes it.
pub(super) const fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
