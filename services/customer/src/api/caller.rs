//! Who asks, and how much of a person it may see.

use platform::identity::Identity;
use platform::policy::Role;
use tonic::Request;

use super::reply::Sight;

/// A caller, as far as this service cares.
pub struct Caller {
    /// Goes into the history of what it changes.
    pub name: String,
    /// What answers show it.
    pub sight: Sight,
}

impl Caller {
    /// The caller of a request, as the platform established it before the handler was reached.
    pub fn of<T>(request: &Request<T>) -> Self {
        let identity = request.extensions().get::<Identity>();
        let clear = identity.is_some_and(|who| who.has_any(&[Role::Teller, Role::Auditor]));
        Self {
            name: identity.map_or("anonymous", |who| &*who.name).to_owned(),
            sight: if clear { Sight::Clear } else { Sight::Masked },
        }
    }
}
