//! The `bank` command: arguments in, text or JSON out, exit codes. Everything else is in the library.

mod print;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use bank::detach::{self, Background};
use bank::{Error, LIFETIME_DAYS, Options, Override, RunningBank};
use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the verification failed, or something else did
  2  the command makes no sense
  3  the machine is in the way: no Postgres, a busy port, a full disk, rights
  4  a bank is already running in the directory
  5  no bank is running in the directory";

const UP_HELP: &str = "\
Examples:
  bank up                                  in the foreground; Ctrl-C stops it and keeps the data
  bank up --detach                         in the background; bank down stops it
  bank up --dir /tmp/lab --replicas 2      another bank, with two synchronous replicas
  bank up --otlp http://127.0.0.1:4317 --trace-ratio 1.0
  bank up --set deposit.lanes.lanes=4 --set deposit.lanes.queue_max=2000
                                           other settings of services: docs/reference/configuration.md";

const CERTIFICATE_HELP: &str = "\
An identity is KIND/NAME. The kinds are channel, teller, operator, auditor, scheme and service; what each may call
stands in the contract of each service, in proto/. The certificate and its key replace those that the identity had;
services take theirs over while they run.

Examples:
  bank certificate teller/3
  bank certificate channel/kiosk --days 7 --json";

/// A whole bank on this machine: Postgres primary and synchronous replica, and every service.
#[derive(Debug, Parser)]
#[command(name = "bank", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring a bank up, from nothing or from what is in the directory, and look after it.
    #[command(after_help = UP_HELP)]
    Up(UpArguments),
    /// Show nodes with their lag, and services with their readiness and outbox.
    Status {
        #[command(flatten)]
        place: Place,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Audit the books of a running bank: every invariant, every account.
    Verify {
        #[command(flatten)]
        place: Place,
        /// As JSON: `passed`, and per invariant `id`, `passed`, `examined`, `violations`.
        #[arg(long)]
        json: bool,
        /// Plant one discrepancy of each kind in a copy of the bank, and check that each is found.
        #[arg(long)]
        self_test: bool,
    },
    /// Issue the certificate under which somebody calls the services, or renew it; the bank may be running.
    #[command(after_help = CERTIFICATE_HELP)]
    Certificate {
        /// Whose, such as teller/3.
        #[arg(value_name = "IDENTITY")]
        identity: String,
        /// How long it is good, 1 to 365.
        #[arg(long, value_name = "N", default_value_t = LIFETIME_DAYS)]
        days: i64,
        #[command(flatten)]
        place: Place,
        /// As JSON: `identity`, `certificate`, `key`, `authority`, `not_after`.
        #[arg(long)]
        json: bool,
    },
    /// Stop a bank and keep its data. Deleting the directory afterwards deletes the bank.
    Down {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Args)]
struct Place {
    /// Directory of the bank [default: /var/lib/thincore/bank as root, else ~/.local/state/thincore/bank].
    #[arg(long, value_name = "D")]
    dir: Option<PathBuf>,
}

impl Place {
    fn dir(&self) -> Result<PathBuf, Error> {
        self.dir.clone().map_or_else(bank::default_dir, Ok)
    }
}

#[derive(Debug, Args)]
struct UpArguments {
    #[command(flatten)]
    place: Place,
    /// Streaming replicas; with at least one, a posting is acknowledged when two disks have it [default: 1].
    #[arg(long, value_name = "N")]
    replicas: Option<usize>,
    /// Return when the bank is ready; it goes on in the background, with log/bank.log in the directory.
    #[arg(long)]
    detach: bool,
    /// Where the service binaries are [default: beside this one].
    #[arg(long, value_name = "B")]
    bin_dir: Option<PathBuf>,
    /// First business date of a new bank [default: today].
    #[arg(long, value_name = "YYYY-MM-DD")]
    first_business_date: Option<NaiveDate>,
    /// Fraction of traces that are recorded, 0.0 to 1.0.
    #[arg(long, value_name = "R")]
    trace_ratio: Option<f64>,
    /// Send traces there by OTLP over gRPC.
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
    /// Use the ports from here on, in the order of the table [default: free ones].
    #[arg(long, value_name = "PORT")]
    base_port: Option<u16>,
    /// Refuse to start with less free disk space than this.
    #[arg(long, value_name = "MB", default_value_t = 2_048)]
    min_free_mb: u64,
    /// A setting of a service on top of its defaults, with a value in TOML; may be said more than once.
    #[arg(long = "set", value_name = "SERVICE.SECTION.KEY=VALUE")]
    overrides: Vec<Override>,
    /// No TLS and no certificates: callers name themselves, and nobody is refused. Only to measure what protection
    /// costs.
    #[arg(long)]
    unprotected: bool,
    /// Started by --detach.
    #[arg(long, hide = true)]
    in_background: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Up(UpArguments { in_background: true, .. }) = &cli.command
        && let Err(error) = detach::leave_session()
    {
        return fail(&error);
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let done = runtime.map_err(Error::from).and_then(|runtime| runtime.block_on(run(cli.command)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &Error) -> ExitCode {
    print::error(error);
    ExitCode::from(error.exit_code())
}

async fn run(command: Command) -> Result<(), Error> {
    let mut signals = Signals::new()?;
    match command {
        Command::Up(arguments) if arguments.detach => detached(&mut signals).await,
        Command::Up(arguments) => up(&arguments, &mut signals).await,
        Command::Status { place, json } => {
            let status = bank::status(&place.dir()?).await?;
            print::status(&status, json)?;
            let dir = place.dir()?;
            let stopped =
                || Error::NotRunning(format!("the bank in {} is not running", dir.display()));
            if status.running { Ok(()) } else { Err(stopped()) }
        }
        Command::Verify { place, json, self_test } => {
            let dir = place.dir()?;
            signals.unless_interrupted(verify(&dir, json, self_test)).await
        }
        Command::Certificate { identity, days, place, json } => {
            let issued = bank::certificate(&place.dir()?, &identity, days)?;
            print::certificate(&issued, json)
        }
        Command::Down { place } => {
            bank::down(&place.dir()?).await?;
            print::line("stopped; the data is kept");
            Ok(())
        }
    }
}

async fn verify(dir: &std::path::Path, json: bool, self_test: bool) -> Result<(), Error> {
    if self_test {
        let results = bank::self_test(dir).await?;
        print::self_test(&results, json)?;
        let missed = results.iter().filter(|result| !result.found).count();
        let failure =
            || Error::Verification(format!("{missed} planted discrepancies were not found"));
        return if missed == 0 { Ok(()) } else { Err(failure()) };
    }
    let report = bank::verify(dir).await?;
    print::report(&report, json)?;
    let failed = report.checks.iter().filter(|check| !check.passed).count();
    let failure = || Error::Verification(format!("{failed} invariants do not hold"));
    if report.passed { Ok(()) } else { Err(failure()) }
}

/// Starts the same command again in the background, and waits until the bank there is ready.
async fn detached(signals: &mut Signals) -> Result<(), Error> {
    let detach = |word: &OsString| word == "--detach";
    let mut arguments: Vec<OsString> =
        std::env::args_os().skip(1).filter(|word| !detach(word)).collect();
    arguments.push("--in-background".into());
    let mut background = Background::start(&arguments)?;
    let table = tokio::select! {
        table = background.ready() => table?,
        () = signals.any() => {
            background.abandon().await;
            return Err(Error::Other("interrupted".to_owned()));
        }
    };
    print::text(&table);
    Ok(())
}

async fn up(arguments: &UpArguments, signals: &mut Signals) -> Result<(), Error> {
    let started = std::time::Instant::now();
    let options = options(arguments)?;
    let bank = match signals.unless_interrupted(bank::up(&options)).await {
        Ok(bank) => bank,
        Err(error) => {
            if arguments.in_background {
                detach::announce_failure(&error);
                // The waiting command prints it.
                std::process::exit(i32::from(error.exit_code()));
            }
            return Err(error);
        }
    };
    let table = print::started(&bank, started.elapsed());
    if arguments.in_background {
        detach::announce_ready(&bank.dir(), table)?;
    } else {
        print::text(&table);
        print::line("Ctrl-C stops the bank and keeps its data.");
    }
    look_after(bank, signals).await
}

/// Until a signal comes. A second one does not wait for the orderly end.
async fn look_after(bank: RunningBank, signals: &mut Signals) -> Result<(), Error> {
    signals.any().await;
    print::progress("stopping");
    tokio::select! {
        stopped = bank.stop() => stopped?,
        () = signals.any() => return Err(Error::Other("stopped at once on a second signal".to_owned())),
    }
    print::progress("stopped; the data is kept");
    Ok(())
}

fn options(arguments: &UpArguments) -> Result<Options, Error> {
    let mut options = Options::new(arguments.place.dir()?);
    options.bin_dir.clone_from(&arguments.bin_dir);
    options.replicas = arguments.replicas;
    options.first_business_date = arguments.first_business_date;
    options.trace_ratio = arguments.trace_ratio;
    options.otlp.clone_from(&arguments.otlp);
    options.base_port = arguments.base_port;
    options.min_free_mb = arguments.min_free_mb;
    options.unprotected = arguments.unprotected;
    options.overrides.clone_from(&arguments.overrides);
    Ok(options)
}

/// The signals that ask a program to end. Caught from the start, so that each end cleans up.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> Result<Self, Error> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }

    /// The work's result; on a signal the work is dropped, which undoes what it had begun.
    async fn unless_interrupted<T>(
        &mut self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            done = work => done,
            () = self.any() => Err(Error::Other("interrupted".to_owned())),
        }
    }
}
