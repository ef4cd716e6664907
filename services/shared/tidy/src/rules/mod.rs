//! The registry of rules.

mod authorization;
mod dependencies;
mod files;
mod layers;
mod leftovers;
mod links;
mod metrics;
mod proto_contract;
mod proto_text;
mod protos;
mod reference;
mod service_tree;
mod sql;
mod statuses;

use crate::Rule;

/// All rules. One that is not here is not checked; one that is here has a fixture in `tests/rules_bite`.
pub const RULES: &[Rule] = &[
    Rule { name: "crate-dependencies", check: dependencies::between_crates },
    Rule { name: "versions-at-the-root", check: dependencies::versions_at_the_root },
    Rule { name: "pure-domain", check: layers::pure_domain },
    Rule { name: "pure-kernel", check: layers::pure_kernel },
    Rule { name: "layers", check: layers::layers },
    Rule { name: "platform-contract", check: layers::platform_contract },
    Rule { name: "status-home", check: statuses::status_home },
    Rule { name: "service-tree", check: service_tree::service_tree },
    Rule { name: "file-length", check: files::length },
    Rule { name: "file-header", check: files::header },
    Rule { name: "file-names", check: files::names },
    Rule { name: "sql-comments", check: sql::comments },
    Rule { name: "sql-constraint-names", check: sql::constraint_names },
    Rule { name: "sql-queries", check: sql::queries },
    Rule { name: "proto-packages", check: proto_text::packages },
    Rule { name: "proto-comments", check: proto_text::comments },
    Rule { name: "proto-enums", check: proto_text::enums },
    Rule { name: "proto-request-names", check: proto_contract::request_names },
    Rule { name: "proto-request-ids", check: proto_contract::request_ids },
    Rule { name: "proto-policies", check: proto_contract::policies },
    Rule { name: "authorization-reference", check: authorization::authorization },
    Rule { name: "links", check: links::links },
    Rule { name: "error-reference", check: reference::errors },
    Rule { name: "configuration-reference", check: reference::configuration },
    Rule { name: "metrics-described", check: metrics::described },
    Rule { name: "metrics-reference", check: metrics::reference },
    Rule { name: "metrics-asked-for", check: metrics::asked_for },
    Rule { name: "alerts", check: metrics::alerts },
    Rule { name: "unfinished", check: leftovers::unfinished },
    Rule { name: "machine-paths", check: leftovers::machine_paths },
];
