//! What the end of a day with many loans took.

#![expect(clippy::float_arithmetic, reason = "statistics, not money")]

use std::fmt;

use proto::loan::v1::EndOfDay;
use serde::Serialize;
use testkit::invariants::Report as Audit;

use crate::report::{ratio, tenths, text};
use crate::surge::bars::Bar;

/// A million loans in two minutes.
const LOANS_PER_SECOND: f64 = 1_000_000.0 / 120.0;
/// With fewer, what is done once for all of them counts too much.
const LOANS_WORTH_A_BAR: i64 = 100_000;

/// What is in the figure, for whoever reads only the JSON.
const MEASURED: &str = "from began_at to finished_at of GetEndOfDay: collecting what is due from the linked accounts, \
    one call to deposit each; interest, arrears, categories and provision of every loan; with its outbox rows, on a \
    synchronous replica. The loans were copied into the database; that and the two weeks before are not in the figure";

/// One business date that was ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Day {
    /// Which, ISO 8601.
    pub business_date: String,
    /// Loans that were calculated.
    pub loans: i64,
    /// Collections that were tried.
    pub collections: i64,
    /// Of those, that brought everything that was due.
    pub collected: i64,
    /// How long it took.
    pub seconds: f64,
    /// Loans over seconds.
    pub loans_per_second: f64,
}

impl Day {
    /// As the bank says itself.
    pub(super) fn of(day: &EndOfDay) -> Self {
        let micros = day.finished_at_us.saturating_sub(day.began_at_us).max(1);
        let seconds = ratio(micros.unsigned_abs(), 1_000_000);
        let loans = ratio(day.calculated.unsigned_abs(), 1);
        Self {
            business_date: day.business_date.clone(),
            loans: day.calculated,
            collections: day.collections,
            collected: day.collected,
            seconds: tenths(seconds),
            loans_per_second: tenths(loans / seconds),
        }
    }
}

/// Everything that was found out.
#[derive(Debug, Clone, Serialize)]
pub struct EndOfDayReport {
    /// Whether the bars are met and the books agree.
    pub passed: bool,
    /// When it began.
    pub started_at: String,
    /// Loans of the measured day.
    pub loans: i64,
    /// Instalments of each.
    pub instalments_each: i32,
    /// Accounts that they are collected from.
    pub accounts: u32,
    /// How long the measured day took.
    pub seconds: f64,
    /// Loans over seconds.
    pub loans_per_second: f64,
    /// What is in these figures, and what is not.
    pub what_was_measured: &'static str,
    /// The day that is measured.
    pub day: Day,
    /// The one before, which caught up two weeks: each loan once, over all of these days.
    pub catching_up: Day,
    /// Standbys that a commit waits for.
    pub sync_replicas: i64,
    /// What the figures must be; none with few loans.
    pub bars: Vec<Bar>,
    /// The books afterwards.
    pub audit: Audit,
}

impl EndOfDayReport {
    /// Puts a report together.
    pub(super) fn of(
        [catching_up, day]: [Day; 2],
        (accounts, instalments_each, sync_replicas): (u32, i32, i64),
        started_at: String,
        audit: Audit,
    ) -> Self {
        let mut bars = Vec::new();
        if day.loans >= LOANS_WORTH_A_BAR {
            let bound = tenths(ratio(day.loans.unsigned_abs(), 1) / LOANS_PER_SECOND);
            bars.push(Bar::at_most("the end of the measured day", Some(day.seconds), "s", bound));
        }
        Self {
            passed: audit.passed && bars.iter().all(|bar| bar.passed),
            started_at,
            loans: day.loans,
            instalments_each,
            accounts,
            seconds: day.seconds,
            loans_per_second: day.loans_per_second,
            what_was_measured: MEASURED,
            day,
            catching_up,
            sync_replicas,
            bars,
            audit,
        }
    }
}

impl fmt::Display for EndOfDayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::audit(&self.audit))?;
        let Self { loans, instalments_each, accounts, sync_replicas, .. } = self;
        writeln!(
            f,
            "end of day: {loans} loans of {instalments_each} instalments on {accounts} accounts, {sync_replicas} \
             synchronous replicas"
        )?;
        for (what, day) in
            [("two weeks at once", &self.catching_up), ("the measured day", &self.day)]
        {
            writeln!(
                f,
                "  {what}, {}: {:.1} s, {:.0} loans per second, {} collections of which {} in full",
                day.business_date,
                day.seconds,
                day.loans_per_second,
                day.collections,
                day.collected
            )?;
        }
        for bar in &self.bars {
            writeln!(f, "{}", crate::surge::text::line(bar))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(calculated: i64, seconds: i64) -> Day {
        Day::of(&EndOfDay {
            business_date: "2026-11-17".to_owned(),
            finished: true,
            loans: calculated,
            calculated,
            collections: 10,
            collected: 9,
            began_at_us: 1_000_000,
            finished_at_us: 1_000_000 + seconds * 1_000_000,
        })
    }

    fn report(day: Day) -> EndOfDayReport {
        let started_at = String::new();
        EndOfDayReport::of([ended(1, 1), day], (1, 6, 1), started_at, Audit::of(Vec::new()))
    }

    #[test]
    fn a_million_loans_may_take_two_minutes_and_no_longer() {
        assert!(report(ended(1_000_000, 120)).passed);
        assert!(!report(ended(1_000_000, 121)).passed);
        assert!(report(ended(500_000, 60)).passed);
    }

    #[test]
    fn few_loans_have_no_bar() {
        let report = report(ended(100, 100));

        assert!(report.passed && report.bars.is_empty());
        assert!((report.loans_per_second - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_text_tells_both_days() {
        let text = report(ended(1_000_000, 50)).to_string();

        assert!(
            text.contains("the measured day, 2026-11-17: 50.0 s, 20000 loans per second"),
            "{text}"
        );
        assert!(text.contains("PASS"), "{text}");
    }
}
