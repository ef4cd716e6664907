//! What is counted of messages and connections. Labels come from closed lists: what is sent makes no new series.

use std::time::Instant;

use metrics::Gauge;
use scheme::Mti;

/// Lets those that somebody is called for begin at zero, so that the first is seen. What they are stands in `signals`.
pub(super) fn describe() {
    metrics::counter!("iso8583_timeouts_total").increment(0);
    for why in ["no_outcome", "not_admitted", "response"] {
        metrics::counter!("iso8583_unanswered_total", "why" => why).increment(0);
    }
    for done in ["answered", "closed"] {
        metrics::counter!("iso8583_malformed_total", "done" => done).increment(0);
    }
    for mti in ["0100", "0200", "0220", "0400", "0420", "0800"] {
        for code in ["00", "91"] {
            let labels = [("mti", mti), ("response_code", code)];
            metrics::counter!("iso8583_messages_total", &labels).increment(0);
        }
    }
    for name in ["iso8583_connections", "iso8583_signed_on", "iso8583_in_flight"] {
        metrics::gauge!(name).set(0);
    }
}

/// What metrics call a type of message: that of its first transmission, if it is one of ours.
pub(super) fn label(mti: Mti) -> &'static str {
    match mti.original() {
        Mti::AUTHORIZATION => "0100",
        Mti::AUTHORIZATION_ADVICE => "0120",
        Mti::FINANCIAL => "0200",
        Mti::FINANCIAL_ADVICE => "0220",
        Mti::REVERSAL => "0400",
        Mti::REVERSAL_ADVICE => "0420",
        Mti::NETWORK_MANAGEMENT => "0800",
        _ => "other",
    }
}

/// A message was answered so. Both texts are of ours, not of what was sent.
pub(super) fn answered(mti: &'static str, response_code: &'static str, arrived: Instant) {
    let labels = [("mti", mti), ("response_code", response_code)];
    metrics::counter!("iso8583_messages_total", &labels).increment(1);
    metrics::histogram!("iso8583_duration_seconds", "mti" => mti).record(arrived.elapsed());
}

/// A message gets no answer.
pub(super) fn unanswered(why: &'static str) {
    metrics::counter!("iso8583_unanswered_total", "why" => why).increment(1);
}

/// A message could not be read.
pub(super) fn malformed(done: &'static str) {
    metrics::counter!("iso8583_malformed_total", "done" => done).increment(1);
}

/// An authorization had no outcome in time.
pub(super) fn timed_out() {
    metrics::counter!("iso8583_timeouts_total").increment(1);
}

/// A connection ended.
pub(super) fn closed(why: &'static str) {
    metrics::counter!("iso8583_closed_total", "why" => why).increment(1);
}

/// One of several that are there at once; counted until it is dropped.
pub(super) struct Present(Gauge);

impl Present {
    pub(super) fn connection() -> Self {
        Self::of(metrics::gauge!("iso8583_connections"))
    }

    pub(super) fn signed_on() -> Self {
        Self::of(metrics::gauge!("iso8583_signed_on"))
    }

    pub(super) fn in_flight() -> Self {
        Self::of(metrics::gauge!("iso8583_in_flight"))
    }

    fn of(gauge: Gauge) -> Self {
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}
