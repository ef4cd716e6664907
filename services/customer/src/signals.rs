//! What customer shows of its business: every metric of its own.

use metrics::Unit;
use platform::telemetry::{self, Metric, counter};

const METRICS: &[Metric] = &[
    counter(
        "customer_registrations_total",
        Unit::Count,
        "Registrations that were decided, and their result.",
    ),
    counter(
        "customer_transitions_total",
        Unit::Count,
        "Steps in the life of customers that were decided, and their result.",
    ),
];

/// Tells what the metrics are.
pub fn describe() {
    telemetry::describe(METRICS);
}
