//! The report for a terminal: one screen.

use std::fmt::Write as _;

use testkit::invariants::Report as Audit;

use super::RunReport;

/// One run in about fifteen lines.
pub fn run(report: &RunReport) -> String {
    let mut text = String::new();
    write_run(&mut text, report).ok();
    if let Some(audit) = &report.verify {
        text.push_str(&self::audit(audit));
    }
    text
}

fn write_run(text: &mut String, report: &RunReport) -> std::fmt::Result {
    let pace = match (report.rate, report.in_flight) {
        (Some(rate), _) => format!("{rate}/s offered, open loop"),
        (None, in_flight) => format!("flat out with {} in flight", in_flight.unwrap_or(0)),
    };
    writeln!(
        text,
        "{} for {:.0} s, {pace}: {:.0} posted per second",
        report.scenario, report.seconds, report.tps
    )?;
    writeln!(
        text,
        "  offered {}  acked {}  refused {}  shed {}  failed {}  unknown {} (resolved {}, left {})",
        report.offered,
        report.acked,
        report.refused,
        report.shed,
        report.failed,
        report.unknown,
        report.unknown_resolved,
        report.unknown_left
    )?;
    writeln!(text, "  latency in ms         p50      p90      p99    p99.9      max")?;
    for (operation, p) in &report.latency_ms {
        writeln!(
            text,
            "  {operation:<16} {:>8.1} {:>8.1} {:>8.1} {:>8.1} {:>8.1}",
            p.p50, p.p90, p.p99, p.p999, p.max
        )?;
    }
    if report.queries.total > 0 {
        let queries = &report.queries;
        writeln!(
            text,
            "  queries {}  by a replica {:.1}%  stale {}  shed {}  failed {}",
            queries.total,
            percent(queries.replica_share),
            queries.stale,
            queries.shed,
            queries.failed
        )?;
    }
    let drained =
        report.drained_ms.map_or_else(|| "not in 60 s".to_owned(), |ms| format!("in {ms:.0} ms"));
    writeln!(text, "  outbox age p99 {:.0} ms, drained {drained}", report.outbox_age_ms_p99)?;
    let (memory, cpu) = (&report.memory_mb, &report.cpu_cores);
    writeln!(
        text,
        "  memory: services {:.0} MB, Postgres {:.0} MB; cores busy: services {:.2}, primary {:.2}, replicas {:.2}, \
         generator {:.2}",
        memory.services, memory.postgres, cpu.services, cpu.primary, cpu.replicas, cpu.generator
    )?;
    writeln!(
        text,
        "  generator lag p99 {:.2} ms; synchronous replicas {}, tracing {}, mTLS {}",
        report.generator_lag_ms_p99,
        report.sync_replicas,
        on_off(report.tracing),
        on_off(report.mtls)
    )?;
    for (reason, count) in &report.refusals {
        writeln!(text, "  refused: {count}× {reason}")?;
    }
    for trouble in &report.troubles {
        writeln!(text, "  trouble: {trouble}")?;
    }
    Ok(())
}

/// The audit, one line a check, violations below.
pub fn audit(audit: &Audit) -> String {
    let mut text = String::new();
    for check in &audit.checks {
        let verdict = if check.passed { "ok  " } else { "FAIL" };
        writeln!(text, "  {} {verdict} {} ({} examined)", check.id, check.name, check.examined)
            .ok();
        for violation in &check.violations {
            writeln!(text, "       {violation}").ok();
        }
    }
    text
}

const fn on_off(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}

#[expect(clippy::float_arithmetic, reason = "statistics, not money")]
fn percent(share: f64) -> f64 {
    share * 100.0
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_text_shows_the_figures_and_the_violations() {
        let text = super::run(&crate::report::tests::report());

        assert!(text.contains("acked 29"), "{text}");
        assert!(text.contains("by a replica 80.0%"), "{text}");
        assert!(text.contains("V5 FAIL"), "{text}");
        assert!(text.contains("lost & found"), "{text}");
    }
}
