//! The scheme simulator: everything that a scheme, an acquirer or a holder may do, played against a real bank over its own
//! ports, each with what must come of it.
//!
//! Read in this order: `bench` (what a script works with), `holder` (somebody with an account and a card), then the scripts,
//! a file each for what they are about; `play` runs them.
//!
//! Invariants: each script makes its own customer, account and card, and its messages carry the run as their acquirer, so
//! scripts disturb neither each other nor a bank's own cards; only a bank that the simulator started is ever hurt.
//!
//! Absent on purpose: response code 96. It says that the bank has broken, and nothing that a scheme or a holder does brings
//! it about; the card service's own tests break it from inside.

use std::pin::Pin;

mod bench;
mod clearing;
mod declines;
mod disorder;
mod holder;
mod line;
mod pins;
mod play;
mod purchases;
mod repeats;
mod settlement;

pub use bench::Bench;
pub use play::{Played, play, summary};

/// What a script does: all is well, or why not.
type Work = for<'a> fn(&'a Bench) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + 'a>>;

/// One script.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    /// By which it is asked for.
    pub name: &'static str,
    /// What must come of it.
    pub about: &'static str,
    /// What it needs.
    pub needs: Needs,
    work: Work,
}

/// What a script needs besides a bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// A bank of the simulator's own, which it hurts.
    OwnBank,
    /// The zone key of PIN blocks of this format.
    Key(u8),
}

macro_rules! script {
    ($name:literal, $about:literal, $needs:expr, $work:path) => {
        crate::simulator::Script {
            name: $name,
            about: $about,
            needs: $needs,
            work: |bench| Box::pin($work(bench)),
        }
    };
    ($name:literal, $about:literal, $work:path) => {
        script!($name, $about, crate::simulator::Needs::Nothing, $work)
    };
}
use script;

/// All of them, in the order in which they are played.
pub fn scripts() -> Vec<Script> {
    [
        line::SCRIPTS,
        purchases::SCRIPTS,
        declines::SCRIPTS,
        pins::SCRIPTS,
        repeats::SCRIPTS,
        clearing::SCRIPTS,
        settlement::SCRIPTS,
        disorder::SCRIPTS,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_scripts_have_one_name() {
        let names: Vec<_> = scripts().iter().map(|script| script.name).collect();

        let different: HashSet<_> = names.iter().collect();

        assert_eq!(different.len(), names.len());
        assert!(names.len() > 30, "{}", names.len());
    }
}
