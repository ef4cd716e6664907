//! How the contract's files are laid out and explained.
//!
//! `buf lint` checks this as well, and more. These stand here because they need nothing installed.

use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto};

use super::protos::{contract, finding, has_comment};
use crate::{Finding, Tree};

/// Numbers of fields in `descriptor.proto`, which the paths of source locations are made of.
const PACKAGE: i32 = 2;
const MESSAGES: i32 = 4;
const ENUMS: i32 = 5;
const SERVICES: i32 = 6;
const FIELDS: i32 = 2;
const NESTED: i32 = 3;
const NESTED_ENUMS: i32 = 4;
const VALUES: i32 = 2;
const METHODS: i32 = 2;

/// Also says when the contract does not compile, so that the other rules need not.
pub(super) fn packages(tree: &Tree) -> Vec<Finding> {
    let contract = match contract(tree) {
        Ok(contract) => contract,
        Err(finding) => return vec![finding],
    };
    let mut findings = Vec::new();
    for file in contract.files() {
        let file = file.file_descriptor_proto();
        let directory = file.name().rsplit_once('/').map_or("", |(directory, _)| directory);
        let package = file.package();
        if package.replace('.', "/") != directory {
            let message = format!(
                "package {package} lives in proto/{}/: move the file",
                package.replace('.', "/")
            );
            findings.push(finding(file, &[PACKAGE], message));
        }
        let version = package.rsplit('.').next().and_then(|last| last.strip_prefix('v'));
        if version.is_none_or(|digits| digits.parse::<u32>().is_err()) {
            let message = format!("package {package} ends in no version: call it {package}.v1");
            findings.push(finding(file, &[PACKAGE], message));
        }
    }
    findings
}

/// An element of a file: what it is called, and where.
struct Element {
    name: String,
    path: Vec<i32>,
}

pub(super) fn comments(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in contract(tree).iter().flat_map(super::protos::Contract::files) {
        let file = file.file_descriptor_proto();
        for element in elements(file) {
            if !has_comment(file, &element.path) {
                let message = format!(
                    "say above `{}` what it means: unit, limits, what absence means",
                    element.name
                );
                findings.push(finding(file, &element.path, message));
            }
        }
    }
    findings
}

pub(super) fn enums(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in contract(tree).iter().flat_map(super::protos::Contract::files) {
        let file = file.file_descriptor_proto();
        for (found, path) in all_enums(file) {
            let zero = found.value.iter().position(|value| value.number() == 0);
            let name = zero.map_or("", |at| found.value[at].name());
            if !name.ends_with("_UNSPECIFIED") {
                let message = format!(
                    "`{name}` is what a caller sends who sets nothing: make it {}_UNSPECIFIED and refuse it",
                    capitals(found.name())
                );
                let at = zero.and_then(|at| i32::try_from(at).ok());
                findings.push(finding(file, &below(&path, VALUES, at.unwrap_or(0)), message));
            }
        }
    }
    findings
}

fn capitals(name: &str) -> String {
    let mut capitals = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !capitals.is_empty() {
            capitals.push('_');
        }
        capitals.extend(c.to_uppercase());
    }
    capitals
}

fn below(path: &[i32], field: i32, at: i32) -> Vec<i32> {
    [path, &[field, at]].concat()
}

fn elements(file: &FileDescriptorProto) -> Vec<Element> {
    let mut found = Vec::new();
    for (service, at) in file.service.iter().zip(0..) {
        let path = vec![SERVICES, at];
        for (method, at) in service.method.iter().zip(0..) {
            found.push(Element { name: method.name().to_owned(), path: below(&path, METHODS, at) });
        }
        found.push(Element { name: service.name().to_owned(), path });
    }
    for (message, path) in all_messages(file) {
        for (field, at) in message.field.iter().zip(0..) {
            let name = format!("{}.{}", message.name(), field.name());
            found.push(Element { name, path: below(&path, FIELDS, at) });
        }
        found.push(Element { name: message.name().to_owned(), path });
    }
    for (declared, path) in all_enums(file) {
        for (value, at) in declared.value.iter().zip(0..) {
            found.push(Element { name: value.name().to_owned(), path: below(&path, VALUES, at) });
        }
        found.push(Element { name: declared.name().to_owned(), path });
    }
    found
}

/// The messages of a file, nested ones after the one they are in.
fn all_messages(file: &FileDescriptorProto) -> Vec<(&DescriptorProto, Vec<i32>)> {
    let top = file.message_type.iter().zip(0..);
    let mut found: Vec<_> = top.map(|(message, at)| (message, vec![MESSAGES, at])).collect();
    let mut next = 0;
    while let Some((message, path)) = found.get(next).cloned() {
        // The compiler makes a message of each map; it is nobody's to explain.
        let nested = message.nested_type.iter().zip(0..).filter(|(message, _)| {
            !message.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry)
        });
        found.extend(nested.map(|(message, at)| (message, below(&path, NESTED, at))));
        next += 1;
    }
    found
}

fn all_enums(file: &FileDescriptorProto) -> Vec<(&EnumDescriptorProto, Vec<i32>)> {
    let top = file.enum_type.iter().zip(0..);
    let mut found: Vec<_> = top.map(|(declared, at)| (declared, vec![ENUMS, at])).collect();
    for (message, path) in all_messages(file) {
        let nested = message.enum_type.iter().zip(0..);
        found.extend(nested.map(|(declared, at)| (declared, below(&path, NESTED_ENUMS, at))));
    }
    found
}
