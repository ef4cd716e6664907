//! What people see while something long is running: a bar that moves on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Without a terminal a line is written at most this often.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Progress towards a known end.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    what: String,
    end: u64,
    last_line: Option<Instant>,
    every: Duration,
}

impl Progress {
    /// Towards `end`; without a terminal a line now and then.
    pub fn new(what: &str, end: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| bar(what, end));
        Self { bar, what: what.to_owned(), end, last_line: None, every: LINE_EVERY }
    }

    /// Towards `end`; without a terminal a line for each call.
    pub fn with_every_line(what: &str, end: u64) -> Self {
        Self { every: Duration::ZERO, ..Self::new(what, end) }
    }

    /// Says how far it is.
    pub fn at(&mut self, position: u64, message: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(position.min(self.end));
            bar.set_message(message.to_owned());
            return;
        }
        if self.last_line.is_none_or(|last| last.elapsed() >= self.every) {
            self.last_line = Some(Instant::now());
            say(&format!("{} {position}/{}  {message}", self.what, self.end));
        }
    }

    /// Ends with a line that stays.
    pub fn finish(self, message: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        say(&format!("{} {message}", self.what));
    }
}

fn bar(what: &str, end: u64) -> ProgressBar {
    let bar = ProgressBar::new(end);
    let template = "{prefix} [{bar:30}] {pos}/{len}  {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(what.to_owned());
    bar
}

/// A line for people, on standard error: standard output is for results. A terminal that has gone away must not end
/// the run.
pub fn say(line: &str) {
    use std::io::Write as _;

    writeln!(std::io::stderr(), "{line}").ok();
}
