//! The bank that the matrix is tried on: two customers with many accounts, and a certificate for everybody who calls.

use std::collections::BTreeMap;
use std::sync::Mutex;

use kernel::{AccountNumber, CellCode, Clock as _, SystemClock};
use platform::policy::Role;
use proto::deposit::v1 as pb;
use testkit::certificates::Authority;
use testkit::trust::{self, Trust};
use tonic::transport::Channel;

use super::call::{Answer, call};
use super::{Case, Scope};
use crate::support::{Bank, TELLER, request_id};

pub const CHANNEL: &str = "channel/mobile";
/// Nobody: a connection without a certificate.
pub const NOBODY: &str = "no certificate";
/// 50,000,000.00: what a new account holds, and above what any of the limits is for whoever has none.
pub const UNLIMITED_MINOR: i64 = 5_000_000_000;
const ACCOUNTS: usize = 900;

/// Who calls.
#[derive(Debug)]
pub struct Identity {
    pub name: &'static str,
    pub role: Option<Role>,
}

const fn identity(name: &'static str, role: Role) -> Identity {
    Identity { name, role: Some(role) }
}

/// One of each kind; one that the bank certified and knows no kind of; and nobody.
pub static IDENTITIES: [Identity; 12] = [
    identity(CHANNEL, Role::Channel),
    identity("teller/1", Role::Teller),
    identity("operator/1", Role::Operator),
    identity("auditor/1", Role::Auditor),
    identity("scheme/lab", Role::Scheme),
    identity("service/customer", Role::ServiceCustomer),
    identity("service/deposit", Role::ServiceDeposit),
    identity("service/loan", Role::ServiceLoan),
    identity("service/card", Role::ServiceCard),
    identity("service/accounting", Role::ServiceAccounting),
    Identity { name: "visitor/1", role: None },
    Identity { name: NOBODY, role: None },
];

/// The bank, and what is in it.
pub struct World {
    pub bank: Bank,
    /// The customer for whom the channel acts.
    pub own: String,
    /// Another customer.
    pub other: String,
    /// The account of each that loans are paid out to.
    borrowing: BTreeMap<String, String>,
    /// Accounts that no case has used yet, by owner.
    unused: Mutex<BTreeMap<String, Vec<String>>>,
    connections: BTreeMap<(&'static str, &'static str), Channel>,
}

impl World {
    pub async fn start() -> Self {
        let bank = Bank::start().await;
        let (own, other) = (bank.register_active().await, bank.register_active().await);
        let (mut unused, mut borrowing) = (BTreeMap::new(), BTreeMap::new());
        for customer in [&own, &other] {
            let mut accounts = open_accounts(&bank, customer).await;
            borrowing.extend(accounts.pop().map(|account| (customer.clone(), account)));
            unused.insert(customer.clone(), accounts);
        }
        let connections = connections(&bank);
        Self { bank, own, other, borrowing, unused: Mutex::new(unused), connections }
    }

    /// The customer whom a case is about; one that does not exist where it is about nobody.
    pub fn customer(&self, scope: Scope) -> String {
        match scope {
            Scope::Bank | Scope::Other => self.other.clone(),
            Scope::Own | Scope::Unnamed | Scope::Malformed => self.own.clone(),
            Scope::Absent => kernel::CustomerId::new(SystemClock.now(), [7; 10]).to_string(),
        }
    }

    /// An account of that customer which nothing has happened on.
    pub fn account(&self, scope: Scope) -> String {
        if scope == Scope::Absent {
            return absent_account();
        }
        let mut unused = self.unused.lock().unwrap();
        unused.get_mut(&self.customer(scope)).and_then(Vec::pop).unwrap()
    }

    /// The account of that customer which loans are paid out to.
    pub fn borrowing_account(&self, scope: Scope) -> String {
        let known = self.borrowing.get(&self.customer(scope));
        known.cloned().unwrap_or_else(absent_account)
    }

    /// Calls a method as the case says.
    pub async fn call(&self, service: &str, method: &str, case: &Case, sample: Vec<u8>) -> Answer {
        let customer = match case.scope {
            Scope::Own | Scope::Other | Scope::Absent => Some(self.own.as_str()),
            Scope::Malformed => Some("mine"),
            Scope::Bank | Scope::Unnamed => None,
        };
        let connection = self.connections[&(home(service), case.identity.name)].clone();
        call(connection, &format!("/{service}/{method}"), sample, customer).await
    }
}

/// A number as the bank gives them, which it has not given.
pub fn absent_account() -> String {
    AccountNumber::from_parts(CellCode::try_new(999).unwrap(), 1).unwrap().to_string()
}

async fn open_accounts(bank: &Bank, customer: &str) -> Vec<String> {
    let items = (0..ACCOUNTS).map(|_| pb::OpenAccountRequest {
        request_id: request_id(),
        customer_id: customer.into(),
        product_code: "CURRENT".into(),
        currency_code: "CNY".into(),
        opening_deposit_minor: UNLIMITED_MINOR,
    });
    let request = pb::BatchOpenAccountsRequest { items: items.collect() };
    let answer = bank.deposit(TELLER).batch_open_accounts(request).await.unwrap().into_inner();
    answer.results.into_iter().map(|result| result.account_number).collect()
}

/// Where a service of the contract is called; every service of the bank has the operations service.
fn home(service: &str) -> &'static str {
    match service {
        "bank.accounting.v1.AccountingService" => "accounting",
        "bank.customer.v1.CustomerService" => "customer",
        "bank.deposit.v1.DepositService" => "deposit",
        "bank.loan.v1.LoanService" => "loan",
        "bank.card.v1.CardService" => "card",
        "bank.operations.v1.OperationsService" => "operations",
        _ => panic!("say here where {service} is called"),
    }
}

/// A connection of everybody to everything.
fn connections(bank: &Bank) -> BTreeMap<(&'static str, &'static str), Channel> {
    let file = bank.file();
    let url = |home: &str| match home {
        "operations" => file.service("deposit").unwrap().operations.clone(),
        service => file.service(service).unwrap().grpc.clone(),
    };
    let read = |name: &str| std::fs::read_to_string(bank.dir().join("tls").join(name)).unwrap();
    // The bank's own command would not issue for a kind that there is not.
    let authority = Authority::load(&read("ca.pem"), &read("ca.key")).unwrap();
    let mut connections = BTreeMap::new();
    for identity in &IDENTITIES {
        let trust = if identity.name == NOBODY {
            Trust::anonymous(authority.certificate_pem())
        } else {
            let own = authority.issue_for_a_day(identity.name).unwrap();
            Trust::new(authority.certificate_pem(), &own.certificate_pem, &own.key_pem)
        };
        let trust = trust.unwrap();
        for home in ["accounting", "card", "customer", "deposit", "loan", "operations"] {
            let endpoint = trust::endpoint(&url(home), Some(&trust)).unwrap();
            connections.insert((home, identity.name), endpoint.connect_lazy());
        }
    }
    connections
}
