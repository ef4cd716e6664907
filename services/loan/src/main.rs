//! The loan service: config → telemetry → products → pools → lanes → serve → drain.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use kernel::{Clock, SystemClock};
use loan::api::Api;
use loan::clients::{Accounting, Customers, Deposits};
use loan::commands::{Context, LoanBook};
use loan::config::Config;
use loan::{APP_ROLE, MIGRATIONS, SERVICE, jobs, signals};
use platform::lanes::Lanes;
use platform::outbox::{self, Relay, RelayWaker};
use platform::traffic::{OperationsApi, Traffic};
use platform::{Server, approvals, audit, client, config, db, shutdown, telemetry, tls};
use proto::loan::v1::loan_service_server::LoanServiceServer;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The loan service of Thincore: applications, schedules, repayments, the end of each day.
#[derive(Parser)]
#[command(name = "loan", version)]
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

/// The largest request, bytes: no request holds a list.
const MESSAGE_MAX: usize = 64 << 10;

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
    let credentials = tls::of_service(SERVICE, &config.server, config.tls.as_ref())?;
    let connect = |callee, to| client::connect_lazy(SERVICE, callee, to, credentials.as_ref());
    let database = db::Database::connect(SERVICE, &config.database)?;
    let audit = platform::Background::default();
    audit.spawn(|stop| audit::export::run(SERVICE, database.write_pool(), config.audit, stop));
    let traffic = Traffic::new(&config.traffic, database.queues());
    let operations = OperationsApi::new(SERVICE, &traffic, &database, Arc::clone(&clock));
    let channel = connect("accounting", &config.clients.accounting)?;
    let accounting = Accounting::new(channel, Arc::clone(&clock));

    let products = Arc::new(config.books.read()?);
    let waker = RelayWaker::default();
    let book = LoanBook::new(Arc::clone(&products), Arc::clone(&clock), waker.clone());
    let book = Arc::new(book);
    let lanes = Lanes::start(Arc::clone(&book), database.write_pool(), &config.lanes);
    let context = Context {
        lanes: lanes.clone(),
        book,
        writes: database.write_pool(),
        reads: database.read_pool(),
        customers: Customers::new(connect("customer", &config.clients.customer)?),
        deposits: Deposits::new(connect("deposit", &config.clients.deposit)?),
        products,
        clock: Arc::clone(&clock),
        work: config.work,
        woken: Arc::default(),
    };

    let day = jobs::DayKnown::default();
    let background = platform::Background::default();
    background.spawn(|stop| traffic.clone().follow(database.read_pool(), stop));
    background.spawn(|stop| approvals::watch(database.read_pool(), stop));
    let relay = Relay::new(database.write_pool(), accounting.clone(), &config.relay, waker);
    background.spawn(|stop| relay.run(stop));
    background.spawn(|stop| outbox::watch(database.read_pool(), stop));
    background.spawn(|stop| signals::watch(database.read_pool(), Arc::clone(&clock), stop));
    background.spawn(|stop| jobs::keep_partitions(database.write_pool(), Arc::clone(&clock), stop));
    background.spawn(|stop| {
        let pool = database.write_pool();
        jobs::follow_business_date(pool, accounting, clock, day.clone(), stop)
    });
    let working = platform::Background::default();
    working.spawn(|stop| jobs::resolve_movements(context.clone(), stop));
    working.spawn(|stop| jobs::work_off_days(context.clone(), stop));

    let api = Api::new(context);
    let database_ready = database.ready_probe();
    Server::new(SERVICE, &config.server, proto::DESCRIPTORS)?
        .credentials(credentials)
        .traffic(&traffic)
        .operations(operations)?
        .ready_when(move || database_ready() && day.get())
        .telemetry(&telemetry)
        .serve(LoanServiceServer::new(api).max_decoding_message_size(MESSAGE_MAX))?
        .until(shutdown::signal())
        .await?;

    // These hand work to the lanes, so they end first.
    working.stop().await;
    background.stop().await;
    lanes.drain().await;
    // Last of all who write: the head that it exports is the end.
    audit.stop().await;
    database.close().await;
    telemetry.flush().await;
    Ok(())
}
