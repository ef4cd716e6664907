//! What every RPC promises: messages of its own, a request id where it changes something, a policy.

use std::collections::BTreeMap;

use prost_reflect::{
    DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    MethodDescriptor, Value,
};

use super::protos::{Contract, contract, finding};
use crate::{Finding, Tree};

/// `ACCESS_WRITE` of the policy option.
const WRITE: i32 = 2;
/// `ROLE_CHANNEL`.
const CHANNEL: i32 = 1;

pub(super) fn request_names(tree: &Tree) -> Vec<Finding> {
    let Ok(contract) = contract(tree) else {
        return Vec::new();
    };
    let methods = contract.methods();
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for message in methods.iter().flat_map(|method| [method.input(), method.output()]) {
        *uses.entry(message.full_name().to_owned()).or_default() += 1;
    }
    let mut findings = Vec::new();
    for method in &methods {
        let own = |message: MessageDescriptor, end: &str| {
            let used_once = uses.get(message.full_name()).is_some_and(|&uses| uses == 1);
            used_once && message.name() == format!("{}{end}", method.name())
        };
        if !(own(method.input(), "Request") && own(method.output(), "Response")) {
            let name = method.name();
            let message = format!(
                "give {name} messages of its own, {name}Request and {name}Response: shared ones cannot grow for one RPC"
            );
            findings.push(at_method(method, message));
        }
    }
    findings
}

pub(super) fn request_ids(tree: &Tree) -> Vec<Finding> {
    let Ok(contract) = contract(tree) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for method in contract.methods() {
        let writes =
            policy(&contract, &method).is_some_and(|policy| number(&policy, "access") == WRITE);
        if writes && !names_each_effect(&method.input()) {
            let message = format!(
                "{} changes something: `string request_id = 1;` first in {}, or in each item of a batch",
                method.name(),
                method.input().name()
            );
            findings.push(finding(
                method.input().parent_file_descriptor_proto(),
                method.input().path(),
                message,
            ));
        }
    }
    findings
}

/// Whether every effect that is asked for has a name that a repetition can be known by: a request id, of the request
/// or of each of its items; or, between services, the number that the sender's database gave to a batch.
fn names_each_effect(request: &MessageDescriptor) -> bool {
    let items = request.fields().filter(FieldDescriptor::is_list);
    let mut items = items.filter_map(|field| field.kind().as_message().cloned());
    has_request_id(request) || items.any(|item| has_request_id(&item) || has_batch_number(&item))
}

fn has_request_id(message: &MessageDescriptor) -> bool {
    let first = message.get_field(1);
    first.is_some_and(|field| field.name() == "request_id" && field.kind() == Kind::String)
}

fn has_batch_number(message: &MessageDescriptor) -> bool {
    message.get_field(1).is_some_and(|field| field.name() == "batch_number")
}

pub(super) fn policies(tree: &Tree) -> Vec<Finding> {
    let Ok(contract) = contract(tree) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for method in contract.methods() {
        let policy = policy(&contract, &method);
        let missing = ["access", "criticality", "roles"].into_iter().filter(|part| {
            policy.as_ref().is_none_or(|policy| match *part {
                "roles" => {
                    policy.get_field_by_name("roles").is_none_or(|roles| granted(&roles) == 0)
                }
                part => number(policy, part) == 0,
            })
        });
        let mut missing: Vec<&str> = missing.collect();
        if policy
            .as_ref()
            .is_some_and(|policy| admits_channels(policy) && number(policy, "scope") == 0)
        {
            missing.push("scope, as a channel may call it");
        }
        if !missing.is_empty() {
            let message = format!(
                "option (bank.options.v1.rpc) of {} must set {}: without it the contract does not build",
                method.name(),
                missing.join(", ")
            );
            findings.push(at_method(&method, message));
        }
    }
    findings
}

pub(super) fn at_method(method: &MethodDescriptor, message: String) -> Finding {
    finding(method.parent_file().file_descriptor_proto(), method.path(), message)
}

pub(super) fn policy(contract: &Contract, method: &MethodDescriptor) -> Option<DynamicMessage> {
    let option: ExtensionDescriptor = contract.policy()?;
    let options = method.options();
    options.has_extension(&option).then(|| options.get_extension(&option).as_message().cloned())?
}

pub(super) fn number(policy: &DynamicMessage, field: &str) -> i32 {
    policy.get_field_by_name(field).and_then(|value| value.as_enum_number()).unwrap_or(0)
}

fn admits_channels(policy: &DynamicMessage) -> bool {
    let roles = policy.get_field_by_name("roles");
    let roles = roles.as_ref().and_then(|roles| roles.as_list()).unwrap_or_default();
    roles.iter().any(|role| role.as_enum_number() == Some(CHANNEL))
}

/// How many roles are granted, `ROLE_UNSPECIFIED` not counted.
fn granted(roles: &Value) -> usize {
    let roles = roles.as_list().unwrap_or_default();
    roles.iter().filter(|role| role.as_enum_number().is_some_and(|number| number != 0)).count()
}
