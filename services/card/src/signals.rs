//! What card shows of its business: every metric of its own, what a batch adds to them, and a look at what is open. What
//! the gateway sees of messages and connections is in `gateway::meter`.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use kernel::{Clock, Currency};
use metrics::Unit;
use platform::db::{self, Freshness, ReadPool};
use platform::telemetry::{self, Metric, counter, gauge, histogram};
use tokio_util::sync::CancellationToken;

use crate::store::standing;

const METRICS: &[Metric] = &[
    counter(
        "card_authorizations_total",
        Unit::Count,
        "Requests of the scheme that were decided, by kind, channel and response code.",
    ),
    counter("card_done_total", Unit::Count, "Other requests that were done, by kind."),
    counter(
        "card_refused_total",
        Unit::Count,
        "Requests that the bank refused, by kind and reason.",
    ),
    counter(
        "card_replayed_total",
        Unit::Count,
        "Requests that were repeated, and answered as before.",
    ),
    counter("card_orders_total", Unit::Count, "Orders to deposit that ended, by kind and result."),
    counter("card_moved_minor_total", Unit::Count, "Minor units that they moved."),
    gauge("card_orders_pending", Unit::Count, "Orders that deposit has not answered."),
    gauge(
        "card_orders_oldest_seconds",
        Unit::Seconds,
        "For how long the oldest of them has been pending.",
    ),
    gauge(
        "card_sweep_behind_seconds",
        Unit::Seconds,
        "How far back holds have been compared with authorizations.",
    ),
    gauge("card_clearing_posting", Unit::Count, "Clearing records that are being posted."),
    gauge("card_clearing_exceptions_open", Unit::Count, "Clearing records that need a person."),
    gauge(
        "card_settlement_breaks_open",
        Unit::Count,
        "Differences between scheme and bank that are not resolved.",
    ),
    gauge(
        "card_receivable_minor",
        Unit::Count,
        "What holders owe for payments that their accounts could not pay.",
    ),
    gauge(
        "card_business_date_seconds",
        Unit::Seconds,
        "The business date that decisions are made on: its midnight UTC, Unix time.",
    ),
];

/// Of the gateway.
const GATEWAY_METRICS: &[Metric] = &[
    counter(
        "iso8583_messages_total",
        Unit::Count,
        "Messages of the scheme that were answered, by kind and response code.",
    ),
    histogram(
        "iso8583_duration_seconds",
        Unit::Seconds,
        "From a message's arrival until its answer is ready.",
    ),
    counter(
        "iso8583_timeouts_total",
        Unit::Count,
        "Authorizations without an outcome in time, which the gateway reverses itself.",
    ),
    counter("iso8583_unanswered_total", Unit::Count, "Messages that got no answer, by why."),
    counter(
        "iso8583_malformed_total",
        Unit::Count,
        "Messages that could not be read, by what was done.",
    ),
    counter("iso8583_closed_total", Unit::Count, "Connections that ended, by why."),
    gauge("iso8583_connections", Unit::Count, "Connections of the scheme that are open."),
    gauge("iso8583_signed_on", Unit::Count, "Connections that are signed on."),
    gauge("iso8583_in_flight", Unit::Count, "Messages under way."),
];

const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Tells what the metrics are. Those that somebody is called for begin at zero, so that the first is seen.
pub fn describe() {
    telemetry::describe(METRICS);
    telemetry::describe(GATEWAY_METRICS);
    let labels = [("kind", "ISSUE_CARD"), ("reason", "REQUEST_ID_REUSED")];
    metrics::counter!("card_refused_total", &labels).increment(0);
    metrics::counter!("card_replayed_total").increment(0);
}

/// What a batch adds to the counters, once it is committed. All texts are codes of ours, from closed lists.
#[derive(Debug, Default)]
pub struct Tally {
    authorized: Vec<[&'static str; 3]>,
    done: Vec<&'static str>,
    refused: Vec<[&'static str; 2]>,
    replayed: u64,
    orders: Vec<([&'static str; 2], Currency, i64)>,
}

impl Tally {
    /// A request of the scheme was decided: its kind, its channel and the response code.
    pub fn authorized(
        &mut self,
        kind: &'static str,
        channel: &'static str,
        response_code: &'static str,
    ) {
        self.authorized.push([kind, channel, response_code]);
    }

    /// Another request was done.
    pub fn done(&mut self, kind: &'static str) {
        self.done.push(kind);
    }

    /// A request was refused.
    pub fn refused(&mut self, kind: &'static str, reason: &'static str) {
        self.refused.push([kind, reason]);
    }

    /// A request came again and was answered as before.
    pub fn replayed(&mut self) {
        self.replayed = self.replayed.saturating_add(1);
    }

    /// An order has ended, and moved so much.
    pub fn order_ended(
        &mut self,
        kind: &'static str,
        result: &'static str,
        (currency, moved_minor): (Currency, i64),
    ) {
        self.orders.push(([kind, result], currency, moved_minor));
    }

    /// Adds it to the counters.
    pub fn count(self) {
        for [kind, channel, code] in self.authorized {
            let labels = [("kind", kind), ("channel", channel), ("response_code", code)];
            metrics::counter!("card_authorizations_total", &labels).increment(1);
        }
        for kind in self.done {
            metrics::counter!("card_done_total", "kind" => kind).increment(1);
        }
        for [kind, reason] in self.refused {
            let labels = [("kind", kind), ("reason", reason)];
            metrics::counter!("card_refused_total", &labels).increment(1);
        }
        if self.replayed > 0 {
            metrics::counter!("card_replayed_total").increment(self.replayed);
        }
        for ([kind, result], currency, minor) in self.orders {
            let labels = [("kind", kind), ("result", result)];
            metrics::counter!("card_orders_total", &labels).increment(1);
            let labels = [("kind", kind.to_owned()), ("currency", currency.to_string())];
            let minor = u64::try_from(minor).unwrap_or_default();
            metrics::counter!("card_moved_minor_total", &labels).increment(minor);
        }
    }
}

/// Looks at what is open and the business date until `stop`.
pub async fn watch(pool: ReadPool, clock: Arc<dyn Clock>, stop: CancellationToken) {
    loop {
        // Without an answer the last ones stand; that the database does not answer shows elsewhere.
        if let Ok(standing) = look(&pool).await {
            show(&standing, clock.now());
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

async fn look(pool: &ReadPool) -> Result<standing::Standing, db::Error> {
    let mut reader = pool.reader(Freshness::Any).await?;
    standing::look(reader.conn()).await
}

fn show(standing: &standing::Standing, now: DateTime<Utc>) {
    let count = |count: i64| u32::try_from(count.max(0)).unwrap_or(u32::MAX);
    let age = |since: Option<DateTime<Utc>>| {
        let age = since.map(|since| now.signed_duration_since(since));
        age.and_then(|age| age.to_std().ok()).unwrap_or_default().as_secs_f64()
    };
    metrics::gauge!("card_orders_pending").set(count(standing.pending));
    metrics::gauge!("card_orders_oldest_seconds").set(age(standing.pending_since));
    metrics::gauge!("card_sweep_behind_seconds").set(age(standing.swept_until));
    metrics::gauge!("card_clearing_posting").set(count(standing.posting));
    metrics::gauge!("card_clearing_exceptions_open").set(count(standing.exceptions));
    metrics::gauge!("card_settlement_breaks_open").set(count(standing.breaks));
    metrics::gauge!("card_receivable_minor").set(count(standing.receivable_minor));
    if let Some(date) = standing.business_date {
        let midnight = date.as_date().and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
        metrics::gauge!("card_business_date_seconds").set(count(midnight));
    }
}
