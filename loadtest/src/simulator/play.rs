//! Plays scripts, one after the other, and says how each went.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Bench, Needs, Script};
use crate::progress::say;
use crate::stop::Stop;

/// How long a script may take.
const LIMIT: Duration = Duration::from_mins(3);

/// How a script went.
#[derive(Debug, Clone, Serialize)]
pub struct Played {
    /// Its name.
    pub name: &'static str,
    /// What must come of it.
    pub about: &'static str,
    /// Absent where it was not played.
    pub passed: Option<bool>,
    /// Why it failed, or was not played.
    pub why: Option<String>,
    /// How long it took, milliseconds.
    pub took_ms: u64,
}

/// Plays them in order.
pub async fn play(bench: &Bench, scripts: &[Script], stop: &Stop) -> Vec<Played> {
    let mut played = Vec::with_capacity(scripts.len());
    for script in scripts {
        if stop.is_requested() {
            break;
        }
        let one = play_one(bench, script).await;
        say(&one.line());
        played.push(one);
    }
    played
}

async fn play_one(bench: &Bench, script: &Script) -> Played {
    let Script { name, about, needs, work } = *script;
    let mut played = Played { name, about, passed: None, why: None, took_ms: 0 };
    let missing = match needs {
        Needs::OwnBank if bench.deposit_process.is_none() => Some(
            "it hurts a bank, and this one is not the simulator's own: leave out --bank".to_owned(),
        ),
        Needs::Key(format) if !bench.keys.has(format) => Some(format!(
            "the bank's configuration has no zone key for PIN blocks of format {format}"
        )),
        Needs::Nothing | Needs::OwnBank | Needs::Key(_) => None,
    };
    if missing.is_some() {
        played.why = missing;
        return played;
    }
    let began = Instant::now();
    let ended = tokio::time::timeout(LIMIT, work(bench)).await;
    played.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    played.why = match ended {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            Some(format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" "))
        }
        Err(_) => Some(format!("it took longer than {} s", LIMIT.as_secs())),
    };
    played.passed = Some(played.why.is_none());
    played
}

impl Played {
    fn line(&self) -> String {
        let verdict = match self.passed {
            Some(true) => "PASS",
            Some(false) => "FAIL",
            None => "----",
        };
        let why = self.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("{verdict} {:24} {} ({} ms){why}", self.name, self.about, self.took_ms)
    }
}

/// The result in one paragraph.
pub fn summary(played: &[Played]) -> String {
    let count = |verdict| played.iter().filter(|one| one.passed == verdict).count();
    let (passed, failed, left_out) = (count(Some(true)), count(Some(false)), count(None));
    let mut text = String::new();
    writeln!(text, "{passed} passed, {failed} failed, {left_out} not played").ok();
    for one in played.iter().filter(|one| one.passed == Some(false)) {
        writeln!(text, "{}", one.line()).ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_played_is_neither_passed_nor_failed() {
        let one = |passed, why: Option<&str>| Played {
            name: "n",
            about: "a",
            passed,
            why: why.map(str::to_owned),
            took_ms: 5,
        };
        let played = [one(Some(true), None), one(Some(false), Some("no")), one(None, Some("left"))];

        let text = summary(&played);

        assert!(text.starts_with("1 passed, 1 failed, 1 not played\n"), "{text}");
        assert!(text.contains("FAIL") && text.contains(": no"), "{text}");
    }
}
