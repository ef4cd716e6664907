//! Line charts as inline SVG: no script, no font, nothing to fetch. Colours come from the page's style sheet, so they
//! follow light and dark.

#![expect(clippy::float_arithmetic, reason = "geometry, not money")]

use std::fmt::Write as _;

use super::html::escape;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 28.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 40.0;

/// How numbers become places on an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// From zero.
    Linear,
    /// By powers of ten; below a hundredth counts as a hundredth.
    Log,
    /// Quantiles: 0, 90%, 99%, 99.9% ... lie at equal distances.
    Quantile,
}

/// One axis of a chart.
#[derive(Debug, Clone, Copy)]
pub struct Axis {
    /// With its unit.
    pub label: &'static str,
    /// How it is divided.
    pub scale: Scale,
}

/// One line of a chart.
#[derive(Debug, Clone)]
pub struct Line {
    /// For the legend.
    pub name: String,
    /// In data units, by x.
    pub points: Vec<(f64, f64)>,
}

/// Draws lines over common axes, with a legend below.
pub fn chart(title: &str, x: Axis, y: Axis, lines: &[Line]) -> String {
    let drawing = Drawing { x: Range::of(x, lines, |p| p.0), y: Range::of(y, lines, |p| p.1) };
    let mut svg = String::new();
    drawing.write(&mut svg, title, lines).ok();
    svg
}

struct Drawing {
    x: Range,
    y: Range,
}

struct Range {
    axis: Axis,
    low: f64,
    high: f64,
    ticks: Vec<f64>,
}

impl Range {
    fn of(axis: Axis, lines: &[Line], pick: impl Fn(&(f64, f64)) -> f64) -> Self {
        let values = || lines.iter().flat_map(|line| line.points.iter().map(&pick));
        let top = values().fold(0.0_f64, f64::max);
        let ticks = match axis.scale {
            Scale::Linear => linear_ticks(top),
            Scale::Log => {
                let least = values().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
                log_ticks(least.min(top).max(0.01), top)
            }
            Scale::Quantile => vec![0.0, 0.5, 0.9, 0.99, 0.999, 0.9999],
        };
        let place = |value: Option<&f64>| value.map_or(0.0, |value| axis.scale.place(*value));
        let (low, high) = (place(ticks.first()), place(ticks.last()));
        Self { axis, low, high: if high > low { high } else { low + 1.0 }, ticks }
    }

    /// From 0 to 1 along the axis.
    fn share(&self, value: f64) -> f64 {
        ((self.axis.scale.place(value) - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

impl Scale {
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log => value.max(0.01).log10(),
            Self::Quantile => -(1.0 - value.clamp(0.0, 0.9999)).log10(),
        }
    }

    fn text(self, value: f64) -> String {
        match self {
            Self::Quantile => format!("{}%", trimmed(value * 100.0, 2)),
            Self::Linear | Self::Log if value >= 1_000.0 => thousands(value),
            Self::Linear | Self::Log => trimmed(value, 2),
        }
    }
}

impl Drawing {
    fn write(&self, svg: &mut String, title: &str, lines: &[Line]) -> std::fmt::Result {
        write!(
            svg,
            "<figure><figcaption>{title}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">",
            title = escape(title)
        )?;
        self.grid(svg)?;
        for (place, line) in lines.iter().enumerate() {
            let points = line.points.iter().fold(String::new(), |mut all, point| {
                let (x, y) = self.at(*point);
                write!(all, "{x:.1},{y:.1} ").ok();
                all
            });
            write!(
                svg,
                "<polyline class=\"line c{}\" points=\"{}\"/>",
                place % 8,
                points.trim_end()
            )?;
            self.dots(svg, place, line)?;
        }
        svg.push_str("</svg><ul class=\"legend\">");
        for (place, line) in lines.iter().enumerate() {
            write!(svg, "<li><i class=\"b{}\"></i>{}</li>", place % 8, escape(&line.name))?;
        }
        svg.push_str("</ul></figure>");
        Ok(())
    }

    fn grid(&self, svg: &mut String) -> std::fmt::Result {
        for tick in &self.y.ticks {
            let (_, y) = at_shares(0.0, self.y.share(*tick));
            write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0,
                self.y.axis.scale.text(*tick)
            )?;
        }
        for tick in &self.x.ticks {
            let (x, _) = at_shares(self.x.share(*tick), 0.0);
            write!(
                svg,
                "<text class=\"tick mid\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
                HEIGHT - BOTTOM + 18.0,
                self.x.axis.scale.text(*tick)
            )?;
        }
        write!(
            svg,
            "<text class=\"label mid\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\
             <text class=\"label mid\" transform=\"translate(13 {:.1}) rotate(-90)\">{}</text>",
            LEFT + (WIDTH - LEFT - RIGHT) / 2.0,
            HEIGHT - 5.0,
            escape(self.x.axis.label),
            TOP + (HEIGHT - TOP - BOTTOM) / 2.0,
            escape(self.y.axis.label)
        )
    }

    /// Invisible until pointed at; each tells its value.
    fn dots(&self, svg: &mut String, place: usize, line: &Line) -> std::fmt::Result {
        for point in &line.points {
            let (x, y) = self.at(*point);
            write!(
                svg,
                "<circle class=\"dot b{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{}, {}: {}</title></circle>",
                place % 8,
                escape(&line.name),
                self.x.axis.scale.text(point.0),
                self.y.axis.scale.text(point.1)
            )?;
        }
        Ok(())
    }

    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        at_shares(self.x.share(x), self.y.share(y))
    }
}

/// Shares of both axes, 0 to 1, as a place in the drawing.
fn at_shares(x: f64, y: f64) -> (f64, f64) {
    (LEFT + x * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y * (HEIGHT - TOP - BOTTOM))
}

/// Four to eight round steps from zero.
fn linear_ticks(top: f64) -> Vec<f64> {
    let top = top.max(1.0);
    let magnitude = 10_f64.powf((top / 5.0).log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * magnitude);
    let step = steps.into_iter().find(|step| top / step <= 6.0).unwrap_or(magnitude * 10.0);
    let mut ticks = vec![0.0];
    let mut next = step;
    while next < top + step {
        ticks.push(next);
        next += step;
    }
    ticks
}

/// 1, 2 and 5 times the powers of ten, just around the values.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let mut steps = Vec::new();
    let mut exponent = low.log10().floor();
    while exponent <= high.max(low).log10().ceil() {
        steps.extend([1.0, 2.0, 5.0].map(|step| step * 10_f64.powf(exponent)));
        exponent += 1.0;
    }
    let first = steps.iter().rposition(|step| *step <= low * 1.000_001).unwrap_or(0);
    let last = steps.iter().position(|step| *step >= high).unwrap_or(steps.len() - 1);
    // Two at least, so that there is an axis at all.
    steps.drain(first..=last.max(first + 1).min(steps.len() - 1)).collect()
}

/// At most so many decimals, without trailing zeros.
fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Whole numbers with separators: 12,345.
pub fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_ticks_are_round_and_reach_the_top() {
        assert_eq!(linear_ticks(370.0), [0.0, 100.0, 200.0, 300.0, 400.0]);
        assert_eq!(linear_ticks(0.0).first(), Some(&0.0));
        assert!(linear_ticks(12_345.0).last().is_some_and(|last| *last >= 12_345.0));
    }

    #[test]
    fn log_ticks_enclose_the_values() {
        let ticks = log_ticks(0.4, 250.0);

        assert!(ticks[0] <= 0.4 && ticks[ticks.len() - 1] >= 250.0, "{ticks:?}");
        assert!(ticks.len() <= 12, "{ticks:?}");
        assert_eq!(log_ticks(10.0, 10.0).len(), 2);
    }

    #[test]
    fn quantiles_lie_further_apart_towards_the_end() {
        let place = |q: f64| Scale::Quantile.place(q);

        assert!((place(0.9) - 1.0).abs() < 1e-9);
        assert!((place(0.99) - 2.0).abs() < 1e-9);
        assert!((place(1.0) - 4.0).abs() < 1e-9);
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(thousands(1_234_567.0), "1,234,567");
        assert_eq!(thousands(999.0), "999");
        assert_eq!(trimmed(2.50, 2), "2.5");
        assert_eq!(trimmed(100.0, 2), "100");
        assert_eq!(Scale::Quantile.text(0.999), "99.9%");
    }

    #[test]
    fn a_chart_has_a_line_and_a_legend_entry_for_each_series() {
        let line =
            |name: &str| Line { name: name.to_owned(), points: vec![(0.0, 1.0), (1.0, 30.0)] };
        let axis = |scale| Axis { label: "x", scale };

        let svg =
            chart("a < b", axis(Scale::Linear), axis(Scale::Log), &[line("one"), line("two")]);

        assert_eq!(svg.matches("<polyline").count(), 2);
        assert_eq!(svg.matches("<li>").count(), 2);
        assert!(svg.contains("a &lt; b") && !svg.contains("NaN"), "{svg}");
    }
}
