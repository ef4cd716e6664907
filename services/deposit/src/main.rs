//! The deposit service: config → telemetry → pools → lanes → serve → drain.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use deposit::api::Api;
use deposit::clients::{Accounting, Customers};
use deposit::commands::PostingBook;
use deposit::config::Config;
use deposit::{APP_ROLE, MIGRATIONS, SERVICE, jobs, signals};
use kernel::{CellCode, Clock, SystemClock};
use platform::outbox::{self, Relay, RelayWaker};
use platform::traffic::{OperationsApi, Traffic};
use platform::{Server, approvals, audit, client, config, db, shutdown, telemetry, tls};
use proto::deposit::v1::deposit_service_server::DepositServiceServer;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The deposit service of Thincore: accounts, holds, transfers.
#[derive(Parser)]
#[command(name = "deposit", version)]
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

/// The largest request, bytes: a thousand openings and then some. Decoded, a list of empty items takes some seventy
/// times what it takes on the wire.
const MESSAGE_MAX: usize = 512 << 10;

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
    let customers = Customers::new(connect("customer", &config.clients.customer)?);
    let channel = connect("accounting", &config.clients.accounting)?;
    let accounting = Accounting::new(channel, Arc::clone(&clock));

    let waker = RelayWaker::default();
    let cell = CellCode::try_new(config.bank.cell_code)?;
    let book = Arc::new(PostingBook::new(Arc::clone(&clock), cell, waker.clone()));
    let lanes = platform::lanes::Lanes::start(book, database.write_pool(), &config.lanes);

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
        jobs::follow_business_date(pool, accounting, Arc::clone(&clock), day.clone(), stop)
    });
    background.spawn(|stop| {
        jobs::expire_holds(database.write_pool(), lanes.clone(), Arc::clone(&clock), stop)
    });

    let api = Api::new(lanes.clone(), database.read_pool(), customers, clock);
    let database_ready = database.ready_probe();
    Server::new(SERVICE, &config.server, proto::DESCRIPTORS)?
        .credentials(credentials)
        .traffic(&traffic)
        .operations(operations)?
        .ready_when(move || database_ready() && day.get())
        .telemetry(&telemetry)
        .serve(DepositServiceServer::new(api).max_decoding_message_size(MESSAGE_MAX))?
        .until(shutdown::signal())
        .await?;

    background.stop().await;
    lanes.drain().await;
    // Last of all who write: the head that it exports is the end.
    audit.stop().await;
    database.close().await;
    telemetry.flush().await;
    Ok(())
}
