//! The invariants of this service, tried with random commands in random batches.
//!
//! Method: a few documents, customers and request ids, so that commands meet each other; books in memory that apply
//! what the registry says. Numbered c1 to c6, as the README lists them.

#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails, as it should")]

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use kernel::{CustomerId, RequestId};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

/// What the database would hold.
#[derive(Debug, Default, Clone, PartialEq)]
struct Books {
    customers: BTreeMap<CustomerId, Customer>,
    history: BTreeMap<CustomerId, Vec<TransitionRecord>>,
    decided: HashMap<RequestId, Stored>,
}

impl Books {
    /// Decides a batch and saves it, as a lane does.
    fn post(&mut self, commands: &[Command]) -> Vec<Outcome> {
        let documents: HashSet<_> = self.customers.values().map(|c| c.document_hash).collect();
        let customers = self.customers.values().cloned().collect();
        let mut registry = Registry::new(customers, documents, self.decided.clone());
        let outcomes: Vec<_> = commands.iter().map(|c| registry.decide(c)).collect();
        let changes = registry.into_changes();
        for customer in changes.registered {
            assert_eq!(self.customers.insert(customer.id, customer), None, "registered twice");
        }
        for (id, standing) in changes.moved {
            self.customers.get_mut(&id).unwrap().standing = standing;
        }
        for record in changes.transitions {
            self.history.entry(record.customer_id).or_default().push(record);
        }
        for decision in changes.decisions {
            let at = commands.iter().position(|c| c.request() == &decision.request).unwrap();
            let result = outcomes[at].result.clone();
            assert_eq!(result.as_ref().ok().map(|c| c.standing.version), decision.result.ok());
            let stored = Stored { fingerprint: decision.request.fingerprint, result };
            assert_eq!(self.decided.insert(decision.request.id, stored), None, "decided twice");
        }
        outcomes
    }
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000_u128.checked_add(number).unwrap())
}

fn customer_id(number: u8) -> CustomerId {
    CustomerId::from_uuid(id(u128::from(number)))
}

fn request(number: u8, fingerprint: i64, second: i64) -> Request {
    Request {
        id: RequestId::from_uuid(id(u128::from(number))).unwrap(),
        fingerprint: Fingerprint(fingerprint),
        caller: "teller-1".into(),
        asked_at: DateTime::<Utc>::from_timestamp(1_800_000_000, 0).unwrap()
            + chrono::TimeDelta::seconds(second),
    }
}

fn register(request: Request, customer: u8, document: u8, verified: bool) -> Command {
    let status = if verified { CustomerStatus::Active } else { CustomerStatus::Pending };
    let changed_at = request.asked_at;
    let customer = Customer {
        id: customer_id(customer),
        kind: CustomerKind::Person,
        document_kind: DocumentKind::Passport,
        document_hash: DocumentHash([document; 32]),
        sealed: SealedPersonalData { name: vec![1], document_number: vec![2], phone: None },
        registered_at: changed_at,
        standing: Standing { status, reason: Reason::default(), changed_at, version: 1 },
    };
    Command::Register(Register { request, customer })
}

/// Commands over 12 request ids, 6 documents and 6 customers. The fingerprint is the content itself, so that one id
/// with other content is rare but happens. A customer's id is that of the request which registers it.
fn commands() -> impl Strategy<Value = Vec<Command>> {
    let registers = (0..12_u8, 0..6_u8, any::<bool>(), -5..5_i64).prop_map(
        |(number, document, verified, second)| {
            let fingerprint = i64::from(document) * 2 + i64::from(verified);
            register(request(number, fingerprint, second), number, document, verified)
        },
    );
    let step = prop::sample::select(Step::ALL.to_vec());
    let transitions = (0..40_u8, 0..12_u8, step, prop::bool::weighted(0.2), -5..5_i64).prop_map(
        |(number, customer, step, objected, second)| {
            let fingerprint = 100
                + i64::from(customer) * 4
                + Step::ALL
                    .iter()
                    .position(|s| *s == step)
                    .map_or(0, |p| i64::try_from(p).unwrap());
            Command::Transition(Transition {
                request: request(number, fingerprint, second),
                customer_id: customer_id(customer),
                step,
                reason: Reason::parse("asked").unwrap(),
                objection: objected.then_some(Rejection::CustomerHasProducts),
            })
        },
    );
    prop::collection::vec(prop_oneof![1 => registers, 2 => transitions], 0..60)
}

proptest! {
    #[test]
    fn c1_the_history_is_a_gapless_path_of_legal_steps_to_the_present(commands in commands()) {
        let mut books = Books::default();
        for batch in commands.chunks(7) {
            books.post(batch);
        }

        for (id, customer) in &books.customers {
            let mut at = None;
            for (record, version) in books.history[id].iter().zip(1..) {
                prop_assert_eq!(record.version, version);
                prop_assert_eq!(record.from, at);
                let legal = record.from.is_none_or(|from| {
                    Step::ALL.iter().any(|step| from.after(*step) == Ok(record.to))
                });
                prop_assert!(legal);
                at = Some(record.to);
            }
            prop_assert_eq!(at, Some(customer.standing.status));
            prop_assert_eq!(i64::try_from(books.history[id].len()), Ok(customer.standing.version));
        }
    }

    #[test]
    fn c2_no_two_customers_have_one_document(commands in commands()) {
        let mut books = Books::default();
        for batch in commands.chunks(7) {
            books.post(batch);
        }

        let documents: HashSet<_> = books.customers.values().map(|c| c.document_hash).collect();
        prop_assert_eq!(documents.len(), books.customers.len());
    }

    #[test]
    fn c3_a_repeated_request_gets_its_first_answer_and_changes_nothing(commands in commands()) {
        let mut books = Books::default();
        let first: Vec<_> = commands.chunks(7).flat_map(|batch| books.post(batch)).collect();
        let after = books.clone();
        let again: Vec<_> = commands.chunks(11).flat_map(|batch| books.post(batch)).collect();

        prop_assert_eq!(&after, &books);
        for (first, again) in first.into_iter().zip(again) {
            prop_assert_eq!(first.result, again.result);
            prop_assert!(again.replayed);
        }
    }

    #[test]
    fn c4_a_batch_decides_as_its_commands_alone_would(commands in commands(), size in 1..20_usize) {
        let mut alone = Books::default();
        let mut batched = Books::default();
        let one_by_one: Vec<_> = commands.chunks(1).flat_map(|batch| alone.post(batch)).collect();
        let together: Vec<_> = commands.chunks(size).flat_map(|batch| batched.post(batch)).collect();

        prop_assert_eq!(one_by_one, together);
        prop_assert_eq!(alone, batched);
    }

    #[test]
    fn c5_the_history_never_goes_back_in_time(commands in commands()) {
        let mut books = Books::default();
        books.post(&commands);

        for history in books.history.values() {
            prop_assert!(history.is_sorted_by_key(|record| record.changed_at));
        }
    }

    #[test]
    fn c6_a_mask_shows_one_letter_of_a_name_and_at_most_half_and_four_of_a_number(
        name in "\\PC{1,200}",
        number in "[0-9A-Za-z]{4,40}",
    ) {
        prop_assume!(!name.trim().is_empty());
        let masked = FullName::parse(&name).unwrap().masked();
        prop_assert_eq!(masked.chars().next(), name.chars().next());
        prop_assert_eq!(masked.chars().skip(1).collect::<String>(), "****");

        let masked = DocumentNumber::parse(&number).unwrap().masked();
        let shown = masked.strip_prefix("****").unwrap();
        prop_assert!(number.ends_with(shown));
        prop_assert!(shown.len() <= 4 && shown.len() * 2 <= number.len());
    }
}

#[test]
fn each_pair_of_status_and_step_leads_where_the_life_cycle_says() {
    use CustomerStatus::{Active, Closed, Frozen, Pending, Rejected};
    let legal = [
        (Pending, Step::Activate, Active),
        (Frozen, Step::Activate, Active),
        (Active, Step::Freeze, Frozen),
        (Pending, Step::Reject, Rejected),
        (Active, Step::Close, Closed),
        (Frozen, Step::Close, Closed),
    ];

    for from in CustomerStatus::ALL {
        for step in Step::ALL {
            let to = legal.iter().find(|(f, s, _)| (*f, *s) == (from, step)).map(|(_, _, to)| *to);
            assert_eq!(from.after(step), to.ok_or(Rejection::IllegalTransition { from, step }));
        }
    }
}

#[test]
fn one_document_is_one_document_however_it_is_written() {
    let normalized = |text: &str| DocumentNumber::parse(text).unwrap().normalized();

    assert_eq!(normalized("ab-12-3x"), normalized("AB123X"));
    assert_ne!(normalized("AB123X"), normalized("AB123Y"));
}

#[test]
fn values_that_the_contract_forbids_are_refused() {
    for bad in ["", " ", "a\u{0}b", "line\nbreak", &"n".repeat(201)] {
        assert!(FullName::parse(bad).is_err());
    }
    for bad in ["", "123", "12 34", "----", "1---2---3", "１２３４５", &"1".repeat(41)] {
        assert!(DocumentNumber::parse(bad).is_err());
    }
    for bad in ["", "1234", "++12345", "12345x", "+", &"1".repeat(21)] {
        assert!(PhoneNumber::parse(bad).is_err());
    }
    for bad in ["tab\there", &"r".repeat(201)] {
        assert!(Reason::parse(bad).is_err());
    }
    assert!(Reason::parse("").is_ok());
    assert!(Reason::parse_required(" ").is_err());
}

#[test]
fn personal_data_cannot_be_printed() {
    let person = PersonalData {
        name: FullName::parse("Ada Lovelace").unwrap(),
        document_number: DocumentNumber::parse("AB-123456").unwrap(),
        phone: Some(PhoneNumber::parse("+4420123456").unwrap()),
    };

    let printed = format!("{person:?}");

    assert!(!printed.contains("Ada") && !printed.contains("123456"));
}
