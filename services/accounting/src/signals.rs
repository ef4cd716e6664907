//! What accounting shows of its business: every metric of its own, and a look at the business dates and the tie-out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveTime, Utc};
use kernel::{BusinessDate, Clock};
use metrics::Unit;
use platform::db::{Freshness, ReadPool};
use platform::telemetry::{self, Metric, counter, gauge, histogram};
use tokio_util::sync::CancellationToken;

use crate::clients::SubLedgers;
use crate::domain::{Rulebook, TieOut};
use crate::store::{days, read};

const METRICS: &[Metric] = &[
    counter(
        "accounting_batches_total",
        Unit::Count,
        "Batches that were delivered, and what became of them.",
    ),
    counter(
        "accounting_events_booked_total",
        Unit::Count,
        "Events that are in the books, by kind.",
    ),
    histogram("accounting_posting_lag_seconds", Unit::Seconds, "From a posting to its journal."),
    gauge(
        "accounting_business_date_seconds",
        Unit::Seconds,
        "The bank's business date: its midnight UTC, Unix time.",
    ),
    gauge(
        "accounting_business_date_opened_at_seconds",
        Unit::Seconds,
        "When it was opened, Unix time.",
    ),
    gauge(
        "accounting_cut_over_waiting_seconds",
        Unit::Seconds,
        "For how long the date that was left has not been closed; 0 where it has.",
    ),
    gauge(
        "accounting_cut_over_unconfirmed_sources",
        Unit::Count,
        "Sources that have not confirmed the date that was left.",
    ),
    gauge("accounting_tie_out_agrees", Unit::Count, "Whether the last closed date ties out."),
    gauge(
        "accounting_tie_out_difference_minor",
        Unit::Count,
        "Minor units between ledger and sub-ledgers on the last closed date.",
    ),
    gauge(
        "accounting_tie_out_at_seconds",
        Unit::Seconds,
        "When that was last compared, Unix time.",
    ),
];

const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A closed date does not change; what is wrong with it may be put right.
const COMPARE_EVERY: Duration = Duration::from_hours(1);
const COMPARE_AGAIN: Duration = Duration::from_mins(1);

/// Tells what the metrics are.
pub fn describe() {
    telemetry::describe(METRICS);
    for outcome in ["booked", "duplicate", "refused"] {
        metrics::counter!("accounting_batches_total", "outcome" => outcome).increment(0);
    }
}

/// Looks at the business dates, and compares the last one that was closed with its sub-ledgers.
pub struct Watch {
    /// Where the books are.
    pub reads: ReadPool,
    /// Which accounts control which products.
    pub rulebook: Arc<Rulebook>,
    /// Who must confirm a date.
    pub sources: Vec<String>,
    /// What the control accounts are held against.
    pub sub_ledgers: SubLedgers,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl Watch {
    /// Looks until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let (mut compared, mut due, mut failing) = (None, self.clock.now(), false);
        loop {
            // Without an answer the last ones stand; that the database does not answer shows elsewhere.
            if let Ok(Some(closed)) = self.look().await
                && (compared != Some(closed) || due <= self.clock.now())
            {
                let again = match self.compare(closed).await {
                    Ok(agrees) => {
                        (compared, failing) = (Some(closed), false);
                        if agrees { COMPARE_EVERY } else { COMPARE_AGAIN }
                    }
                    Err(error) => {
                        if !failing {
                            tracing::warn!(error = %format!("{error:#}"), "no tie-out; trying on");
                        }
                        failing = true;
                        Duration::ZERO
                    }
                };
                due = self.clock.now() + again;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Shows the business dates; answers the last one that was closed.
    async fn look(&self) -> anyhow::Result<Option<BusinessDate>> {
        let mut reader = self.reads.reader(Freshness::Primary).await?;
        let Some((days, opened_at)) = days::standing(reader.conn()).await? else { return Ok(None) };
        let midnight = days.current.as_date().and_time(NaiveTime::MIN).and_utc();
        metrics::gauge!("accounting_business_date_seconds").set(unix(midnight));
        metrics::gauge!("accounting_business_date_opened_at_seconds").set(unix(opened_at));
        // The date was left when the one after it was opened.
        let since =
            days.closing.as_ref().map(|_| self.clock.now().signed_duration_since(opened_at));
        let since = since.and_then(|age| age.to_std().ok()).unwrap_or_default();
        metrics::gauge!("accounting_cut_over_waiting_seconds").set(since.as_secs_f64());
        let unconfirmed = days.closing.as_ref().map_or(0, |closing| {
            self.sources.iter().filter(|source| !closing.confirmed.contains(*source)).count()
        });
        let unconfirmed = u32::try_from(unconfirmed).unwrap_or(u32::MAX);
        metrics::gauge!("accounting_cut_over_unconfirmed_sources").set(unconfirmed);
        let open = days.closing.map_or(days.current, |closing| closing.date);
        let closed = open.as_date().pred_opt().map(BusinessDate::from_date);
        Ok(closed.filter(|date| *date >= days.first))
    }

    /// Nothing is added to either side of a closed date, so the two can be read one after the other.
    async fn compare(&self, date: BusinessDate) -> anyhow::Result<bool> {
        let sub_ledger = self.sub_ledgers.day_totals(date).await?;
        let mut reader = self.reads.reader(Freshness::Primary).await?;
        let ledger: BTreeMap<_, _> = read::turnovers(reader.conn(), date).await?;
        let tie_out = TieOut::compare(self.rulebook.chart(), &ledger, &sub_ledger.totals);
        let agrees = tie_out.agrees();
        metrics::gauge!("accounting_tie_out_agrees").set(u8::from(agrees));
        let mut by_currency: BTreeMap<_, u64> = BTreeMap::new();
        for line in &tie_out.lines {
            let difference = by_currency.entry(line.currency).or_default();
            *difference = difference.saturating_add(line.difference_minor());
        }
        for (currency, difference) in by_currency {
            let shown = u32::try_from(difference).unwrap_or(u32::MAX);
            let currency = currency.to_string();
            metrics::gauge!("accounting_tie_out_difference_minor", "currency" => currency)
                .set(shown);
        }
        metrics::gauge!("accounting_tie_out_at_seconds").set(unix(self.clock.now()));
        if agrees {
            tracing::info!(business_date = %date, "the date ties out");
        } else {
            tracing::error!(business_date = %date, "the date does not tie out");
        }
        Ok(agrees)
    }
}

fn unix(at: DateTime<Utc>) -> u32 {
    u32::try_from(at.timestamp()).unwrap_or_default()
}
