//! The report as one HTML file: curves over the offered load with all controls in one plot each, and the time line of
//! the slow database.

use std::fmt::Write as _;

use super::mix::Class;
use super::report::{ModeReport, SecondReport, StepReport, SurgeReport};
use super::text::line;
use crate::report::html::{STYLE, escape, write_audit};
use crate::report::plot::{Axis, Line, Scale, chart};
use crate::report::ratio;

const LOAD: Axis = Axis { label: "offered, percent of the capacity", scale: Scale::Log };
const RATE: Axis = Axis { label: "answered in time, per second", scale: Scale::Linear };
const LATENCY: Axis = Axis { label: "p99 of those let in, milliseconds", scale: Scale::Log };
const PART: Axis = Axis { label: "answered in time, percent", scale: Scale::Linear };
const TIME: Axis = Axis { label: "seconds", scale: Scale::Linear };

/// The whole file.
pub fn page(report: &SurgeReport) -> String {
    let mut html = String::with_capacity(1 << 16);
    write(&mut html, report).ok();
    html
}

fn write(html: &mut String, report: &SurgeReport) -> std::fmt::Result {
    write!(
        html,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Surge</title><style>{STYLE}</style></head><body><main><h1>Surge</h1>\
         <p class=\"soft\">{}</p>\
         <p>Capacity is pinned to {:.0} writes and {:.0} reads per second, by {}: the generator shares the processors with \
         the bank, and a surge against its real capacity would measure who gets them. Callers wait {} ms and never hold \
         back. Each step took {} s.</p>",
        escape(&report.started_at),
        report.capacity.writes_per_s,
        report.capacity.reads_per_s,
        escape(&report.pinned),
        report.deadline_ms,
        report.step_seconds,
    )?;
    for bar in &report.bars {
        let class = if bar.passed { "good" } else { "bad" };
        write!(html, "<p class=\"{class}\">{}</p>", escape(&line(bar)))?;
    }
    curves(html, &report.modes);
    for mode in &report.modes {
        write_mode(html, mode)?;
    }
    if let Some(audit) = &report.audit {
        write_audit(html, audit)?;
    }
    html.push_str(NOTES);
    html.push_str("</main></body></html>\n");
    Ok(())
}

const NOTES: &str = "<h2>How to read this</h2>\
    <p>Latency counts from the moment a call was due. A call is answered in time when the bank has done or refused it \
    within the deadline. Who was turned away for overload is not among those let in; who waited in vain is. Card \
    authorizations are asked for at the same rate at every step; payments and queries are what grows, most of them from \
    one abusive caller.</p>";

fn curves(html: &mut String, modes: &[ModeReport]) {
    let plot = |title: &str, y: Axis, pick: &dyn Fn(&StepReport) -> f64| {
        let lines: Vec<Line> =
            modes.iter().map(|mode| curve(mode, mode.control.name(), pick)).collect();
        chart(title, LOAD, y, &lines)
    };
    html.push_str("<h2>More and more load</h2>");
    html.push_str(&plot("Goodput", RATE, &|step| step.goodput_per_s));
    html.push_str(&plot("Latency", LATENCY, &|step| step.admitted_p99_ms));
    for (class, title) in Class::ALL.into_iter().zip(["Card authorizations", "Payments", "Queries"])
    {
        html.push_str(&plot(title, PART, &|step| percent(step.success(class))));
    }
    if modes.iter().all(|mode| mode.slow.is_empty()) {
        return;
    }
    html.push_str("<h2>A slow database</h2>");
    let plot = |title: &str, y: Axis, pick: &dyn Fn(&SecondReport) -> f64| {
        let lines: Vec<Line> = modes.iter().map(|mode| over_time(mode, pick)).collect();
        chart(title, TIME, y, &lines)
    };
    html.push_str(&plot("Goodput while the database gets slow and recovers", RATE, &|second| {
        ratio(second.good, 1)
    }));
    html.push_str(&plot("Latency meanwhile", LATENCY, &|second| second.admitted_p99_ms));
}

fn curve(mode: &ModeReport, name: &str, pick: &dyn Fn(&StepReport) -> f64) -> Line {
    let points = mode.steps.iter().map(|step| (f64::from(step.percent), pick(step))).collect();
    Line { name: format!("control {name}"), points }
}

fn over_time(mode: &ModeReport, pick: &dyn Fn(&SecondReport) -> f64) -> Line {
    let seconds = mode.slow.iter().flat_map(|step| &step.timeline);
    let points = seconds.zip(0_u32..).map(|(second, at)| (f64::from(at), pick(second))).collect();
    Line { name: format!("control {}", mode.control.name()), points }
}

fn write_mode(html: &mut String, mode: &ModeReport) -> std::fmt::Result {
    write!(
        html,
        "<h2>Control: {}</h2><div class=\"scroll\"><table><tr><th>Load</th><th class=\"n\">offered/s</th>\
         <th class=\"n\">good/s</th><th class=\"n\">p50</th><th class=\"n\">p99, ms</th><th class=\"n\">told, ms</th>\
         <th class=\"n\">cards</th><th class=\"n\">payments</th><th class=\"n\">queries</th>\
         <th class=\"n\">Jain</th><th class=\"n\">lag, ms</th></tr>",
        mode.control.name()
    )?;
    let recovery = mode.recovery.iter().map(|step| (step, ", after it"));
    let slow = mode.slow.iter().zip([", before", ", database slow", ", after"]);
    for (step, note) in mode.steps.iter().map(|step| (step, "")).chain(recovery).chain(slow) {
        write!(html, "<tr><td>{} %{note}</td>", step.percent)?;
        let figures = [
            (step.offered_per_s, 0),
            (step.goodput_per_s, 0),
            (step.admitted_p50_ms, 1),
            (step.admitted_p99_ms, 1),
            (step.rejected_p99_ms, 1),
            (percent(step.success(Class::CardAuthorization)), 2),
            (percent(step.success(Class::Payment)), 1),
            (percent(step.success(Class::Query)), 1),
            (step.jain, 3),
            (step.generator_lag_ms_p99, 1),
        ];
        for (figure, decimals) in figures {
            write!(html, "<td class=\"n\">{figure:.decimals$}</td>")?;
        }
        html.push_str("</tr>");
    }
    html.push_str("</table></div>");
    Ok(())
}

#[expect(clippy::float_arithmetic, reason = "statistics, not money")]
fn percent(part: f64) -> f64 {
    part * 100.0
}

#[cfg(test)]
mod tests {
    use super::super::mix::Capacity;
    use super::super::pinned::Control;
    use super::super::report::{step, timeline};
    use super::*;

    #[test]
    fn the_page_has_all_controls_in_each_plot_and_refers_to_nothing_outside() {
        let mode = |control| {
            let slow = StepReport { timeline: timeline(100, &[90, 10]), ..step(50, 1.0, 1.0, 9.0) };
            let steps = vec![step(80, 80.0, 80.0, 40.0), step(1_000, 1_000.0, 90.0, 70.0)];
            ModeReport { control, steps, recovery: None, slow: vec![slow] }
        };
        let report = SurgeReport {
            passed: true,
            interrupted: false,
            started_at: "today".to_owned(),
            pinned: "a <proxy>".to_owned(),
            capacity: Capacity { writes_per_s: 70.0, reads_per_s: 30.0 },
            deadline_ms: 1_000,
            step_seconds: 10,
            bars: super::super::bars::bars(&mode(Control::All), 80, None),
            modes: vec![mode(Control::None), mode(Control::All)],
            resolved: 0,
            unresolved: 0,
            troubles: Vec::new(),
            audit: None,
        };

        let html = page(&report);

        assert_eq!(html.matches("<svg").count(), 7);
        assert_eq!(html.matches("control none</li>").count(), 7);
        assert!(html.contains("a &lt;proxy&gt;") && html.contains("MISS"), "{html}");
        for trace in ["http:", "https:", "src=", "href=", "<script", "NaN", "inf"] {
            assert!(!html.contains(trace), "{trace}");
        }
    }
}
