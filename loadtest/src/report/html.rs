//! The report as one HTML file that opens anywhere, without a network: style and drawings are inside, there is no
//! script, and it follows the reader's light or dark setting.

#![expect(clippy::float_arithmetic, reason = "statistics, not money")]

use std::fmt::Write as _;

use testkit::invariants::{Check, Report as Audit};

use super::plot::{Axis, Line, Scale, chart, thousands};
use super::{RunReport, ratio};

/// The style of every page.
pub(crate) const STYLE: &str = include_str!("style.css");

/// A page about one or more runs, in the order in which they took place.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// The heading.
    pub title: &'a str,
    /// The result in one sentence; empty where there is none.
    pub verdict: &'a str,
    /// Each with the heading of its section.
    pub runs: &'a [(&'a str, &'a RunReport)],
    /// The audit after all of them; absent where it was not asked for.
    pub audit: Option<&'a Audit>,
}

impl Page<'_> {
    /// The whole file.
    pub fn render(&self) -> String {
        let mut html = String::with_capacity(1 << 16);
        self.write(&mut html).ok();
        html
    }

    fn write(&self, html: &mut String) -> std::fmt::Result {
        let title = escape(self.title);
        write!(
            html,
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>"
        )?;
        if let Some((_, first)) = self.runs.first() {
            write!(html, "<p class=\"soft\">{}</p>", escape(&setting(first)))?;
        }
        if !self.verdict.is_empty() {
            write!(html, "<p class=\"verdict\">{}</p>", escape(self.verdict))?;
        }
        if let Some(audit) = self.audit {
            write_verdict(html, audit)?;
        }
        for (heading, report) in self.runs {
            write_run(html, heading, report)?;
        }
        if let Some(audit) = self.audit {
            write_audit(html, audit)?;
        }
        html.push_str(NOTES);
        html.push_str("</main></body></html>\n");
        Ok(())
    }
}

const NOTES: &str = "<h2>How to read this</h2>\
    <p>Latency counts from the moment a request was due, not from when it was sent: when the bank stalls, every request \
    that had to wait is slow. Generator lag is the part of it that the generator itself caused. Percentiles over time \
    are of the mutating requests that ended in each second.</p>\
    <p>Every request was written to the client's own record before it was sent. Requests without an answer were sent \
    again under the same id until the bank had decided them; then the record was compared with the books (V5).</p>";

fn setting(report: &RunReport) -> String {
    format!(
        "{} · {} accounts · synchronous replicas: {} · traces exported: {} · mTLS: {}",
        report.started_at,
        thousands(ratio(u64::try_from(report.accounts).unwrap_or(0), 1)),
        report.sync_replicas,
        yes(report.tracing),
        yes(report.mtls)
    )
}

const fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

fn write_verdict(html: &mut String, audit: &Audit) -> std::fmt::Result {
    let failed: Vec<&str> =
        audit.checks.iter().filter(|check| !check.passed).map(|c| c.id).collect();
    if failed.is_empty() {
        write!(
            html,
            "<p class=\"good\">The audit passed: {} checks, nothing contradicts the books.</p>",
            audit.checks.len()
        )
    } else {
        write!(html, "<p class=\"bad\">The audit failed: {}.</p>", escape(&failed.join(", ")))
    }
}

fn write_run(html: &mut String, heading: &str, report: &RunReport) -> std::fmt::Result {
    let pace = report.rate.map_or_else(
        || format!("Closed loop with {} requests in flight", report.in_flight.unwrap_or(0)),
        |rate| format!("Open loop at {rate} requests per second"),
    );
    let early = if report.interrupted { ", interrupted" } else { "" };
    write!(
        html,
        "<h2>{}</h2><p>{pace} for {:.0} s{early}. {}: {}.</p><ul class=\"tiles\">",
        escape(heading),
        report.seconds,
        escape(&report.scenario),
        escape(&report.description)
    )?;
    for (figure, what) in tiles(report) {
        write!(html, "<li><b>{}</b><span>{}</span></li>", escape(&figure), escape(what))?;
    }
    html.push_str("</ul>");
    html.push_str(&throughput(report));
    html.push_str(&latency_over_time(report));
    html.push_str(&distribution(report));
    write_latencies(html, report)
}

fn tiles(report: &RunReport) -> Vec<(String, &'static str)> {
    let slowest = |pick: fn(&crate::meter::Percentiles) -> f64| {
        let writes = report
            .latency_ms
            .iter()
            .filter(|(name, _)| !name.starts_with("get_") && !name.starts_with("list_"));
        let worst = writes.map(|(_, percentiles)| pick(percentiles)).fold(0.0_f64, f64::max);
        format!("{worst:.1} ms")
    };
    let mut tiles = vec![
        (thousands(report.tps), "posted per second"),
        (thousands(ratio(report.acked, 1)), "posted and durable"),
        (slowest(|p| p.p50), "median latency"),
        (slowest(|p| p.p99), "99th percentile"),
        (
            format!("{} / {} / {}", report.refused, report.shed, report.failed),
            "refused / shed / failed",
        ),
        (format!("{} → {}", report.unknown, report.unknown_left), "unknown → unresolved"),
    ];
    if report.queries.total > 0 {
        let share = format!("{:.1}%", report.queries.replica_share * 100.0);
        tiles.push((share, "queries from a replica"));
        tiles.push((report.queries.stale.to_string(), "stale reads"));
    }
    tiles.push((format!("{:.0} ms", report.outbox_age_ms_p99), "outbox age, p99"));
    tiles.push((
        report.drained_ms.map_or_else(|| "over 60 s".to_owned(), |ms| format!("{ms:.0} ms")),
        "outbox drained",
    ));
    tiles.push((format!("{:.0} MB", report.memory_mb.services), "memory of the services"));
    tiles.push((format!("{:.0} MB", report.memory_mb.total), "with Postgres"));
    tiles.push((format!("{:.2} ms", report.generator_lag_ms_p99), "generator lag, p99"));
    tiles
}

const TIME: Axis = Axis { label: "seconds since the start", scale: Scale::Linear };

fn over_time(name: &str, report: &RunReport, pick: impl Fn(&crate::meter::Second) -> f64) -> Line {
    // What was answered after the last request was sent is no whole second.
    let whole =
        report.timeline.iter().filter(|second| ratio(second.second + 1, 1) <= report.seconds);
    let points = whole.map(|second| (ratio(second.second, 1), pick(second))).collect();
    Line { name: name.to_owned(), points }
}

fn throughput(report: &RunReport) -> String {
    let mut lines = vec![over_time("posted", report, |second| ratio(second.posted, 1))];
    if report.queries.total > 0 {
        lines.push(over_time("queries answered", report, |second| ratio(second.answered, 1)));
    }
    chart("Throughput over time", TIME, Axis { label: "per second", scale: Scale::Linear }, &lines)
}

fn latency_over_time(report: &RunReport) -> String {
    let lines = [
        over_time("slowest", report, |second| second.max_ms),
        over_time("99th percentile", report, |second| second.p99_ms),
        over_time("median", report, |second| second.p50_ms),
    ];
    chart(
        "Latency of requests over time",
        TIME,
        Axis { label: "milliseconds", scale: Scale::Log },
        &lines,
    )
}

fn distribution(report: &RunReport) -> String {
    let line = |(name, points): &(&str, Vec<(f64, f64)>)| Line {
        name: (*name).to_owned(),
        points: points.clone(),
    };
    let lines: Vec<Line> = report.distributions.iter().map(line).collect();
    let x =
        Axis { label: "share of the requests that were at most this slow", scale: Scale::Quantile };
    chart("Latency by operation", x, Axis { label: "milliseconds", scale: Scale::Log }, &lines)
}

fn write_latencies(html: &mut String, report: &RunReport) -> std::fmt::Result {
    html.push_str(
        "<div class=\"scroll\"><table><tr><th>Operation, ms</th><th class=\"n\">count</th><th class=\"n\">p50</th>\
         <th class=\"n\">p90</th><th class=\"n\">p99</th><th class=\"n\">p99.9</th><th class=\"n\">max</th></tr>",
    );
    for (operation, p) in &report.latency_ms {
        write!(
            html,
            "<tr><td>{operation}</td><td class=\"n\">{}</td>",
            thousands(ratio(p.count, 1))
        )?;
        for figure in [p.p50, p.p90, p.p99, p.p999, p.max] {
            write!(html, "<td class=\"n\">{figure:.2}</td>")?;
        }
        html.push_str("</tr>");
    }
    html.push_str("</table></div>");
    Ok(())
}

pub(crate) fn write_audit(html: &mut String, audit: &Audit) -> std::fmt::Result {
    html.push_str(
        "<h2>Audit of the books</h2><div class=\"scroll\"><table><tr><th>Check</th><th>What must be true</th>\
         <th class=\"n\">Examined</th><th>Result</th></tr>",
    );
    for check in &audit.checks {
        write_check(html, check)?;
    }
    html.push_str("</table></div>");
    Ok(())
}

fn write_check(html: &mut String, check: &Check) -> std::fmt::Result {
    write!(html, "<tr><td>{}</td><td>{}", check.id, escape(check.name))?;
    if !check.violations.is_empty() {
        html.push_str("<ul>");
        for violation in &check.violations {
            write!(html, "<li>{}</li>", escape(violation))?;
        }
        html.push_str("</ul>");
    }
    let (class, result) = if check.passed { ("good", "passed") } else { ("bad", "failed") };
    let examined = thousands(ratio(check.examined, 1));
    write!(html, "</td><td class=\"n\">{examined}</td><td class=\"{class}\">{result}</td></tr>")
}

/// Text that may stand anywhere in the page.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    fn page() -> String {
        let report = report();
        let runs = [("At the peak of the day", &report)];
        let audit = report.verify.as_ref();
        Page { title: "Load & audit", verdict: "it works", runs: &runs, audit }.render()
    }

    #[test]
    fn the_page_refers_to_nothing_outside_itself() {
        let html = page().to_lowercase();

        for trace in ["http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link"] {
            assert!(!html.contains(trace), "{trace}");
        }
    }

    #[test]
    fn the_page_shows_verdict_plots_figures_and_violations() {
        let html = page();

        for text in
            ["it works", "Throughput over time", "Latency by operation", "The audit failed: V5."]
        {
            assert!(html.contains(text), "{text}");
        }
        assert_eq!(html.matches("<svg").count(), 3);
        assert!(html.contains("request &lt;1&gt;: lost &amp; found"));
        assert!(!html.contains("NaN") && !html.contains("inf"), "a figure that is none");
    }
}
