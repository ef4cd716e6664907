//! Who is calling.
//!
//! First form: the caller names itself in the metadata `thincore-caller`, such as `channel/mobile` or
//! `service/deposit`, and its role follows from the name. That is trusted only because listeners are on loopback, which
//! the settings enforce. With mutual TLS the name comes from the certificate's SPIFFE id instead, read right here, and
//! the metadata is no longer looked at.

use http::HeaderMap;

use crate::policy::Role;

/// The metadata in which a caller names itself.
pub const CALLER_METADATA: &str = "thincore-caller";

/// The kinds of callers that metrics tell apart.
pub const CALLER_CLASSES: [&str; 7] =
    ["channel", "teller", "operator", "auditor", "scheme", "service", "anonymous"];

/// Who is calling, and what that makes it to the bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Kind and name, such as `teller/0042`.
    pub name: String,
    /// `None` admits to nothing.
    pub role: Option<Role>,
}

impl Identity {
    /// The identity in the headers of a call. A caller without a name has no role.
    pub fn of(headers: &HeaderMap) -> Self {
        let name = headers.get(CALLER_METADATA).and_then(|value| value.to_str().ok());
        // A bound on what is kept per caller.
        let name = name.filter(|name| (1..=64).contains(&name.len())).unwrap_or("anonymous");
        Self { name: name.to_owned(), role: role(name) }
    }

    /// What kind of caller it is, one of [`CALLER_CLASSES`]: the label of metrics must not grow with the number of
    /// callers.
    pub fn class(&self) -> &'static str {
        match self.role {
            Some(Role::Channel) => "channel",
            Some(Role::Teller) => "teller",
            Some(Role::Operator) => "operator",
            Some(Role::Auditor) => "auditor",
            Some(Role::Scheme) => "scheme",
            Some(_) => "service",
            None => "anonymous",
        }
    }

    /// Whether the caller has one of these roles.
    pub fn has_any(&self, roles: &[Role]) -> bool {
        self.role.is_some_and(|role| roles.contains(&role))
    }
}

fn role(name: &str) -> Option<Role> {
    let (kind, rest) = name.split_once('/')?;
    if rest.is_empty() {
        return None;
    }
    match (kind, rest) {
        ("channel", _) => Some(Role::Channel),
        ("teller", _) => Some(Role::Teller),
        ("operator", _) => Some(Role::Operator),
        ("auditor", _) => Some(Role::Auditor),
        ("scheme", _) => Some(Role::Scheme),
        ("service", "customer") => Some(Role::ServiceCustomer),
        ("service", "deposit") => Some(Role::ServiceDeposit),
        ("service", "loan") => Some(Role::ServiceLoan),
        ("service", "card") => Some(Role::ServiceCard),
        ("service", "accounting") => Some(Role::ServiceAccounting),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_follows_from_the_name() {
        assert_eq!(role("channel/mobile"), Some(Role::Channel));
        assert_eq!(role("service/deposit"), Some(Role::ServiceDeposit));
        for name in ["", "channel", "channel/", "service/other", "admin/root", "anonymous"] {
            assert_eq!(role(name), None, "{name}");
        }
    }
}
