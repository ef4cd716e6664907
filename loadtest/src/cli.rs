//! The command line: what can be asked, with help that teaches.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::surge::pinned::Control;

mod cards;

pub use cards::{ClearingFile, CompareCards, Scheme, SubmitClearing};

/// Load a bank, and prove afterwards that not a cent went astray.
///
/// Without --bank a bank is started in a temporary directory and removed at the end, also after Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 all well · 1 the audit failed, a read was stale, or something else went wrong · \
    2 wrong usage · 3 the machine is in the way (no Postgres, busy port, full disk) · 5 the bank is not running · \
    130 ended by Ctrl-C; what was done until then is audited and reported";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario, audit the books, report.
    ///
    /// At a rate (open loop) requests are due at times fixed beforehand, and latency counts from then: a stall of the
    /// bank is not hidden. With --max (closed loop) the next request is sent when one is answered: that finds the
    /// highest throughput, and says little about latency.
    #[command(after_help = RUN_EXAMPLES)]
    Run(Run),
    /// Make customers and accounts for later runs, through the bank's own batch calls.
    ///
    /// Runs seed by themselves when they must. What was seeded is remembered in the bank's directory.
    Seed(Seed),
    /// Compare with another measure of the same machine.
    Compare(Compare),
    /// Play a card scheme against a bank: every answer and every disorder, each with what must come of it.
    ///
    /// Each script makes its own customer, account and card. Exit code 1 where one fails, or the audit afterwards.
    Scheme(Scheme),
    /// Make a clearing file of all that cards were approved and nobody has cleared.
    ///
    /// Approvals are read from the card service's database with the auditor's role. Card numbers are shown by the bank, in
    /// the name of each holder, and are in its audit log.
    ClearingFile(ClearingFile),
    /// Send a clearing file as an operator, and wait until each record is posted or needs a person.
    SubmitClearing(SubmitClearing),
    /// The whole story in three minutes: seed, a minute at the peak of the day, flat out, audit, verdict.
    Demo(Demo),
}

const RUN_EXAMPLES: &str = "Examples:\n  \
    loadtest run mixed --rate 370 --queries 370 --seconds 60 --html report.html\n  \
    loadtest run transfer --max --seconds 30\n  \
    loadtest run hot --max --bank /var/lib/thincore/bank\n  \
    loadtest run my-scenario.toml --rate 1000 --poisson\n  \
    loadtest run surge --html surge.html\n  \
    loadtest run end-of-day --json end-of-day.json\n\n\
    370 per second is the usual estimate for the peak of a 4,000,000-transaction day.";

/// Options of `run`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Run {
    /// What is not a scenario of a file.
    #[command(subcommand)]
    pub special: Option<Special>,
    /// transfer, mixed, hot, cards, or the path of a TOML file like those in loadtest/scenarios; or surge or end-of-day, see
    /// `run surge --help` and `run end-of-day --help`.
    #[arg(required = true)]
    pub scenario: Option<String>,
    /// Which bank.
    #[command(flatten)]
    pub bank: Bank,
    /// Requests per second, at equal distances.
    #[arg(long, value_name = "R", default_value_t = 370, value_parser = clap::value_parser!(u32).range(1..=200_000),
        conflicts_with = "max")]
    pub rate: u32,
    /// With a rate: independent arrivals instead of equal distances.
    #[arg(long, conflicts_with = "max")]
    pub poisson: bool,
    /// As much as the bank takes.
    #[arg(long)]
    pub max: bool,
    /// How long requests are sent.
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: u32,
    /// Queries per second beside the requests: balances and statements, with read tokens.
    #[arg(long, value_name = "Q", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=200_000))]
    pub queries: u32,
    /// Requests that wait for an answer at any time: the number of workers with --max (default 512), a safety limit
    /// with --rate (default 20000).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub in_flight: Option<u32>,
    /// Write everything as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a report with plots that opens without a network.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Skip the audit. Then the run proves nothing about the books.
    #[arg(long)]
    pub no_verify: bool,
    /// How much to seed.
    #[command(flatten)]
    pub size: Size,
}

/// What `run` runs besides scenarios.
#[derive(Debug, Subcommand)]
pub enum Special {
    /// Up to ten times what a bank can do, and a slow database: proof that overload is boring.
    ///
    /// On a bank of its own whose capacity is pinned by a delay between a service and its database, so that the generator
    /// does not compete with it for processors. Takes about eight minutes with all three controls.
    Surge(Surge),
    /// The end of a day of a million loans: how long it takes.
    ///
    /// On a bank of its own, whose loans are written straight into its database. Nothing is due on the first day that is
    /// run, which catches up two weeks; a twenty-eighth of the loans is on the second, which is what is measured.
    EndOfDay(EndOfDay),
}

/// Options of `run end-of-day`.
#[derive(Debug, Args)]
pub struct EndOfDay {
    /// How many loans.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    pub loans: u32,
    /// Write everything as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Options of `run surge`.
#[derive(Debug, Args)]
pub struct Surge {
    /// What refuses calls: everything, token buckets only, or nothing [default: one after the other].
    #[arg(long, value_enum)]
    pub control: Option<Control>,
    /// Another surge than that of loadtest/scenarios/surge.toml.
    #[arg(long, value_name = "FILE", conflicts_with = "quick")]
    pub scenario: Option<PathBuf>,
    /// How long each step takes.
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=600))]
    pub step_seconds: u32,
    /// A minute with less capacity and two short steps, under all controls together unless --control says otherwise:
    /// whether it works rather than how well.
    #[arg(long, conflicts_with = "step_seconds")]
    pub quick: bool,
    /// Write everything as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a report with plots that opens without a network.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Options of `seed`.
#[derive(Debug, Args)]
pub struct Seed {
    /// Directory of a running bank (`bank up --dir D`).
    #[arg(long, value_name = "D")]
    pub bank: PathBuf,
    /// How much to seed.
    #[command(flatten)]
    pub size: Size,
}

/// Options of `compare`.
#[derive(Debug, Args)]
pub struct Compare {
    /// What to compare with.
    #[command(subcommand)]
    pub with: CompareWith,
}

/// What `compare` compares with.
#[derive(Debug, Subcommand)]
pub enum CompareWith {
    /// pgbench's TPC-B (scale 50, prepared, 16 clients) against the transfer scenario flat out.
    ///
    /// Both on the same Postgres cluster, with the same durability, in the same minutes, in turns: pgbench, transfers,
    /// pgbench, transfers. Its database is dropped afterwards.
    Pgbench(Pgbench),
    /// The same scenario flat out on two banks: one as it comes, with mutual TLS, authorization, limits, traces and
    /// metrics, and one with none of them.
    ///
    /// Both banks are started by the command and used in turns: protected, bare, protected, bare. What is printed is the
    /// one's throughput over the other's.
    Protection(Protection),
    /// Card authorizations flat out against transfers flat out, in turns on one bank.
    ///
    /// What is printed is the one's throughput over the other's.
    Cards(CompareCards),
}

/// Options of `compare protection`.
#[derive(Debug, Args)]
pub struct Protection {
    /// transfer, mixed, hot, cards, or the path of a TOML file.
    #[arg(long, value_name = "NAME", default_value = "transfer")]
    pub scenario: String,
    /// How long each turn takes; there are three of each.
    #[arg(long, value_name = "S", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub seconds: u32,
    /// Requests that wait for an answer at any time.
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub in_flight: u32,
    /// Write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// How much to seed.
    #[command(flatten)]
    pub size: Size,
}

/// Options of `compare pgbench`.
#[derive(Debug, Args)]
pub struct Pgbench {
    /// Which bank.
    #[command(flatten)]
    pub bank: Bank,
    /// How long each turn takes; there are two of each.
    #[arg(long, value_name = "S", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub seconds: u32,
    /// Transfers that wait for an answer at any time.
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub in_flight: u32,
    /// Write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Skip the audit.
    #[arg(long)]
    pub no_verify: bool,
    /// How much to seed.
    #[command(flatten)]
    pub size: Size,
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Show that everything works rather than how fast: 10,000 customers, 20,000 accounts, 10 s, then 5 s flat out.
    #[arg(long, conflicts_with_all = ["customers", "accounts", "seconds", "max_seconds"])]
    pub quick: bool,
    /// Which bank.
    #[command(flatten)]
    pub bank: Bank,
    /// The scenario of both parts.
    #[arg(long, value_name = "NAME", default_value = "mixed")]
    pub scenario: String,
    /// Requests per second of the first part, and queries on top of them.
    #[arg(long, value_name = "R", default_value_t = 370, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    pub rate: u32,
    /// How long the first part takes.
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: u32,
    /// How long the second part, flat out, takes.
    #[arg(long, value_name = "S", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub max_seconds: u32,
    /// Requests in flight of the second part.
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub in_flight: u32,
    /// Where the HTML report goes.
    #[arg(long, value_name = "FILE", default_value = "loadtest-report.html")]
    pub html: PathBuf,
    /// Write everything as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// How much to seed.
    #[command(flatten)]
    pub size: Size,
}

/// Which bank.
#[derive(Debug, Args)]
pub struct Bank {
    /// Directory of a running bank (`bank up --dir D`); without it, a temporary bank.
    #[arg(long = "bank", value_name = "D")]
    pub dir: Option<PathBuf>,
    /// Without --bank: a bank that exports no traces. By default it exports them to a receiver in this process, at the
    /// services' default sampling, as it would in a lab.
    #[arg(long, conflicts_with = "dir")]
    pub no_tracing: bool,
}

/// How much to seed.
#[derive(Debug, Args)]
pub struct Size {
    /// Customers to seed [default: half as many as accounts].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub customers: Option<u32>,
    /// Accounts that the load is spread over [default: those seeded before, else 200000]. With fewer than 100,000 a
    /// figure says more about caches than about a bank.
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    pub accounts: Option<u32>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_rate_and_flat_out_exclude_each_other() {
        let both = ["loadtest", "run", "transfer", "--max", "--rate", "5"];

        assert!(Cli::try_parse_from(both).is_err());
    }

    #[test]
    fn a_surge_has_options_of_its_own_and_other_scenarios_have_not() {
        let parsed = |words: &[&str]| {
            let words = ["loadtest", "run"].iter().chain(words);
            Cli::try_parse_from(words).map(|cli| cli.command)
        };

        let Ok(Command::Run(Run { special: Some(Special::Surge(surge)), .. })) =
            parsed(&["surge", "--control", "buckets"])
        else {
            panic!("no surge");
        };
        assert_eq!(surge.control, Some(Control::Buckets));
        let Ok(Command::Run(run)) = parsed(&["mixed", "--rate", "5"]) else { panic!("no run") };
        assert_eq!((run.scenario.as_deref(), run.rate), (Some("mixed"), 5));
        assert!(run.special.is_none());
        for wrong in [&["surge", "--rate", "5"][..], &["mixed", "--control", "all"], &[]] {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_end_of_day_has_a_number_of_loans() {
        let words = ["loadtest", "run", "end-of-day", "--loans", "5000"];

        let Ok(Cli { command: Command::Run(Run { special: Some(Special::EndOfDay(end)), .. }) }) =
            Cli::try_parse_from(words)
        else {
            panic!("no end of day");
        };

        assert_eq!(end.loans, 5_000);
    }

    #[test]
    fn a_rate_of_nothing_is_refused() {
        assert!(Cli::try_parse_from(["loadtest", "run", "transfer", "--rate", "0"]).is_err());
    }
}
