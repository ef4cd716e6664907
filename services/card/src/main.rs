//! The card service: config → telemetry → products → keys → pools → lanes → serve → drain.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use card::api::Api;
use card::clients::{Accounting, Customers, Deposits};
use card::commands::{CardBook, Context, Lookups};
use card::config::Config;
use card::domain::Products;
use card::gateway::{Gateway, Parts};
use card::store::Keys;
use card::{APP_ROLE, MIGRATIONS, SERVICE, gateway, jobs, keys, signals};
use clap::Parser;
use kernel::{Clock, SystemClock};
use platform::lanes::Lanes;
use platform::outbox::{self, Relay, RelayWaker};
use platform::protection::SearchKey;
use platform::protection::data_keys::{self, DataKeys};
use platform::traffic::{OperationsApi, Traffic};
use platform::{Server, approvals, audit, client, config, db, shutdown, telemetry, tls};
use proto::card::v1::card_service_server::CardServiceServer;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The card service of Thincore: debit cards, what the scheme asks of them, clearing and settlement.
#[derive(Parser)]
#[command(name = "card", version)]
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
    /// Show the check values of all keys: what two parties compare to know that they hold the same ones.
    CheckValues {
        /// The settings of the service.
        #[arg(long)]
        config: PathBuf,
    },
    /// Make the keys of some settings, which are in software, on the HSM of other settings: PINs and CVV2s stay what they are.
    MoveKeys {
        /// The settings with the keys (keys.provider software).
        #[arg(long)]
        from: PathBuf,
        /// The settings with the HSM (keys.provider pkcs11).
        #[arg(long)]
        to: PathBuf,
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

/// The largest request, bytes: a settlement report of 20,000 lines. Decoded, a list of a thousand empty items takes no more.
const MESSAGE_MAX: usize = 4 << 20;
/// How long the database may take to be there.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse() {
        Arguments::Serve { config } => serve(config::load(Some(&config))?).await,
        Arguments::Migrate { owner_url } => {
            Ok(db::migrate(&owner_url, APP_ROLE, &MIGRATIONS).await?)
        }
        Arguments::CheckValues { config } => check_values(&config::load(Some(&config))?),
        Arguments::MoveKeys { from, to } => {
            move_keys(&config::load(Some(&from))?, &config::load(Some(&to))?)
        }
        Arguments::RewrapDataKeys { config } => rewrap(config::load(Some(&config))?).await,
    }
}

fn check_values(config: &Config) -> anyhow::Result<()> {
    for key in config.keys.open()?.check_values()? {
        println!("{:<40} {:<6} {}", key.name, key.algorithm, key.value);
    }
    Ok(())
}

fn move_keys(from: &Config, to: &Config) -> anyhow::Result<()> {
    for label in keys::move_keys(&from.keys, &to.keys)? {
        println!("{label}");
    }
    Ok(())
}

async fn rewrap(config: Config) -> anyhow::Result<()> {
    let database = db::Database::connect(SERVICE, &config.database)?;
    database.wait_until_ready(PATIENCE).await?;
    let wrapping = config.protection.wrapping()?;
    let count = data_keys::rewrap(&database.write_pool(), &wrapping, "card").await?;
    println!("{count} data keys were wrapped again, with key {}", wrapping.writing_id());
    database.close().await;
    Ok(())
}

/// The keys of what lies in the database, once it is there.
async fn open_keys(
    config: &Config,
    database: &db::Database,
    search: &Arc<SearchKey>,
) -> anyhow::Result<Keys> {
    database.wait_until_ready(PATIENCE).await?;
    let data = DataKeys::open(&database.write_pool(), config.protection.wrapping()?).await?;
    Ok(Keys::new(data, Arc::clone(search)))
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let telemetry = telemetry::start(SERVICE, &config.telemetry)?;
    signals::describe();
    gateway::describe();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let credentials = tls::of_service(SERVICE, &config.server, config.tls.as_ref())?;
    let connect = |callee, to| client::connect_lazy(SERVICE, callee, to, credentials.as_ref());
    let products = Arc::new(config.books.read()?);
    let (search, card_keys) = (Arc::new(config.protection.search()?), config.keys.open()?);
    let database = db::Database::connect(SERVICE, &config.database)?;
    let keys = open_keys(&config, &database, &search).await?;
    let audit = platform::Background::default();
    let exported = config.audit.clone();
    audit.spawn(|stop| audit::export::run(SERVICE, database.write_pool(), exported, stop));
    let traffic = Traffic::new(&config.traffic, database.queues());
    let operations = OperationsApi::new(SERVICE, &traffic, &database, Arc::clone(&clock));
    let channel = connect("accounting", &config.clients.accounting)?;
    let accounting = Accounting::new(channel, Arc::clone(&clock));

    let (waker, woken) = (RelayWaker::default(), Arc::default());
    let waking = (waker.clone(), Arc::clone(&woken));
    let lanes = start_lanes(&config, &database, (&products, &clock), waking);
    let context = Context {
        lanes: lanes.clone(),
        lookups: Lookups::start(database.read_pool(), &products, &config.lanes),
        writes: database.write_pool(),
        reads: database.read_pool(),
        customers: Customers::new(connect("customer", &config.clients.customer)?),
        deposits: Deposits::new(connect("deposit", &config.clients.deposit)?),
        products,
        keys: keys.clone(),
        card_keys,
        search,
        clock: Arc::clone(&clock),
        work: config.work.clone(),
        woken,
    };

    let day = jobs::DayKnown::default();
    let relay = Relay::new(database.write_pool(), accounting.clone(), &config.relay, waker);
    let background = in_the_background(&database, (&traffic, keys), (accounting, clock), &day);
    background.spawn(|stop| relay.run(stop));
    let working = platform::Background::default();
    jobs::work(&working, &context);

    let ready = when_ready(&database, &day);
    let parts = Parts {
        context: context.clone(),
        traffic: traffic.clone(),
        ready: ready.clone(),
        contract: proto::DESCRIPTORS,
        credentials: credentials.clone(),
    };
    let (answering, shutdown) = answer_scheme(&config, parts).await?;
    Server::new(SERVICE, &config.server, proto::DESCRIPTORS)?
        .credentials(credentials)
        .traffic(&traffic)
        .operations(operations)?
        .ready_when(move || ready())
        .telemetry(&telemetry)
        .serve(CardServiceServer::new(Api::new(context)).max_decoding_message_size(MESSAGE_MAX))?
        .until(shutdown)
        .await?;
    answering.await?;

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

/// Whether anything can be decided.
fn when_ready(
    database: &db::Database,
    day: &jobs::DayKnown,
) -> Arc<dyn Fn() -> bool + Send + Sync> {
    let (database_ready, day) = (database.ready_probe(), day.clone());
    Arc::new(move || database_ready() && day.get())
}

/// Where cards are decided on.
fn start_lanes(
    config: &Config,
    database: &db::Database,
    (products, clock): (&Arc<Products>, &Arc<dyn Clock>),
    (waker, woken): (RelayWaker, Arc<Notify>),
) -> Lanes<CardBook> {
    let book = CardBook::new(Arc::clone(products), Arc::clone(clock), waker, woken);
    Lanes::start(Arc::new(book), database.write_pool(), &config.lanes)
}

/// Answers the scheme until told to end. Whoever ends everybody else waits for what is answered second: the scheme is told
/// to go at the same moment.
async fn answer_scheme(
    config: &Config,
    parts: Parts,
) -> anyhow::Result<(JoinHandle<()>, impl Future<Output = ()> + Send + 'static)> {
    let gateway = Gateway::bind(&config.gateway, &config.server, parts).await?;
    let ending = CancellationToken::new();
    let answering = tokio::spawn(gateway.run(ending.clone()));
    let ended = async move {
        shutdown::signal().await;
        ending.cancel();
    };
    Ok((answering, ended))
}

/// What goes on beside the answering of requests.
fn in_the_background(
    database: &db::Database,
    (traffic, keys): (&Traffic, Keys),
    (accounting, clock): (Accounting, Arc<dyn Clock>),
    day: &jobs::DayKnown,
) -> platform::Background {
    let background = platform::Background::default();
    background.spawn(|stop| keys.data().clone().follow(database.write_pool(), stop));
    background.spawn(|stop| traffic.clone().follow(database.read_pool(), stop));
    background.spawn(|stop| approvals::watch(database.read_pool(), stop));
    background.spawn(|stop| outbox::watch(database.read_pool(), stop));
    background.spawn(|stop| signals::watch(database.read_pool(), Arc::clone(&clock), stop));
    background.spawn(|stop| jobs::keep_partitions(database.write_pool(), Arc::clone(&clock), stop));
    background.spawn(|stop| {
        let pool = database.write_pool();
        jobs::follow_business_date(pool, accounting, clock, day.clone(), stop)
    });
    background
}
