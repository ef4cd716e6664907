//! The customer service: config → telemetry → pools → lanes → serve → drain.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use customer::api::Api;
use customer::clients::Deposit;
use customer::commands::{Context, CustomerBook};
use customer::config::Config;
use customer::{APP_ROLE, MIGRATIONS, SERVICE};
use kernel::SystemClock;
use platform::lanes::Lanes;
use platform::{Server, client, config, db, shutdown, telemetry};
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
    let keys = config.protection.keys()?;
    let database = db::Database::connect(SERVICE, &config.database)?;
    let lanes = Lanes::start(Arc::new(CustomerBook), database.write_pool(), &config.lanes);
    let deposit = Deposit::new(client::connect_lazy(SERVICE, &config.clients.deposit)?);

    let context = Context {
        lanes: lanes.clone(),
        reads: database.read_pool(),
        deposit,
        keys,
        clock: Arc::new(SystemClock),
    };
    Server::new(SERVICE, &config.server, proto::DESCRIPTORS)?
        .traffic(&config.traffic)
        .ready_when(database.ready_probe())
        .telemetry(&telemetry)
        .serve(CustomerServiceServer::new(Api::new(context)))?
        .until(shutdown::signal())
        .await?;

    lanes.drain().await;
    database.close().await;
    telemetry.flush().await;
    Ok(())
}
