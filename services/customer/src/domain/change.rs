//! A change of what identifies a customer: proposed by one teller, approved by another.

use super::{CustomerStatus, DocumentKind, DocumentNumber, FullName, PhoneNumber, Rejection};

/// What is to be different. What is absent stays; at least one is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDetails {
    /// Another name.
    pub name: Option<FullName>,
    /// Another document.
    pub document: Option<(DocumentKind, DocumentNumber)>,
    /// Another phone number.
    pub phone: Option<PhoneNumber>,
}

/// Whether the details of a customer in this status may be changed: of those who are gone, nothing may.
pub const fn may_change(status: CustomerStatus) -> Result<(), Rejection> {
    match status {
        CustomerStatus::Pending | CustomerStatus::Active | CustomerStatus::Frozen => Ok(()),
        CustomerStatus::Closed | CustomerStatus::Rejected => Err(Rejection::CustomerNotOpen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_customers_who_are_there_may_be_changed() {
        for status in CustomerStatus::ALL {
            let gone = matches!(status, CustomerStatus::Closed | CustomerStatus::Rejected);
            assert_eq!(may_change(status).is_err(), gone, "{status:?}");
        }
    }
}
