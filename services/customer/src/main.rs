//! The customer service: config → telemetry → pools → lanes → serve → drain.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use customer::api::Api;
use customer::clients::{Card, Deposit, Loan};
use customer::commands::{Context, CustomerBook};
use customer::config::Config;
use customer::store::Keys;
use customer::{APP_ROLE, MIGRATIONS, SERVICE, jobs, signals};
use kernel::SystemClock;
use platform::lanes::Lanes;
use platform::protection::data_keys::DataKeys;
use platform::traffic::{OperationsApi, Traffic};
use platform::{Server, approvals, audit, client, config, db, shutdown, telemetry, tls};
use proto::customer::v1::customer_service_server::CustomerServiceServer;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The customer service of Thincore: who the customers are, and whether they may do business.
#[derive(Parser)]
#[command(name = "customer", version)]
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
    /// Replace the key that seals personal data: make a new one, seal every customer again, destroy the old one.
    ///
    /// The service goes on meanwhile. Safe to interrupt and to run again: it goes on where it stopped.
    RotateDataKey {
        /// The settings of the service.
        #[arg(long)]
        config: PathBuf,
    },
    /// Wrap the data keys with the key-encryption key of the settings, after that one was replaced.
    ///
    /// First set the new key as [protection] key_encryption_key and the old one as retired, everywhere, and restart.
    RewrapDataKeys {
        /// The settings of the service.
        #[arg(long)]
        config: PathBuf,
    },
}

/// The largest request, bytes: a thousand registrations with the longest names. Decoded, a list of empty items takes
/// about seventy times what it takes on the wire.
const MESSAGE_MAX: usize = 1 << 20;
/// How long the database may take to be there.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse() {
        Arguments::Serve { config } => serve(config::load(Some(&config))?).await,
        Arguments::Migrate { owner_url } => {
            Ok(db::migrate(&owner_url, APP_ROLE, &MIGRATIONS).await?)
        }
        Arguments::RotateDataKey { config } => rotate(config::load(Some(&config))?).await,
        Arguments::RewrapDataKeys { config } => rewrap(config::load(Some(&config))?).await,
    }
}

async fn rotate(config: Config) -> anyhow::Result<()> {
    let database = db::Database::connect(SERVICE, &config.database)?;
    let (pool, keys) = (database.write_pool(), open_keys(&config, &database).await?);
    jobs::rotate_data_key(&pool, &keys, |text| println!("{text}")).await?;
    database.close().await;
    Ok(())
}

async fn rewrap(config: Config) -> anyhow::Result<()> {
    let database = db::Database::connect(SERVICE, &config.database)?;
    database.wait_until_ready(PATIENCE).await?;
    let wrapping = config.protection.wrapping()?;
    let count = jobs::rewrap_data_keys(&database.write_pool(), &wrapping).await?;
    println!("{count} data keys were wrapped again, with key {}", wrapping.writing_id());
    database.close().await;
    Ok(())
}

/// The keys of personal data, once the database is there.
async fn open_keys(config: &Config, database: &db::Database) -> anyhow::Result<Keys> {
    database.wait_until_ready(PATIENCE).await?;
    let wrapping = config.protection.wrapping()?;
    let data = DataKeys::open(&database.write_pool(), wrapping).await?;
    Ok(Keys::new(data, config.protection.search()?))
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let telemetry = telemetry::start(SERVICE, &config.telemetry)?;
    signals::describe();
    let credentials = tls::of_service(SERVICE, &config.server, config.tls.as_ref())?;
    let connect = |callee, to| client::connect_lazy(SERVICE, callee, to, credentials.as_ref());
    let database = db::Database::connect(SERVICE, &config.database)?;
    let keys = open_keys(&config, &database).await?;
    let audit = platform::Background::default();
    audit.spawn(|stop| audit::export::run(SERVICE, database.write_pool(), config.audit, stop));
    let traffic = Traffic::new(&config.traffic, database.queues());
    let operations = OperationsApi::new(SERVICE, &traffic, &database, Arc::new(SystemClock));
    let background = platform::Background::default();
    background.spawn(|stop| keys.data().clone().follow(database.write_pool(), stop));
    background.spawn(|stop| traffic.clone().follow(database.read_pool(), stop));
    background.spawn(|stop| approvals::watch(database.read_pool(), stop));
    let lanes = Lanes::start(Arc::new(CustomerBook), database.write_pool(), &config.lanes);
    let deposit = Deposit::new(connect("deposit", &config.clients.deposit)?);
    let loan = Loan::new(connect("loan", &config.clients.loan)?);
    let card = Card::new(connect("card", &config.clients.card)?);

    let context = Context {
        lanes: lanes.clone(),
        writes: database.write_pool(),
        reads: database.read_pool(),
        deposit,
        loan,
        card,
        keys,
        clock: Arc::new(SystemClock),
    };
    Server::new(SERVICE, &config.server, proto::DESCRIPTORS)?
        .credentials(credentials)
        .traffic(&traffic)
        .operations(operations)?
        .ready_when(database.ready_probe())
        .telemetry(&telemetry)
        .serve(
            CustomerServiceServer::new(Api::new(context)).max_decoding_message_size(MESSAGE_MAX),
        )?
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
