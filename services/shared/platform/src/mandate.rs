//! For whom a call acts, and how much it may move: what is left to ask once the gate has let a call in.
//!
//! A channel acts for one customer, whom it names in metadata; everybody else acts for the bank. Which accounts are that
//! customer's only the service knows, so handlers ask here for the customer, and answer what belongs to somebody else as
//! if it did not exist.

use std::sync::Arc;

use kernel::{CustomerId, Money};
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use crate::identity::{CUSTOMER_METADATA, Identity};
use crate::policy::{MethodPolicy, Role};
use crate::status::{self, FieldViolation};

/// What the caller of one request may do.
#[derive(Debug, Clone, Copy)]
pub struct Mandate {
    customer: Option<CustomerId>,
    /// In whole units of any currency; `None` is no limit.
    amount_max: Option<i64>,
}

impl Mandate {
    /// The mandate of a call, by its caller, the method's policy, and the customer that is named.
    ///
    /// # Errors
    /// A channel that must name its customer does not, or names none that could be one. A call that did not pass the
    /// gate has no mandate at all.
    pub fn of<T>(domain: &str, request: &Request<T>) -> Result<Self, Status> {
        let extensions = request.extensions();
        let caller = extensions.get::<Identity>();
        let Some((caller, policy)) = caller.zip(extensions.get::<Arc<MethodPolicy>>()) else {
            return Err(status::internal(domain));
        };
        let mut bands = policy.amount_bands.iter();
        let band = bands.find(|(role, _)| Some(*role) == caller.role);
        let scoped = policy.scoped && caller.role == Some(Role::Channel);
        let customer = if scoped { Some(named(domain, request.metadata())?) } else { None };
        Ok(Self { customer, amount_max: band.map(|(_, max)| *max) })
    }

    /// The one customer for whom the caller acts; `None` where it acts for the bank.
    pub fn customer(&self) -> Option<CustomerId> {
        self.customer
    }

    /// Whether the caller may see what belongs to this customer.
    pub fn covers(&self, owner: CustomerId) -> bool {
        self.customer.is_none_or(|customer| customer == owner)
    }

    /// Lets through an amount that the caller's role may move in one call.
    ///
    /// # Errors
    /// It is above.
    pub fn check_amount(&self, domain: &str, amount: Money) -> Result<(), Status> {
        let Some(max) = self.amount_max else { return Ok(()) };
        let unit = 10_i64.checked_pow(u32::from(amount.currency().decimals()));
        // A limit that does not fit is above every amount that does.
        let max_minor = unit.and_then(|unit| max.checked_mul(unit)).unwrap_or(i64::MAX);
        if amount.minor() <= max_minor {
            return Ok(());
        }
        let message = format!("callers of this kind move at most {max} {}", amount.currency());
        Err(status::permission_denied(domain, "AMOUNT_ABOVE_ROLE_LIMIT", &message))
    }
}

fn named(domain: &str, metadata: &MetadataMap) -> Result<CustomerId, Status> {
    let mut given = metadata.get_all(CUSTOMER_METADATA).iter();
    match (given.next(), given.next()) {
        (None, _) => {
            let message = format!("a channel must name its customer in {CUSTOMER_METADATA}");
            Err(status::permission_denied(domain, "CUSTOMER_REQUIRED", &message))
        }
        (Some(value), None) => {
            let customer = value.to_str().ok().and_then(|text| CustomerId::parse(text).ok());
            customer.ok_or_else(|| malformed(domain, "must be a customer id"))
        }
        (Some(_), Some(_)) => Err(malformed(domain, "must be given once")),
    }
}

fn malformed(domain: &str, description: &str) -> Status {
    let violation = FieldViolation::new(CUSTOMER_METADATA, description);
    status::invalid_argument(domain, vec![violation])
}

#[cfg(test)]
mod tests {
    use kernel::Currency;
    use tonic::Code;
    use tonic_types::StatusExt as _;

    use super::*;
    use crate::policy::Criticality;

    const ID: &str = "019508f0-4a3b-7c5d-8e6f-0123456789ab";

    fn policy(scoped: bool) -> Arc<MethodPolicy> {
        Arc::new(MethodPolicy {
            writes: true,
            criticality: Criticality::Payment,
            roles: vec![Role::Channel, Role::Teller, Role::ServiceLoan],
            money_in_flight: false,
            scoped,
            amount_bands: vec![(Role::Channel, 500), (Role::Teller, i64::MAX)],
        })
    }

    fn mandate(caller: &str, scoped: bool, customers: &[&str]) -> Result<Mandate, Status> {
        let mut request = Request::new(());
        request.extensions_mut().insert(Identity::named(caller));
        request.extensions_mut().insert(policy(scoped));
        for customer in customers {
            request.metadata_mut().append(CUSTOMER_METADATA, customer.parse().unwrap());
        }
        Mandate::of("test", &request)
    }

    fn refusal(answer: Result<Mandate, Status>) -> (Code, String) {
        let status = answer.unwrap_err();
        (status.code(), status.get_details_error_info().unwrap().reason)
    }

    #[test]
    fn a_channel_acts_for_the_customer_that_it_names_and_for_nobody_else() {
        let own = CustomerId::parse(ID).unwrap();
        let other = CustomerId::parse(&ID.replace('a', "b")).unwrap();
        let mandate = mandate("channel/mobile", true, &[ID]).unwrap();

        assert_eq!(mandate.customer(), Some(own));
        assert!(mandate.covers(own) && !mandate.covers(other));
    }

    #[test]
    fn a_channel_that_names_no_customer_or_a_bad_one_gets_nothing() {
        let of = |customers: &[&str]| refusal(mandate("channel/mobile", true, customers));

        assert_eq!(of(&[]), (Code::PermissionDenied, "CUSTOMER_REQUIRED".to_owned()));
        for bad in [&["x"][..], &[""], &[ID, ID]] {
            assert_eq!(of(bad), (Code::InvalidArgument, "INVALID_ARGUMENT".to_owned()), "{bad:?}");
        }
    }

    #[test]
    fn staff_and_services_act_for_the_bank_whatever_they_write() {
        for caller in ["teller/1", "service/loan"] {
            assert_eq!(mandate(caller, true, &[ID]).unwrap().customer(), None);
            assert_eq!(mandate(caller, true, &[]).unwrap().customer(), None);
        }
        assert_eq!(mandate("channel/mobile", false, &[]).unwrap().customer(), None);
    }

    #[test]
    fn a_call_that_did_not_pass_the_gate_has_no_mandate() {
        assert_eq!(Mandate::of("test", &Request::new(())).unwrap_err().code(), Code::Internal);
    }

    #[test]
    fn an_amount_is_compared_in_whole_units_of_its_own_currency() {
        let check = |caller: &str, minor: i64, currency: &str| {
            let amount = Money::new(minor, Currency::parse(currency).unwrap());
            mandate(caller, false, &[]).unwrap().check_amount("test", amount).is_ok()
        };

        assert!(check("channel/mobile", 50_000, "CNY") && !check("channel/mobile", 50_001, "CNY"));
        assert!(check("channel/mobile", 500, "JPY") && !check("channel/mobile", 501, "JPY"));
        assert!(check("teller/1", i64::MAX, "CNY"));
        assert!(check("service/loan", i64::MAX, "CNY"));
    }
}
