//! A card service of one test: a fresh database, the real binary as a process of its own, its neighbours, and verbs.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use kernel::{AccountNumber, CellCode, Clock, CustomerId, RequestId, SystemClock};
use proto::card::v1 as pb;
use proto::card::v1::card_service_client::CardServiceClient;
use proto::common::v1::read_consistency::Freshness;
use proto::common::v1::{Money, ReadConsistency};
use proto::customer::v1::CustomerStatus;
use scheme::{AesKey, ClearPin, Pan, PinBlock, pin};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use testkit::certificates::Authority;
use testkit::database::{self, TestDatabase};
use testkit::on_behalf::OnBehalfOf;
use testkit::process::{Program, Running};
use testkit::trust::{self, Trust};
use testkit::{http, port};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::neighbour::{Account, Customer, Deposit};

/// How long anything may take before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The business date on which tests begin.
pub const TODAY: &str = "2026-01-20";
/// The PIN of cards of a test that does not say.
pub const PIN: &str = "2580";
/// The zone key of channels and of the scheme.
const ZONE_KEY: &str = "00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f";

/// What calls go through; its certificate names the caller, and it names the customer of a channel.
pub type Client = CardServiceClient<InterceptedService<Channel, OnBehalfOf>>;

/// A running card service. The process ends before its database is dropped.
pub struct Service {
    process: Running,
    program: Program,
    listen: SocketAddr,
    operations: SocketAddr,
    directory: TempDir,
    /// Where the scheme asks.
    pub gateway: SocketAddr,
    /// Its database.
    pub database: TestDatabase,
    /// The deposit service that it talks to.
    pub deposit: Deposit,
    /// The customer service that it talks to.
    pub customer: Customer,
    /// Who has the cards in a test that does not say.
    pub holder: CustomerId,
    /// The holder's account, with 10,000.00 on it at first.
    pub account: String,
}

impl Service {
    /// Starts everything and waits until it is ready. Orders are given again after a tenth of a second.
    pub async fn start() -> Self {
        Self::start_with("", "").await
    }

    /// Starts everything with these further settings: of the section `gateway`, and other sections.
    pub async fn start_with(of_gateway: &str, others: &str) -> Self {
        let database = database::fresh("card", async |owner_url, app_role| {
            platform::db::migrate(owner_url, app_role, &card::MIGRATIONS).await
        })
        .await;
        // Nobody answers as accounting: the service goes on with the business date that it has.
        let mut admin = PgConnection::connect(&database.admin_url).await.unwrap();
        let begin = format!(
            "INSERT INTO business_day (business_date) VALUES ('{TODAY}'); \
             SELECT ensure_partitions(current_date - 8, current_date + 4)"
        );
        sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut admin).await.unwrap();
        let (deposit, deposit_at) = Deposit::start();
        let (customer, customer_at) = Customer::start();
        let directory = TempDir::new().unwrap();
        let ports = port::free(4).unwrap();
        let address = |port: usize| SocketAddr::from(([127, 0, 0, 1], ports[port]));
        let (listen, operations, gateway, nobody) =
            (address(0), address(1), address(2), address(3));
        let nodes = &database.app_urls;
        let tls = Authority::of_this_process().tls_section(directory.path(), "service/card");
        let tls = tls.unwrap();
        let products = concat!(env!("CARGO_MANIFEST_DIR"), "/books/products.toml");
        let (key, short) = ("ab".repeat(32), "0123456789abcdeffedcba9876543210");
        let work = if others.contains("[work]") { "" } else { "[work]\nresolve_after_ms = 100\n" };
        let settings = format!(
            "[server]\nlisten = \"{listen}\"\noperations_listen = \"{operations}\"\n{tls}\
             [database]\nnodes = {nodes:?}\n\
             [clients]\ncustomer = \"https://{customer_at}\"\ndeposit = \"https://{deposit_at}\"\n\
             accounting = \"https://{nobody}\"\n\
             [books]\nproducts_file = \"{products}\"\n\
             [protection]\nkey_encryption_key_id = \"k1\"\nkey_encryption_key_hex = \"{key}\"\n\
             search_key_hex = \"{key}\"\n\
             [keys]\nprovider = \"software\"\npin_verification_key_hex = \"{short}\"\n\
             card_verification_key_hex = \"{short}\"\n\
             zone_pin_keys = {{ zone = {{ algorithm = \"aes\", hex = \"{ZONE_KEY}\" }} }}\n\
             [gateway]\nlisten = \"{gateway}\"\npin_keys = [\"zone\"]\n{of_gateway}\n{work}{others}"
        );
        let config = directory.path().join("card.toml");
        std::fs::write(&config, settings).unwrap();
        let log = directory.path().join("card.log");
        let mut program = Program::new("card", Path::new(env!("CARGO_BIN_EXE_card")), &log);
        program.args = vec!["serve".into(), "--config".into(), config.to_str().unwrap().to_owned()];
        let process = program.spawn().unwrap();
        let holder = new_customer(3);
        let account = account_number(1);
        let service = Self {
            process,
            program,
            listen,
            operations,
            directory,
            gateway,
            database,
            deposit,
            customer,
            holder,
            account,
        };
        service.register(service.holder, &service.account);
        service.deposit.set_balance(&service.account, 1_000_000);
        service.wait_until_ready().await;
        service
    }

    /// From now on there is this customer with this empty account.
    pub fn register(&self, customer: CustomerId, account: &str) {
        self.customer.knows(&customer.to_string(), CustomerStatus::Active);
        let customer_id = customer.to_string();
        self.deposit.has(
            account,
            Account { customer_id, currency: "CNY".into(), balance_minor: 0, blocked: "" },
        );
    }

    /// Kills the process with SIGKILL.
    pub async fn kill(&mut self) {
        self.process.kill9().await.unwrap();
    }

    /// Tells the process to end, and waits until it has.
    pub async fn stop(&mut self) {
        assert!(self.process.stop(PATIENCE).await.unwrap());
    }

    /// Starts the process again on the same database.
    pub async fn restart(&mut self) {
        self.process = self.program.spawn().unwrap();
        self.wait_until_ready().await;
    }

    /// What the process was started with.
    pub fn settings(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("card.toml")).unwrap()
    }

    /// A directory that ends with the service.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts the process again on the same database, with these settings and this variable of its environment.
    pub async fn restart_with(&mut self, settings: &str, variable: &str) {
        std::fs::write(self.directory.path().join("card.toml"), settings).unwrap();
        if self.program.path != Path::new("/usr/bin/env") {
            let program = self.program.path.to_str().unwrap().to_owned();
            self.program.args.splice(0..0, [variable.to_owned(), program]);
            self.program.path = "/usr/bin/env".into();
        }
        self.stop().await;
        self.restart().await;
    }

    /// Starts the program with the same settings but for this replacement, and answers what it says when it ends.
    pub async fn refused_to_start(&self, from: &str, to: &str) -> String {
        let directory = self.directory.path();
        let settings = std::fs::read_to_string(directory.join("card.toml")).unwrap();
        assert!(settings.contains(from), "{from}");
        let config = directory.join("other.toml");
        std::fs::write(&config, settings.replace(from, to)).unwrap();
        let log = directory.join("other.log");
        let mut program = Program::new("other", Path::new(env!("CARGO_BIN_EXE_card")), &log);
        program.args = vec!["serve".into(), "--config".into(), config.to_str().unwrap().to_owned()];
        let mut process = program.spawn().unwrap();
        let ended = tokio::time::timeout(PATIENCE, process.exited()).await;
        assert!(!ended.unwrap().unwrap().success());
        std::fs::read_to_string(log).unwrap()
    }

    /// Starts a second process on the same database with the same neighbours, and waits until it is ready.
    pub async fn beside(&self) -> Running {
        let directory = self.directory.path();
        let mut settings = std::fs::read_to_string(directory.join("card.toml")).unwrap();
        let ports = port::free(3).unwrap();
        let other = |port: usize| SocketAddr::from(([127, 0, 0, 1], ports[port]));
        let pairs = [self.listen, self.operations, self.gateway].into_iter().zip(0..);
        for (address, port) in pairs {
            settings = settings.replace(&address.to_string(), &other(port).to_string());
        }
        let config = directory.join("beside.toml");
        std::fs::write(&config, settings).unwrap();
        let log = directory.join("beside.log");
        let mut program = Program::new("beside", Path::new(env!("CARGO_BIN_EXE_card")), &log);
        program.args = vec!["serve".into(), "--config".into(), config.to_str().unwrap().to_owned()];
        let process = program.spawn().unwrap();
        self.wait_until_answers(other(1)).await;
        process
    }

    async fn wait_until_ready(&self) {
        self.wait_until_answers(self.operations).await;
    }

    async fn wait_until_answers(&self, operations: SocketAddr) {
        let url = format!("https://{operations}/readyz");
        let trust = Trust::anonymous(Authority::of_this_process().certificate_pem()).unwrap();
        let ready = async {
            loop {
                let answer = http::get(&url, Some(&trust), PATIENCE).await;
                if answer.is_ok_and(|(code, _)| code == 200) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let ended = tokio::time::timeout(PATIENCE, ready).await;
        assert!(ended.is_ok(), "the service is not ready; its log:\n{}", self.log());
    }

    /// What the process has written.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.program.log).unwrap()
    }

    /// What `/metrics` says.
    pub async fn metrics(&self) -> String {
        let url = format!("https://{}/metrics", self.operations);
        let trust = Trust::of_this_process("operator/test").unwrap();
        http::get(&url, Some(&trust), PATIENCE).await.unwrap().1
    }

    /// A client with a connection of its own, which calls as a channel on behalf of the usual holder.
    pub fn client(&self) -> Client {
        self.client_for(self.holder)
    }

    /// A client which calls as a channel on behalf of this customer.
    pub fn client_for(&self, customer: CustomerId) -> Client {
        self.client_with("channel/test", OnBehalfOf::customer(&customer.to_string()).unwrap())
    }

    /// A client which calls as a teller.
    pub fn teller(&self) -> Client {
        self.client_as("teller/test")
    }

    /// A client which calls as the scheme.
    pub fn scheme(&self) -> Client {
        self.client_as("scheme/test")
    }

    /// A client which calls under this name.
    pub fn client_as(&self, name: &str) -> Client {
        self.client_with(name, OnBehalfOf::nobody())
    }

    fn client_with(&self, name: &str, customer: OnBehalfOf) -> Client {
        let trust = Trust::of_this_process(name).unwrap();
        let endpoint = trust::endpoint(&format!("https://{}", self.listen), Some(&trust));
        CardServiceClient::with_interceptor(endpoint.unwrap().connect_lazy(), customer)
    }

    /// A superuser's connection, to look behind the service's back.
    pub async fn admin(&self) -> PgConnection {
        PgConnection::connect(&self.database.admin_url).await.unwrap()
    }

    /// One number from the database.
    pub async fn count(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::query_scalar(sql).fetch_one(&mut self.admin().await).await.unwrap()
    }

    /// One text from the database.
    pub async fn text(&self, sql: &str) -> String {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::query_scalar(sql).fetch_one(&mut self.admin().await).await.unwrap()
    }

    /// Runs a statement as a superuser.
    pub async fn plant(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::raw_sql(sql).execute(&mut self.admin().await).await.unwrap();
    }

    /// From now on the business date is this one.
    pub async fn on(&self, date: &str) {
        self.plant(&format!("UPDATE business_day SET business_date = '{date}'")).await;
    }

    /// Waits until a query answers this number.
    pub async fn wait_for(&self, sql: &str, number: i64) {
        let reached = async {
            while self.count(sql).await != number {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let ended = tokio::time::timeout(PATIENCE, reached).await;
        assert!(ended.is_ok(), "{sql} is not {number}");
    }

    /// Waits until nothing is reserved on the usual account.
    pub async fn wait_until_nothing_is_held(&self) {
        let reached = async {
            while self.deposit.held(&self.account) != 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let ended = tokio::time::timeout(PATIENCE, reached).await;
        assert!(ended.is_ok(), "{} is held", self.deposit.held(&self.account));
    }

    /// A request for a debit card on the usual account under a new request id.
    pub fn issue(&self) -> pb::IssueCardRequest {
        pb::IssueCardRequest {
            request_id: request_id(),
            customer_id: self.holder.to_string(),
            account_number: self.account.clone(),
            product_code: "DEBIT".into(),
        }
    }

    /// Issues a card.
    pub async fn issued(&self) -> pb::Card {
        self.client().issue_card(self.issue()).await.unwrap().into_inner().card.unwrap()
    }

    /// Issues a card, makes it usable and sets its PIN.
    pub async fn active(&self) -> Plastic {
        let card = self.issued().await;
        let mut client = self.client();
        let card_id = card.card_id.clone();
        let request =
            pb::ActivateCardRequest { request_id: request_id(), card_id: card_id.clone() };
        client.activate_card(request).await.unwrap();
        let request = pb::RevealCardRequest { request_id: request_id(), card_id: card_id.clone() };
        let shown = client.reveal_card(request).await.unwrap().into_inner();
        let plastic = Plastic {
            card_id: card_id.clone(),
            pan: Pan::parse(&shown.number).unwrap(),
            expiry: shown.expiry,
            cvv2: shown.cvv2,
        };
        let new_pin = Some(plastic.pin(PIN));
        let request = pb::SetPinRequest { request_id: request_id(), card_id, new_pin };
        client.set_pin(request).await.unwrap();
        plastic
    }

    /// The card as it stands on the primary.
    pub async fn card(&self, card_id: &str) -> pb::Card {
        let request = pb::GetCardRequest { card_id: card_id.into(), consistency: primary() };
        self.teller().get_card(request).await.unwrap().into_inner().card.unwrap()
    }

    /// An authorization as it stands on the primary.
    pub async fn authorization(&self, id: &str) -> pb::Authorization {
        let request =
            pb::GetAuthorizationRequest { authorization_id: id.into(), consistency: primary() };
        let answer = self.teller().get_authorization(request).await.unwrap().into_inner();
        answer.authorization.unwrap()
    }
}

/// What is in a holder's hands.
#[derive(Debug, Clone)]
pub struct Plastic {
    /// What the bank calls it.
    pub card_id: String,
    /// The number.
    pub pan: Pan,
    /// Year and month.
    pub expiry: String,
    /// The three digits on the back.
    pub cvv2: String,
}

impl Plastic {
    /// A PIN for this card, as a channel sends it.
    pub fn pin(&self, digits: &str) -> pb::PinBlock {
        pb::PinBlock {
            format: pb::PinBlockFormat::Iso4.into(),
            block: self.pin_block(digits).as_bytes().to_vec(),
            key_name: "zone".into(),
        }
    }

    /// The same as the scheme sends it.
    pub fn pin_block(&self, digits: &str) -> PinBlock {
        let pin = ClearPin::parse(digits).unwrap();
        let key = AesKey::from_hex(ZONE_KEY).unwrap();
        PinBlock::Format4(pin::encipher_format4(&key, &pin, &self.pan, [7; 8]))
    }

    /// A purchase at a terminal.
    pub fn purchase(&self, minor: i64) -> pb::AuthorizeRequest {
        pb::AuthorizeRequest {
            request_id: request_id(),
            card_number: self.pan.expose().to_owned(),
            expiry: self.expiry.clone(),
            kind: pb::AuthorizationKind::Purchase.into(),
            channel: pb::CardBucket::Pos.into(),
            amount: cny(minor),
            pin: None,
            cvv2: String::new(),
            merchant_category: "5411".into(),
            abroad: false,
            acquirer: "12345".into(),
            terminal: "TERM0001".into(),
            retrieval_reference: "000000000001".into(),
            trace_number: "000001".into(),
            post_now: false,
        }
    }
}

/// The id of a customer; two of different numbers differ.
pub fn new_customer(number: u8) -> CustomerId {
    CustomerId::new(SystemClock.now(), [number; 10])
}

/// A well-formed account number.
pub fn account_number(serial: u64) -> String {
    AccountNumber::from_parts(CellCode::try_new(101).unwrap(), serial).unwrap().to_string()
}

/// A new request id.
pub fn request_id() -> String {
    RequestId::generate(&SystemClock).to_string()
}

/// An amount of CNY, as optional as protobuf makes every message.
#[expect(clippy::unnecessary_wraps, reason = "fields of requests are optional")]
pub fn cny(amount_minor: i64) -> Option<Money> {
    Some(Money { currency_code: "CNY".into(), amount_minor })
}

/// A read on the primary.
#[expect(clippy::unnecessary_wraps, reason = "fields of requests are optional")]
pub fn primary() -> Option<ReadConsistency> {
    Some(ReadConsistency { freshness: Some(Freshness::Primary(true)) })
}

/// The reason of a refusal, and its code.
#[track_caller]
pub fn reason<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    let info = status.get_details_error_info();
    (status.code(), info.map(|info| info.reason).unwrap_or_default())
}

/// That the bank said no, for this reason.
#[track_caller]
pub fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Status>, why: &str) {
    assert_eq!(reason(answer), (Code::FailedPrecondition, why.into()));
}
