//! The policy of each RPC, read from the contract itself: the method options of `bank.options.v1`.
//!
//! A method without a complete policy stops the service from starting.

use std::collections::HashMap;

use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, Value};

/// Classes of traffic, the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Criticality {
    /// A cardholder is waiting at a terminal.
    CardAuthorization,
    /// Money moves for a customer who is waiting.
    Payment,
    /// Somebody looks at a balance or a statement.
    Query,
    /// A report for staff.
    Report,
    /// Work that may wait.
    Batch,
}

impl Criticality {
    /// All of them, in order.
    pub const ALL: [Self; 5] =
        [Self::CardAuthorization, Self::Payment, Self::Query, Self::Report, Self::Batch];

    /// Its name in metrics and refusals.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CardAuthorization => "card_authorization",
            Self::Payment => "payment",
            Self::Query => "query",
            Self::Report => "report",
            Self::Batch => "batch",
        }
    }
}

/// `CUSTOMER_SCOPE_NONE` and `CUSTOMER_SCOPE_REQUIRED`.
const SCOPE_NONE: i32 = 1;
const SCOPE_REQUIRED: i32 = 2;

/// Who a caller is to the bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the roles of bank.options.v1.Role, which explains them")]
pub enum Role {
    Channel,
    Teller,
    Operator,
    Auditor,
    Scheme,
    ServiceCustomer,
    ServiceDeposit,
    ServiceLoan,
    ServiceCard,
    ServiceAccounting,
}

impl Role {
    fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            1 => Self::Channel,
            2 => Self::Teller,
            3 => Self::Operator,
            4 => Self::Auditor,
            5 => Self::Scheme,
            6 => Self::ServiceCustomer,
            7 => Self::ServiceDeposit,
            8 => Self::ServiceLoan,
            9 => Self::ServiceCard,
            10 => Self::ServiceAccounting,
            _ => return None,
        })
    }
}

/// What the platform must know of a method before it lets a call through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodPolicy {
    /// Whether it changes anything.
    pub writes: bool,
    /// Its class.
    pub criticality: Criticality,
    /// Who may call.
    pub roles: Vec<Role>,
    /// Finishes money that has started to move: never shed.
    pub money_in_flight: bool,
    /// Whether a channel acts for one customer here, whom it must name.
    pub scoped: bool,
    /// How much each role may move in one call, in whole units of the currency; who is not in it has no limit here.
    pub amount_bands: Vec<(Role, i64)>,
}

/// A contract that leaves a method without policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The descriptors cannot be read.
    #[error("the contract cannot be read: {0}")]
    Descriptors(String),
    /// The service is not in the contract.
    #[error("the contract has no service {0}")]
    Service(String),
    /// A method lacks part of its policy.
    #[error("{method} has no {part} in its option bank.options.v1.rpc")]
    Incomplete {
        /// Its full name.
        method: String,
        /// What is missing.
        part: &'static str,
    },
}

/// The policies of a service's methods, by path (`/bank.deposit.v1.DepositService/Transfer`).
#[derive(Debug, Clone, Default)]
pub struct PolicyTable(HashMap<String, MethodPolicy>);

impl PolicyTable {
    /// Reads the policies of one service from an encoded `FileDescriptorSet`.
    ///
    /// # Errors
    /// The service is not there, or one of its methods lacks access, criticality, roles, or the scope of channels.
    pub fn from_descriptors(descriptors: &[u8], service: &str) -> Result<Self, PolicyError> {
        let pool = DescriptorPool::decode(descriptors)
            .map_err(|error| PolicyError::Descriptors(error.to_string()))?;
        let found = pool.get_service_by_name(service);
        let found = found.ok_or_else(|| PolicyError::Service(service.to_owned()))?;
        let extension = pool
            .get_extension_by_name("bank.options.v1.rpc")
            .ok_or_else(|| PolicyError::Descriptors("bank.options.v1.rpc is missing".into()))?;
        let mut table = HashMap::new();
        for method in found.methods() {
            let options = method.options();
            let option = options.get_extension(&extension);
            let Value::Message(option) = option.as_ref() else {
                return Err(incomplete(&method, "policy"));
            };
            let path = format!("/{service}/{}", method.name());
            table.insert(path, policy(&method, option)?);
        }
        Ok(Self(table))
    }

    /// The policy of the method at this path.
    pub fn get(&self, path: &str) -> Option<&MethodPolicy> {
        self.0.get(path)
    }

    /// Every path and its policy.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &MethodPolicy)> {
        self.0.iter().map(|(path, policy)| (path.as_str(), policy))
    }
}

fn policy(method: &MethodDescriptor, option: &DynamicMessage) -> Result<MethodPolicy, PolicyError> {
    let number = |field: &str| {
        option.get_field_by_name(field).and_then(|value| value.as_enum_number()).unwrap_or(0)
    };
    let writes = match number("access") {
        1 => false,
        2 => true,
        _ => return Err(incomplete(method, "access")),
    };
    let criticality = usize::try_from(number("criticality"))
        .ok()
        .and_then(|number| Criticality::ALL.get(number.checked_sub(1)?))
        .ok_or_else(|| incomplete(method, "criticality"))?;
    let roles = option.get_field_by_name("roles");
    let roles: Vec<Role> = roles
        .as_ref()
        .and_then(|value| value.as_list())
        .unwrap_or_default()
        .iter()
        .filter_map(|role| Role::from_number(role.as_enum_number()?))
        .collect();
    if roles.is_empty() {
        return Err(incomplete(method, "roles"));
    }
    let scope = number("scope");
    if roles.contains(&Role::Channel) && !matches!(scope, SCOPE_NONE | SCOPE_REQUIRED) {
        return Err(incomplete(method, "scope"));
    }
    let in_flight = option.get_field_by_name("money_in_flight");
    Ok(MethodPolicy {
        writes,
        criticality: *criticality,
        roles,
        money_in_flight: in_flight.and_then(|value| value.as_bool()).unwrap_or(false),
        scoped: scope == SCOPE_REQUIRED,
        amount_bands: amount_bands(method, option)?,
    })
}

/// A band that cannot be read is no reason to let everything pass.
fn amount_bands(
    method: &MethodDescriptor,
    option: &DynamicMessage,
) -> Result<Vec<(Role, i64)>, PolicyError> {
    let bands = option.get_field_by_name("amount_bands");
    let bands = bands.as_ref().and_then(|value| value.as_list()).unwrap_or_default();
    let read = bands.iter().map(|band| {
        let band = band.as_message()?;
        let role = Role::from_number(band.get_field_by_name("role")?.as_enum_number()?)?;
        Some((role, band.get_field_by_name("max_amount")?.as_i64().filter(|max| *max > 0)?))
    });
    read.collect::<Option<_>>().ok_or_else(|| incomplete(method, "amount band that can be read"))
}

fn incomplete(method: &MethodDescriptor, part: &'static str) -> PolicyError {
    PolicyError::Incomplete { method: method.full_name().to_owned(), part }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contracts_policies_are_read() {
        let name = "bank.deposit.v1.DepositService";
        let table = PolicyTable::from_descriptors(proto::DESCRIPTORS, name).unwrap();

        let transfer = table.get("/bank.deposit.v1.DepositService/Transfer").unwrap();
        assert!(transfer.writes);
        assert_eq!(transfer.criticality, Criticality::Payment);
        assert!(transfer.roles.contains(&Role::Channel));
        assert!(!transfer.money_in_flight);
        assert!(transfer.scoped);
        assert_eq!(transfer.amount_bands, [(Role::Channel, 500_000), (Role::Teller, 50_000_000)]);
        let freeze = table.get("/bank.deposit.v1.DepositService/FreezeAccount").unwrap();
        assert!(!freeze.scoped && freeze.amount_bands.is_empty());
        let release = table.get("/bank.deposit.v1.DepositService/ReleaseHold").unwrap();
        assert!(release.money_in_flight);
    }

    #[test]
    fn a_method_without_policy_is_refused() {
        // Reflection's own contract has methods, and no policies of ours: it cannot be served as one of our services.
        let descriptors = tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET;
        let name = "grpc.reflection.v1.ServerReflection";

        assert!(PolicyTable::from_descriptors(descriptors, name).is_err());
    }

    #[test]
    fn an_unknown_service_is_refused() {
        let found = PolicyTable::from_descriptors(proto::DESCRIPTORS, "bank.Nothing");

        assert_eq!(found.unwrap_err(), PolicyError::Service("bank.Nothing".into()));
    }
}
