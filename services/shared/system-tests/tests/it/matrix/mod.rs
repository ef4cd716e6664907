//! Every method of every service, called by every kind of caller with a certificate of its own, against a real bank: what
//! each is answered stands in `authorization-matrix.tsv`.
//!
//! A method that is added to the contract is missing from the file, and the test says so. After looking at the
//! differences, `UPDATE_MATRIX=1` writes the file anew. What the contract itself says of roles and scopes is asserted
//! beside the file, so that a wrong answer cannot be accepted by writing it down.

pub mod call;
mod samples;
mod samples_of_card;
mod samples_of_deposit;
mod samples_of_loan;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use platform::policy::{MethodPolicy, PolicyTable};
use prost_reflect::DescriptorPool;

use call::Answer;
use world::{CHANNEL, IDENTITIES, Identity, World};

const HEADER: &str = "# What each caller is answered. Checked by the test `matrix` of system-tests, and written by it with UPDATE_MATRIX=1.\n\
    # scope: whose the account, hold, posting or customer is, for a channel that acts for one customer; - acts for the bank.\n\
    # amount: the largest that the role may move in one call, or one hundredth of a unit above; - moves none.\n\
    rpc\tcaller\tscope\tamount\tcode\treason\n";

/// Whose it is what the call names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The caller acts for the bank: it names what some customer owns.
    Bank,
    /// The customer's for whom the channel acts.
    Own,
    /// Somebody else's.
    Other,
    /// Nobody's: it does not exist.
    Absent,
    /// The channel names no customer.
    Unnamed,
    /// The channel names something that is no customer's id.
    Malformed,
}

/// How much is to be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// The call carries no amount, or one unit of the currency where there is no limit to test.
    None,
    /// The most that the role may move in one call.
    Within,
    /// A minor unit more.
    Above,
}

/// One line of the matrix.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub identity: &'static Identity,
    pub scope: Scope,
    pub amount: Amount,
    /// In minor units.
    pub amount_minor: i64,
}

/// A method: its service's full name, its own, and what the contract says of it.
struct Method {
    service: String,
    name: String,
    policy: MethodPolicy,
}

impl Method {
    fn path(&self) -> String {
        format!("{}/{}", self.service, self.name)
    }

    fn admits(&self, identity: &Identity) -> bool {
        identity.role.is_some_and(|role| self.policy.roles.contains(&role))
    }

    fn cases(&self, identity: &'static Identity) -> Vec<Case> {
        let limit = self.policy.amount_bands.iter().find(|(role, _)| Some(*role) == identity.role);
        let limit_minor = limit.map_or(world::UNLIMITED_MINOR, |(_, max)| max * 100);
        let case = |scope, amount| Case {
            identity,
            scope,
            amount,
            amount_minor: match amount {
                Amount::None => 100,
                Amount::Within if limit.is_none() => 100,
                Amount::Within => limit_minor,
                Amount::Above => limit_minor + 1,
            },
        };
        let amounts: &[Amount] = if self.policy.amount_bands.is_empty() || !self.admits(identity) {
            &[Amount::None]
        } else {
            &[Amount::Within, Amount::Above]
        };
        if identity.name != CHANNEL || !self.admits(identity) || !self.policy.scoped {
            return amounts.iter().map(|amount| case(Scope::Bank, *amount)).collect();
        }
        let own = amounts.iter().map(|amount| case(Scope::Own, *amount));
        let rest = [Scope::Other, Scope::Absent, Scope::Unnamed, Scope::Malformed];
        own.chain(rest.map(|scope| case(scope, amounts[0]))).collect()
    }
}

/// Every method of the contract, by service and in the order in which it declares them.
fn methods() -> Vec<Method> {
    let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
    let mut methods = Vec::new();
    let services: BTreeMap<_, _> =
        pool.services().map(|service| (service.full_name().to_owned(), service)).collect();
    for (name, service) in services {
        let table = PolicyTable::from_descriptors(proto::DESCRIPTORS, &name).unwrap();
        methods.extend(service.methods().map(|method| Method {
            service: name.clone(),
            name: method.name().to_owned(),
            policy: table.get(&format!("/{name}/{}", method.name())).unwrap().clone(),
        }));
    }
    methods
}

fn line(method: &Method, case: &Case, answer: &Answer) -> String {
    let scope = match case.scope {
        Scope::Bank => "-",
        Scope::Own => "own",
        Scope::Other => "other",
        Scope::Absent => "absent",
        Scope::Unnamed => "unnamed",
        Scope::Malformed => "malformed",
    };
    let amount = match case.amount {
        Amount::None => "-",
        Amount::Within => "within",
        Amount::Above => "above",
    };
    let (code, reason) = (&answer.code, &answer.reason);
    format!("{}\t{}\t{scope}\t{amount}\t{code}\t{reason}", method.path(), case.identity.name)
}

/// What holds whatever the file says.
fn assert_as_the_contract_says(method: &Method, case: &Case, answer: &Answer) {
    let line = line(method, case, answer);
    let code = answer.code.as_str();
    let reason = answer.reason.as_str();
    if !method.admits(case.identity) {
        let kept_out = match case.identity.name {
            world::NOBODY => ["NO_CONNECTION", "UNAUTHENTICATED"].contains(&code),
            _ => (code, reason) == ("PERMISSION_DENIED", "ROLE_NOT_ALLOWED"),
        };
        assert!(kept_out, "let in: {line}");
        return;
    }
    let limited =
        method.policy.amount_bands.iter().any(|(role, _)| Some(*role) == case.identity.role);
    let in_the_name_of_deposit = ["PostEvents", "ConfirmCutOver"].contains(&method.name.as_str());
    let expected = match (case.scope, case.amount) {
        _ if in_the_name_of_deposit && case.identity.name != "service/deposit" => {
            Some(("PERMISSION_DENIED", "SOURCE_NOT_CALLER"))
        }
        (Scope::Unnamed, _) => Some(("PERMISSION_DENIED", "CUSTOMER_REQUIRED")),
        (Scope::Malformed, _) => Some(("INVALID_ARGUMENT", "INVALID_ARGUMENT")),
        (_, Amount::Above) if limited => Some(("PERMISSION_DENIED", "AMOUNT_ABOVE_ROLE_LIMIT")),
        _ => None,
    };
    match expected {
        Some(expected) => assert_eq!((code, reason), expected, "{line}"),
        None => assert!(
            ![
                "PERMISSION_DENIED",
                "UNAUTHENTICATED",
                "NO_CONNECTION",
                "INVALID_ARGUMENT",
                "UNIMPLEMENTED",
                "INTERNAL"
            ]
            .contains(&code),
            "kept out, or not asked well: {line}: {}",
            answer.message
        ),
    }
}

/// What is somebody else's is answered as what does not exist: not only code and reason, every byte.
fn assert_hidden(answers: &BTreeMap<String, Vec<(Case, Answer)>>) {
    for (method, answers) in answers {
        let of = |scope| {
            answers.iter().find(|(case, _)| case.scope == scope).map(|(_, answer)| answer.seen())
        };
        assert_eq!(of(Scope::Other), of(Scope::Absent), "{method} tells somebody else's apart");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_caller_is_answered_as_the_matrix_says() {
    let world = World::start().await;
    let mut lines = Vec::new();
    let mut answers: BTreeMap<String, Vec<(Case, Answer)>> = BTreeMap::new();
    for method in methods() {
        for identity in &IDENTITIES {
            for case in method.cases(identity) {
                let sample = samples::sample(&world, &method.service, &method.name, &case).await;
                let answer = world.call(&method.service, &method.name, &case, sample).await;
                assert_as_the_contract_says(&method, &case, &answer);
                lines.push(line(&method, &case, &answer));
                answers.entry(method.path()).or_default().push((case, answer));
            }
        }
    }
    assert_hidden(&answers);
    world.bank.delivered().await;
    world.bank.audit().await;
    compare(&lines);
}

fn compare(lines: &[String]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("authorization-matrix.tsv");
    let text = HEADER.to_owned() + &lines.join("\n") + "\n";
    if std::env::var_os("UPDATE_MATRIX").is_some_and(|value| value == "1") {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    let rows = |text: &str| -> BTreeSet<String> { text.lines().map(str::to_owned).collect() };
    let (expected, found) = (rows(&golden), rows(&text));
    let gone = expected.difference(&found).map(|row| format!("- {row}"));
    let new = found.difference(&expected).map(|row| format!("+ {row}"));
    let mut differences: Vec<String> = gone.chain(new).collect();
    differences.sort_by(|one, other| one[2..].cmp(&other[2..]));
    assert!(
        differences.is_empty(),
        "{} differs from what the bank answers (- the file, + the bank):\n{}\n\
         If that is meant, UPDATE_MATRIX=1 writes it down.",
        path.display(),
        differences.join("\n")
    );
}
