//! Who is calling: the name in the certificate that the caller proved to hold, and the role that follows from it.
//!
//! Nothing that a caller writes into a request makes it somebody else. The one exception is a server that runs
//! unprotected, for measurements: there a caller is who it says in the metadata `thincore-caller`.

use std::sync::Arc;

use http::HeaderMap;

use crate::policy::Role;
use crate::tls::Peer;

/// The metadata in which a caller names itself to an unprotected server.
pub const CALLER_METADATA: &str = "thincore-caller";

/// The metadata in which a channel names the one customer for whom it acts.
pub const CUSTOMER_METADATA: &str = "thincore-customer";

/// The kinds of callers that metrics tell apart.
pub const CALLER_CLASSES: [&str; 7] =
    ["channel", "teller", "operator", "auditor", "scheme", "service", "anonymous"];

/// Who is calling, and what that makes it to the bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Kind and name, such as `teller/0042`.
    pub name: Arc<str>,
    /// `None` admits to nothing.
    pub role: Option<Role>,
}

impl Identity {
    /// The identity with this name.
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), role: role(name) }
    }

    /// The name of whoever made a request, as the gate put it into the request's extensions.
    pub fn name_in(extensions: &http::Extensions) -> Arc<str> {
        extensions.get::<Self>().map_or_else(|| "anonymous".into(), |who| Arc::clone(&who.name))
    }

    /// Whoever is at the other end of the connection on which a call came.
    pub(crate) fn of(peer: Option<&Peer>, headers: &HeaderMap) -> Self {
        match peer {
            Some(Peer::Certified(leaf)) => leaf.identity.clone(),
            Some(Peer::Unprotected) => {
                let name = headers.get(CALLER_METADATA).and_then(|value| value.to_str().ok());
                // A bound on what is kept per caller.
                Self::named(name.filter(|name| name.len() <= 64).unwrap_or("anonymous"))
            }
            Some(Peer::Nobody) | None => Self::named("anonymous"),
        }
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
