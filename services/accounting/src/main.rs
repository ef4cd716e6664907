//! The accounting service: config → telemetry → books → pools → lanes → serve → drain.

use std::path::PathBuf;
use std::sync::Arc;

use accounting::api::{Api, Parts};
use accounting::clients::{Cards, Deposits, Loans, SubLedgers};
use accounting::commands::{DayBook, PostingBook};
use accounting::config::{Clients, Config};
use accounting::{APP_ROLE, MIGRATIONS, SERVICE, jobs, signals};
use clap::Parser;
use kernel::{BusinessDate, Clock, SystemClock};
use platform::config::LaneConfig;
use platform::lanes::Lanes;
use platform::traffic::{OperationsApi, Traffic};
use platform::{Server, approvals, audit, client, config, db, shutdown, telemetry, tls};
use proto::accounting::v1::accounting_service_server::AccountingServiceServer;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The accounting service of Thincore: journals, general ledger, business date.
#[derive(Parser)]
#[command(name = "accounting", version)]
enum Arguments {
    /// Serve until SIGTERM or Ctrl-C.
    Serve {
        /// TOML file with the settings; the environment overrides it (THINCORE__SECTION__KEY).
        #[arg(long)]
        config: PathBuf,
    },
    /// Bring the database to the shape that this version expects. Safe to repeat.
    Migrate {
        /// URL of the database, as its owner.
        #[arg(long)]
        owner_url: String,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse() {
        Arguments::Serve { config } => serve(config::load(Some(&config))?).await,
        Arguments::Migrate { owner_url } => {
            Ok(db::migrate(&owner_url, APP_ROLE, &MIGRATIONS).await?)
        }
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let telemetry = telemetry::start(SERVICE, &config.telemetry)?;
    signals::describe();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let rulebook = Arc::new(config.books.read()?);
    let credentials = tls::of_service(SERVICE, &config.server, config.tls.as_ref())?;
    let database = db::Database::connect(SERVICE, &config.database)?;
    let audit = platform::Background::default();
    audit.spawn(|stop| audit::export::run(SERVICE, database.write_pool(), config.audit, stop));
    let traffic = Traffic::new(&config.traffic, database.queues());
    let operations = OperationsApi::new(SERVICE, &traffic, &database, Arc::clone(&clock));
    let sub_ledgers = sub_ledgers(&config.clients, credentials.as_ref())?;

    let sources = config.books.sources;
    let changed = Arc::default();
    let book = PostingBook::new(Arc::clone(&rulebook), Arc::clone(&clock));
    let posting = Lanes::start(Arc::new(book), database.write_pool(), &config.lanes);
    let book = DayBook::new(Arc::clone(&clock), sources.clone(), Arc::clone(&changed));
    let one_lane = LaneConfig { lanes: 1, ..LaneConfig::default() };
    let days = Lanes::start(Arc::new(book), database.write_pool(), &one_lane);

    let open = jobs::BooksOpen::default();
    let background = platform::Background::default();
    background.spawn(|stop| traffic.clone().follow(database.read_pool(), stop));
    background.spawn(|stop| approvals::watch(database.read_pool(), stop));
    let keep_open = jobs::KeepBooksOpen {
        pool: database.write_pool(),
        clock: Arc::clone(&clock),
        first_date: BusinessDate::from_date(config.books.first_business_date),
        changed,
        open: open.clone(),
    };
    background.spawn(|stop| keep_open.run(stop));
    let watch = signals::Watch {
        reads: database.read_pool(),
        rulebook: Arc::clone(&rulebook),
        sources: sources.clone(),
        sub_ledgers: sub_ledgers.clone(),
        clock: Arc::clone(&clock),
    };
    background.spawn(|stop| watch.run(stop));

    let api = Api::new(Parts {
        posting: posting.clone(),
        days: days.clone(),
        reads: database.read_pool(),
        rulebook,
        sources,
        sub_ledgers,
        clock,
    });
    let database_ready = database.ready_probe();
    Server::new(SERVICE, &config.server, proto::DESCRIPTORS)?
        .credentials(credentials)
        .traffic(&traffic)
        .operations(operations)?
        .ready_when(move || database_ready() && open.get())
        .telemetry(&telemetry)
        .serve(AccountingServiceServer::new(api))?
        .until(shutdown::signal())
        .await?;

    background.stop().await;
    posting.drain().await;
    days.drain().await;
    // Last of all who write: the head that it exports is the end.
    audit.stop().await;
    database.close().await;
    telemetry.flush().await;
    Ok(())
}

/// The services that the tie-out asks.
fn sub_ledgers(
    clients: &Clients,
    credentials: Option<&Arc<tls::Credentials>>,
) -> anyhow::Result<SubLedgers> {
    let connect = |callee, to| client::connect_lazy(SERVICE, callee, to, credentials);
    Ok(SubLedgers {
        deposits: Deposits::new(connect("deposit", &clients.deposit)?),
        loans: Loans::new(connect("loan", &clients.loan)?),
        cards: Cards::new(connect("card", &clients.card)?),
    })
}
