//! What the policy of a method must say before the contract builds: who may call, how important the call is, for whom a
//! channel acts, and how much people may move.
//!
//! Part of `build.rs`, in a file of its own so that `tests/policies.rs` can show it contracts that it must refuse.

use prost_reflect::{
    DescriptorPool, DynamicMessage, Kind, MessageDescriptor, MethodDescriptor, ReflectMessage,
    Value,
};

const POLICY: &str = "bank.options.v1.rpc";
const MONEY: &str = "bank.common.v1.Money";
const CHANNEL: &str = "ROLE_CHANNEL";
/// People, and what acts for them: nobody checks what they ask for before we do.
const LIMITED: [&str; 2] = [CHANNEL, "ROLE_TELLER"];

/// Everything that the policies of this contract leave open; empty when it is complete.
pub fn gaps(pool: &DescriptorPool) -> Vec<String> {
    let mut gaps = Vec::new();
    for service in pool.services() {
        for method in service.methods() {
            let found = match policy(pool, &method) {
                Some(policy) => of_method(&method, &policy),
                None => vec![format!("has no option ({POLICY})")],
            };
            gaps.extend(found.into_iter().map(|gap| format!("{}: {gap}", method.full_name())));
        }
    }
    gaps
}

fn policy(pool: &DescriptorPool, method: &MethodDescriptor) -> Option<DynamicMessage> {
    let option = pool.get_extension_by_name(POLICY)?;
    let options = method.options();
    options.has_extension(&option).then(|| options.get_extension(&option).as_message().cloned())?
}

fn of_method(method: &MethodDescriptor, policy: &DynamicMessage) -> Vec<String> {
    let mut gaps = Vec::new();
    for field in ["access", "criticality"] {
        if name(policy, field).is_none() {
            gaps.push(format!("says nothing of its {field}"));
        }
    }
    let roles: Vec<String> =
        list(policy, "roles").iter().filter_map(|role| enum_name(policy, "roles", role)).collect();
    if roles.is_empty() {
        gaps.push("admits nobody: name its roles".to_owned());
    }
    let may_call = |role: &str| roles.iter().any(|name| name == role);
    match (may_call(CHANNEL), name(policy, "scope")) {
        (true, None) => {
            gaps.push("a channel may call it: say in scope whether for one customer".to_owned())
        }
        (false, Some(scope)) => gaps.push(format!("no channel may call it: {scope} means nothing")),
        (true, Some(_)) | (false, None) => {}
    }
    let bands = list(policy, "amount_bands");
    let bands: Vec<&DynamicMessage> = bands.iter().filter_map(Value::as_message).collect();
    let banded: Vec<String> = bands.iter().filter_map(|band| name(band, "role")).collect();
    if carries_amount(&method.input(), &mut Vec::new()) {
        for role in LIMITED
            .into_iter()
            .filter(|role| may_call(role) && !banded.iter().any(|name| name == role))
        {
            gaps.push(format!("carries an amount: give {role} an amount band"));
        }
    } else if !bands.is_empty() {
        gaps.push("carries no amount: its amount bands mean nothing".to_owned());
    }
    for (at, role) in banded.iter().enumerate() {
        if !may_call(role) || banded[..at].contains(role) {
            gaps.push(format!(
                "the amount band of {role} is of nobody who may call, or its second"
            ));
        }
    }
    let positive =
        |band: &&DynamicMessage| number(band, "max_amount") > 0 && name(band, "role").is_some();
    if !bands.iter().all(positive) {
        gaps.push("an amount band needs a role and a max_amount of at least 1".to_owned());
    }
    gaps
}

/// Whether a caller says how much: a message of money, or a number of minor units, at any depth.
fn carries_amount(message: &MessageDescriptor, above: &mut Vec<String>) -> bool {
    if message.full_name() == MONEY {
        return true;
    }
    if above.iter().any(|name| name == message.full_name()) {
        return false;
    }
    above.push(message.full_name().to_owned());
    message.fields().any(|field| match field.kind() {
        Kind::Message(inner) => carries_amount(&inner, above),
        Kind::Int64 => field.name().ends_with("_minor"),
        _ => false,
    })
}

/// The name of an enum value that is set; the one that means "not set" is not.
fn name(message: &DynamicMessage, field: &str) -> Option<String> {
    enum_name(message, field, &*message.get_field_by_name(field)?)
}

fn enum_name(message: &DynamicMessage, field: &str, value: &Value) -> Option<String> {
    let Kind::Enum(declared) = message.descriptor().get_field_by_name(field)?.kind() else {
        return None;
    };
    let number = value.as_enum_number().filter(|number| *number != 0)?;
    Some(declared.get_value(number)?.name().to_owned())
}

fn list(message: &DynamicMessage, field: &str) -> Vec<Value> {
    let value = message.get_field_by_name(field);
    value.and_then(|value| value.as_list().map(<[Value]>::to_vec)).unwrap_or_default()
}

fn number(message: &DynamicMessage, field: &str) -> i64 {
    message.get_field_by_name(field).and_then(|value| value.as_i64()).unwrap_or(0)
}
