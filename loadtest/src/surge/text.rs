//! The report for a terminal: a table for each control, then the bars.

#![expect(clippy::float_arithmetic, reason = "statistics, not money")]

use std::fmt::Write as _;

use super::bars::Bar;
use super::mix::Class;
use super::report::{ModeReport, StepReport, SurgeReport, recovered_after};
use crate::report::text::audit;

/// The whole surge.
pub fn surge(report: &SurgeReport) -> String {
    let mut text = String::new();
    write(&mut text, report).ok();
    text
}

fn write(text: &mut String, report: &SurgeReport) -> std::fmt::Result {
    writeln!(
        text,
        "surge: capacity pinned to {:.0} writes and {:.0} reads per second\n  by {}",
        report.capacity.writes_per_s, report.capacity.reads_per_s, report.pinned
    )?;
    for mode in &report.modes {
        write_mode(text, mode)?;
    }
    if let Some(books) = &report.audit {
        text.push_str(&audit(books));
    }
    writeln!(
        text,
        "  without an outcome at first: {} found out, {} not",
        report.resolved, report.unresolved
    )?;
    for trouble in &report.troubles {
        writeln!(text, "  trouble: {trouble}")?;
    }
    for bar in &report.bars {
        writeln!(text, "{}", line(bar))?;
    }
    Ok(())
}

fn write_mode(text: &mut String, mode: &ModeReport) -> std::fmt::Result {
    writeln!(
        text,
        "control {}\n  load %  offered/s  good/s  p50 ms  p99 ms  told ms   card    pay  query  late dec.  jain  lim. w/r  lag ms  cores: gen svc pg",
        mode.control.name()
    )?;
    for step in &mode.steps {
        write_step(text, step, "")?;
    }
    if let Some(step) = &mode.recovery {
        let note = recovered_after(&step.timeline, 0.95).map_or_else(
            || "not recovered".to_owned(),
            |seconds| format!("95 % again after {seconds} s"),
        );
        write_step(text, step, &note)?;
    }
    for (step, note) in mode.slow.iter().zip(["before", "database slow", "after"]) {
        write_step(text, step, note)?;
    }
    Ok(())
}

fn write_step(text: &mut String, step: &StepReport, note: &str) -> std::fmt::Result {
    let percent = |class| step.success(class) * 100.0;
    let limits = step.write_limit.zip(step.read_limit);
    let limits =
        limits.map_or_else(|| "-".to_owned(), |(write, read)| format!("{write:.0}/{read:.0}"));
    let cpu = &step.cpu_cores;
    writeln!(
        text,
        "  {:>6} {:>10.0} {:>7.0} {:>7.1} {:>7.1} {:>8.1} {:>6.2} {:>6.2} {:>6.2} {:>10} {:>5.2} {:>9} {:>7.1} {:>10.2} {:.2} {:.2}  {note}",
        step.percent,
        step.offered_per_s,
        step.goodput_per_s,
        step.admitted_p50_ms,
        step.admitted_p99_ms,
        step.rejected_p99_ms,
        percent(Class::CardAuthorization),
        percent(Class::Payment),
        percent(Class::Query),
        format!("{}/{}ms", step.books.after_deadline, step.books.latest_ms),
        step.jain,
        limits,
        step.generator_lag_ms_p99,
        cpu.generator,
        cpu.services,
        cpu.primary + cpu.replicas,
    )
}

/// One bar with its verdict.
pub fn line(bar: &Bar) -> String {
    let verdict = if bar.passed { "PASS" } else { "MISS" };
    let unit = if bar.unit.is_empty() { String::new() } else { format!(" {}", bar.unit) };
    let figure =
        bar.figure.map_or_else(|| "not measured".to_owned(), |figure| format!("{figure:.4}{unit}"));
    format!("{verdict}  {}: {figure}, {} {}{unit}", bar.name, bar.must, bar.bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_says_its_verdict_its_figure_and_its_bound() {
        let bar = Bar {
            name: "back to 95%",
            figure: Some(1.0),
            unit: "s",
            must: "at most",
            bound: 10.0,
            passed: true,
        };

        assert_eq!(line(&bar), "PASS  back to 95%: 1.0000 s, at most 10 s");
        let missed = Bar { figure: None, passed: false, ..bar };
        assert_eq!(line(&missed), "MISS  back to 95%: not measured, at most 10 s");
    }
}
