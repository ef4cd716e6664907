//! Every method of the contract with a secret where it does not belong: in each field by itself, in all at once, beside
//! other text, and far too long.

use platform::policy::{PolicyTable, Role};
use prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _,
    Value,
};
use testkit::trust;
use tonic::transport::Channel;

use crate::issuing::SCHEME;
use crate::matrix::call::call;
use crate::support::*;

/// More than any field may have, and less than a message may.
const LONG: usize = 20_000;
/// More than the largest message.
const TOO_LONG: usize = 5 << 20;
/// How deep in a message a field may be.
const DEPTH: usize = 3;

/// Calls all methods with all of these, and answers all bytes that came back, and how many calls there were.
pub async fn send(bank: &Bank, secrets: &[String]) -> (Vec<u8>, usize) {
    let (mut told, mut calls) = (Vec::new(), 0);
    let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
    for service in pool.services() {
        let name = service.full_name();
        let policies = PolicyTable::from_descriptors(proto::DESCRIPTORS, name).unwrap();
        for method in service.methods() {
            let path = format!("/{name}/{}", method.name());
            let policy = policies.get(&path).unwrap();
            let connection = connect(bank, name, policy.roles[0]);
            let mut requests = spoiled(&method.input(), secrets);
            if method.name().starts_with("Get") {
                requests.push(secrets[0].repeat(TOO_LONG / secrets[0].len()).into_bytes());
            }
            for (number, request) in requests.into_iter().enumerate() {
                // Now and then the metadata has it, too.
                let customer = match number % 3 {
                    0 => None,
                    1 => Some(secrets[number % secrets.len()].clone()),
                    _ => Some(request_id()),
                };
                let answer = call(connection.clone(), &path, request, customer.as_deref()).await;
                told.extend(answer.everything());
                calls += 1;
            }
        }
    }
    (told, calls)
}

/// A connection of somebody who may call it.
fn connect(bank: &Bank, service: &str, role: Role) -> Channel {
    let caller = match role {
        Role::Channel => CHANNEL,
        Role::Teller => TELLER,
        Role::Operator => OPERATOR,
        Role::Auditor => AUDITOR,
        Role::Scheme => SCHEME,
        Role::ServiceCustomer => "service/customer",
        Role::ServiceDeposit => "service/deposit",
        Role::ServiceLoan => "service/loan",
        Role::ServiceCard => "service/card",
        Role::ServiceAccounting => "service/accounting",
    };
    let short = service.split('.').nth(1).unwrap();
    if short != "operations" {
        return bank.connect(short, caller);
    }
    let file = bank.file();
    let url = &file.service("card").unwrap().operations;
    trust::endpoint(url, file.trust(caller).unwrap().as_ref()).unwrap().connect_lazy()
}

/// Requests of a type with the secrets in them.
fn spoiled(of: &MessageDescriptor, secrets: &[String]) -> Vec<Vec<u8>> {
    let mut requests = Vec::new();
    for secret in secrets {
        let mut all = DynamicMessage::new(of.clone());
        fill(&mut all, secret, DEPTH);
        requests.push(all.encode_to_vec());
        requests.extend(one_by_one(of, secret, DEPTH).iter().map(DynamicMessage::encode_to_vec));
    }
    let long = secrets[0].repeat(LONG / secrets[0].len());
    requests.extend(one_by_one(of, &long, DEPTH).iter().map(DynamicMessage::encode_to_vec));
    let beside = format!("my card {}, please", secrets[0]);
    requests.extend(one_by_one(of, &beside, DEPTH).iter().map(DynamicMessage::encode_to_vec));
    requests
}

/// A message for each field, with the text in that field alone.
fn one_by_one(of: &MessageDescriptor, text: &str, depth: usize) -> Vec<DynamicMessage> {
    let mut found = Vec::new();
    for field in of.fields() {
        let values = match field.kind() {
            Kind::Message(inner) if depth > 0 => {
                one_by_one(&inner, text, depth - 1).into_iter().map(Value::Message).collect()
            }
            _ => value(&field, text).into_iter().collect::<Vec<_>>(),
        };
        for value in values {
            let mut message = DynamicMessage::new(of.clone());
            message.set_field(&field, in_list(&field, value));
            found.push(message);
        }
    }
    found
}

/// Sets every field.
fn fill(message: &mut DynamicMessage, text: &str, depth: usize) {
    for field in message.descriptor().fields() {
        let value = match field.kind() {
            Kind::Message(inner) if depth > 0 => {
                let mut inner = DynamicMessage::new(inner);
                fill(&mut inner, text, depth - 1);
                Some(Value::Message(inner))
            }
            _ => value(&field, text),
        };
        if let Some(value) = value {
            message.set_field(&field, in_list(&field, value));
        }
    }
}

fn in_list(field: &FieldDescriptor, value: Value) -> Value {
    if field.is_list() { Value::List(vec![value]) } else { value }
}

/// The text as a value of that field, where it can be one.
fn value(field: &FieldDescriptor, text: &str) -> Option<Value> {
    match field.kind() {
        Kind::String => Some(Value::String(text.to_owned())),
        Kind::Bytes => Some(Value::Bytes(text.as_bytes().to_vec().into())),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => text.parse().ok().map(Value::I64),
        Kind::Uint64 | Kind::Fixed64 => text.parse().ok().map(Value::U64),
        _ => None,
    }
}
