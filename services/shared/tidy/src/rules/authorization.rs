//! The page on authorization has a row for each RPC, and the rows say what the contract says.

use prost_reflect::{DynamicMessage, Kind, MethodDescriptor, ReflectMessage, Value};

use super::proto_contract::{at_method, number, policy};
use super::protos::contract;
use crate::{Finding, Tree};

const PAGE: &str = "docs/reference/authorization.md";
const CHANNEL: &str = "ROLE_CHANNEL";
const SCOPED: &str = "CUSTOMER_SCOPE_REQUIRED";

pub(super) fn authorization(tree: &Tree) -> Vec<Finding> {
    let Ok(contract) = contract(tree) else {
        return Vec::new();
    };
    let page = tree.text(PAGE).unwrap_or_default();
    let (mut findings, mut rows) = (Vec::new(), Vec::new());
    for method in contract.methods() {
        let Some(policy) = policy(&contract, &method) else { continue };
        let row = row(&method, &policy);
        if !page.lines().any(|line| line == row) {
            findings.push(at_method(&method, format!("{PAGE} lacks this row: {row}")));
        }
        rows.push(row);
    }
    for (at, line) in page.lines().enumerate().filter(|(_, line)| is_of_rpc(line)) {
        if !rows.iter().any(|row| row == line) {
            let message = "the contract has no such RPC, or says otherwise of it: take the row out";
            findings.push(Finding::new(PAGE, at + 1, message.to_owned()));
        }
    }
    findings
}

/// Whether the line is a row about an RPC: its first cell is `SomeService.Method`.
fn is_of_rpc(line: &str) -> bool {
    let cell = line.strip_prefix("| `").and_then(|rest| rest.split_once('`'));
    cell.is_some_and(|(name, _)| name.contains("Service."))
}

fn row(method: &MethodDescriptor, policy: &DynamicMessage) -> String {
    let service = method.parent_service();
    let callers: Vec<String> = list(policy, "roles")
        .iter()
        .filter_map(|role| value_name(policy, "roles", role))
        .map(|role| caller(policy, &role))
        .collect();
    let access = if number(policy, "access") == 2 { "write" } else { "read" };
    let class = field_name(policy, "criticality").unwrap_or_default();
    let class = class.trim_start_matches("CRITICALITY_").to_lowercase().replace('_', " ");
    format!(
        "| `{}.{}` | {access}, {class} | {} |",
        service.name(),
        method.name(),
        callers.join("; ")
    )
}

/// A role, with what limits it: `channel for its customer, up to 500,000`.
fn caller(policy: &DynamicMessage, role: &str) -> String {
    let name = role.trim_start_matches("ROLE_").to_lowercase().replace("service_", "service/");
    let scoped = role == CHANNEL && field_name(policy, "scope").as_deref() == Some(SCOPED);
    let bands = list(policy, "amount_bands");
    let mut bands = bands.iter().filter_map(Value::as_message);
    let band = bands.find(|band| field_name(band, "role").as_deref() == Some(role));
    let max = band.and_then(|band| band.get_field_by_name("max_amount")?.as_i64());
    let whose = if scoped { " for its customer" } else { "" };
    let limit = max.map(|max| format!(", up to {}", grouped(max))).unwrap_or_default();
    format!("{name}{whose}{limit}")
}

fn list(message: &DynamicMessage, field: &str) -> Vec<Value> {
    let value = message.get_field_by_name(field);
    value.and_then(|value| value.as_list().map(<[Value]>::to_vec)).unwrap_or_default()
}

fn field_name(message: &DynamicMessage, field: &str) -> Option<String> {
    let value = message.get_field_by_name(field)?;
    value_name(message, field, &value)
}

/// The name of an enum value that is set.
fn value_name(message: &DynamicMessage, field: &str, value: &Value) -> Option<String> {
    let Kind::Enum(declared) = message.descriptor().get_field_by_name(field)?.kind() else {
        return None;
    };
    let number = value.as_enum_number().filter(|number| *number != 0)?;
    Some(declared.get_value(number)?.name().to_owned())
}

/// 1234567 as 1,234,567.
fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
